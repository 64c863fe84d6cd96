// A process that ends a run and is killed at that very event, before anything is signed.
const [library, projectDir] = process.argv.slice(2);
const { openRunLedger } = await import(library);

const plan = {
  goal: "It ends",
  steps: [
    {
      id: "a",
      goal: "a",
      owner_agent: "coder",
      validator: { type: "command_pass", target: "true" },
      max_retries: 0,
    },
  ],
};
const app = await openRunLedger({ projectDir, agents: { coder: () => "done" } });
const ada = app.issue({ name: "ada", role: "human", sessionKey: "killed" });
app.ledger.observe((events) => {
  if (events.some(({ type }) => type === "run_completed")) process.kill(process.pid, "SIGKILL");
});
const { runId } = await app.createRun(ada, { plan, sessionKey: "killed", originalRequest: "please" });
await app.drive(runId);
