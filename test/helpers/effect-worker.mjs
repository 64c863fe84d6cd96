// A worker as a process of its own, to be killed: its agent does effects against a server that counts calls.
const [library, projectDir, scenarioText, server] = process.argv.slice(2);
const { effects: wanted, together, key: businessKey } = JSON.parse(scenarioText);
const { openRunLedger } = await import(library);

const call = async (name, key) => {
  const answer = await fetch(`${server}/${name}`, { method: "POST", headers: { "idempotency-key": key } });
  return answer.json();
};
const coder = async (_task, effects) => {
  const perform = ({ name, ...options }) =>
    effects.effect(name, { ...options, ...(businessKey ? { key: `order-${name}` } : {}) }, ({ key }) =>
      call(name, key),
    );
  const receipts = [];
  if (together) receipts.push(...(await Promise.all(wanted.map(perform))));
  else for (const one of wanted) receipts.push(await perform(one));
  return JSON.stringify(receipts.map((receipt) => receipt ?? null));
};

const app = await openRunLedger({ projectDir, agents: { coder } });
const ada = app.issue({ name: "ada", role: "human", sessionKey: "sweep" });
const step = {
  id: "a",
  goal: "charge",
  owner_agent: "coder",
  validator: { type: "command_pass", target: "true" },
};
const { runId } = await app.createRun(ada, {
  plan: { goal: "charge", steps: [{ ...step, max_retries: 0 }] },
  sessionKey: "sweep",
  originalRequest: "please",
  idempotencyKey: "the only one",
});

/** A person asks the other side what happened, and says so. */
const answer = async (run) => {
  for (const { call: open } of run.steps[0].effects.open) {
    const { calls } = await (await fetch(`${server}/${open.name}`)).json();
    const decision = calls === 0 ? "rerun" : "skip";
    const about = { stepId: "a", attempt: run.steps[0].attempt, position: open.position };
    await app.ledger.submit(
      runId,
      { type: "decide_effect", ...about, decision, reason: "they told me" },
      ada,
    );
  }
  await app.ledger.submit(runId, { type: "resume_run", reason: "", overrideStale: false }, ada);
};
for (let run = await app.ledger.load(runId); ; ) {
  if (run.state.status === "paused") await answer(run);
  ({ run } = await app.drive(runId));
  if (run.state.status !== "paused" || run.steps[0].effects.open.length === 0) break;
}
const events = await app.ledger.events(runId, 0, 1_000);
await app.close();
const told = events.map(({ type, payload }) => ({ type, payload }));
process.stdout.write(JSON.stringify({ status: told.at(-1)?.type, told }));
