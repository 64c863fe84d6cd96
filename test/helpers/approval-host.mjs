// A host as a process of its own, to be killed: its agent reserves, waits for a person, then buys and tells of it.
const [library, projectDir, world] = process.argv.slice(2);
const { openRunLedger } = await import(library);

const call = async (name, key) => {
  const answer = await fetch(`${world}/${name}`, { method: "POST", headers: { "idempotency-key": key } });
  return answer.json();
};
const guarded = { class: "guarded", risk: "money", onAmbiguous: "fail" };
const buyer = async (_task, effects) => {
  const once = (name) => effects.effect(name, guarded, ({ key }) => call(name, key));
  const reserved = await once("reserve");
  const signed = await effects.promise("sign-off");
  const bought = await once("buy");
  const told = await once("tell");
  return JSON.stringify([reserved.receipt, signed, bought.receipt, told.receipt]);
};

const app = await openRunLedger({ projectDir, agents: { buyer } });
const ada = app.issue({ name: "ada", role: "human", sessionKey: "shop" });
const step = { id: "a", goal: "buy", owner_agent: "buyer", max_retries: 0 };
const { runId, state } = await app.createRun(ada, {
  plan: { goal: "buy", steps: [{ ...step, validator: { type: "command_pass", target: "true" } }] },
  sessionKey: "shop",
  originalRequest: "please",
  idempotencyKey: "the only one",
});
const stop = new AbortController();
app.ledger.observe((events) => {
  for (const { type } of events) {
    process.stdout.write(`${type}\n`);
    if (type === "run_completed" || type === "run_paused") stop.abort();
  }
});
if (state.status === "paused")
  await app.ledger.submit(runId, { type: "resume_run", reason: "", overrideStale: false }, ada);
await app
  .worker({ maxRuns: 1, onTrouble: (_, error) => process.stderr.write(`${error}\n`) })
  .run(stop.signal);
await app.close();
