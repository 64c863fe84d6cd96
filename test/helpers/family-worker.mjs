// A worker as a process of its own, to be killed: its agent starts a run and waits for it, or is cancelled while it does.
const [library, projectDir, scenario] = process.argv.slice(2);
const { openRunLedger } = await import(library);

const plan = (id, owner) => ({
  goal: id,
  steps: [
    {
      id,
      goal: id,
      owner_agent: owner,
      validator: { type: "command_pass", target: "true" },
      max_retries: 0,
    },
  ],
});
const agents = {
  lead: async (_task, effects) => JSON.stringify(await effects.child("sub", plan("sub", "helper"))),
  helper: async (_task, effects) =>
    scenario === "cancelled" ? effects.promise("never") : `done at ${await effects.now()}`,
};
const app = await openRunLedger({ projectDir, agents });
const ada = app.issue({ name: "ada", role: "human", sessionKey: "sweep" });
const { runId } = await app.createRun(ada, {
  plan: plan("a", "lead"),
  sessionKey: "sweep",
  originalRequest: "please",
  idempotencyKey: "the only one",
});
const isOver = async () => ["completed", "failed"].includes((await app.ledger.load(runId)).state.status);
if (!(await isOver())) await app.drive(runId);
if (scenario === "cancelled" && !(await isOver()))
  await app.ledger.submit(runId, { type: "cancel_run", reason: "enough" }, ada);
// Whoever comes by does what is left to do.
const onTrouble = (_run, error) => {
  throw error;
};
await app.worker({ maxRuns: 4, onTrouble }).drain(new AbortController().signal);
const due = await app.ledger.list({ limit: 10, claimable: true });
const runs = await Promise.all(
  (await app.ledger.list({ limit: 10 })).map(async (row) => ({
    runId: row.runId,
    status: row.status,
    types: (await app.ledger.events(row.runId, 0, 1_000)).map(({ type }) => type),
  })),
);
await app.close();
process.stdout.write(JSON.stringify({ due: due.length, runs, dataDir: app.dataDir }));
