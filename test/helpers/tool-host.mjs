import { appendFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

// A host that works on its steps itself and calls tools, as a process of its own, to be killed. Coming back, it says
// everything again that it may have said before.
const [library, projectDir, planFile] = process.argv.slice(2);
const { openRunLedger } = await import(library);
const app = await openRunLedger({ projectDir });
const sessionKey = "sweep";
const { runId, steps } = await app.createRun(app.issue({ name: "ada", role: "human", sessionKey }), {
  plan: JSON.parse(await readFile(planFile, "utf8")),
  sessionKey,
  originalRequest: "please",
  idempotencyKey: "the only one",
});
const tools = app.toolsFor(app.issue({ name: "coder", role: "executor", sessionKey }));
const call = (name, input) => tools.find((tool) => tool.name === name).call(input);
for (const { spec } of steps) {
  const on = { run_id: runId, step_id: spec.id };
  const step = (await app.ledger.load(runId)).steps.find((one) => one.spec.id === spec.id);
  if (step.state.status === "pending" || step.state.status === "in_progress") {
    const { workspace } = await call("run_start_step", on);
    await appendFile(join(process.env.TRIAL, "agents"), `${spec.id} ${process.env.WORKER}\n`);
    await writeFile(join(workspace, `${spec.id}.txt`), "done\n");
  }
  await call("run_propose_step_result", { ...on, result: "done", idempotency_key: spec.id });
}
const { state } = await app.ledger.load(runId);
await app.close();
process.stdout.write(state.status);
process.exitCode = state.status === "completed" ? 0 : 1;
