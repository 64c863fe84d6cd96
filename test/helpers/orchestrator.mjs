import { readFile } from "node:fs/promises";

// A worker as a process of its own, to be killed: makes the run if there is none yet, and drives it to its end.
const [library, projectDir, planFile, as] = process.argv.slice(2);
const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => stop.abort());
const { openRunLedger } = await import(library);
const app = await openRunLedger({ projectDir });
const caller = app.issue({ name: "ada", role: "human", sessionKey: "sweep" });
const { runId, state } = await app.createRun(caller, {
  plan: JSON.parse(await readFile(planFile, "utf8")),
  sessionKey: "sweep",
  originalRequest: "please",
  idempotencyKey: "the only one",
});
if (state.status === "paused")
  await app.ledger.submit(runId, { type: "resume_run", reason: "", overrideStale: false }, caller);
const failWith = (_runId, error) => {
  console.error(error);
  process.exitCode = 1;
};
if (as === "worker") await app.worker({ maxRuns: 1, onTrouble: failWith }).drain(stop.signal);
else await app.drive(runId, stop.signal);
const run = await app.ledger.load(runId);
await app.close();
process.stdout.write(JSON.stringify({ runId, status: run.state.status, stopped: stop.signal.aborted }));
