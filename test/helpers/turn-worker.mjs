// A worker as a process of its own, whose agent works in turns and is killed at the named place of a turn.
import { appendFileSync } from "node:fs";

const [library, projectDir, log, killAt = ""] = process.argv.slice(2);
const { openRunLedger } = await import(library);

const dieAt = (place) => {
  if (place === killAt) process.kill(process.pid, "SIGKILL");
};
const coder = async (_task, effects) => {
  const from = await effects.resumed();
  const said = [...(from?.workingMemory.said ?? [])];
  appendFileSync(log, `from ${from?.turn ?? 0}\n`);
  for (let turn = said.length + 1; turn <= 3; turn += 1) {
    dieAt(`${turn} begins`);
    const word = await effects.effect("think", { class: "idempotent" }, () => {
      appendFileSync(log, `think ${turn}\n`);
      dieAt(`${turn} thinks`);
      return `word ${turn}`;
    });
    said.push(word);
    dieAt(`${turn} ends`);
    await effects.checkpoint({ workingMemory: { said } });
    dieAt(`${turn} is signed`);
  }
  return said.join(", ");
};

const app = await openRunLedger({ projectDir, agents: { coder: { version: "1", work: coder } } });
const ada = app.issue({ name: "ada", role: "human", sessionKey: "turns" });
const validator = { type: "command_pass", target: "true" };
const { runId } = await app.createRun(ada, {
  plan: { goal: "think", steps: [{ id: "a", goal: "think", owner_agent: "coder", validator }] },
  sessionKey: "turns",
  originalRequest: "please",
  idempotencyKey: "the only one",
});
const { run } = await app.drive(runId);
const checkpoints = await app.checkpoints(runId);
await app.close();
process.stdout.write(
  JSON.stringify({
    result: run.steps[0].state.proposal?.result,
    attempt: run.steps[0].attempt,
    checkpoints: checkpoints.map(({ turn, holds }) => `${turn} ${holds}`),
  }),
);
