// The client of a run, as a process of its own, to be killed at one of its boundaries: it pays once, whatever happens.
import { appendFileSync, existsSync, readFileSync } from "node:fs";

const [library, projectDir, bank, killAt] = process.argv.slice(2);
const { openRunLedger } = await import(library);

const dieAt = (place) => {
  if (place === killAt) process.kill(process.pid, "SIGKILL");
};
const around = async (place, work) => {
  dieAt(`before ${place}`);
  const answer = await work();
  dieAt(`after ${place}`);
  return answer;
};

const app = await openRunLedger({ projectDir });
const runs = app.trackedRuns(app.issue({ name: "payer", role: "orchestrator", sessionKey: "shop" }));
const [begun] = await app.list({ limit: 1, sessionKey: "shop" });
const { runId } =
  begun ??
  (await around("starting", () => runs.startRun({ agentId: "payer", intentSummary: "Pay order 7" })));
const context = begun ? await around("resuming", () => runs.resumeRun({ runId })) : undefined;

const paying = { runId, sideEffectClass: "payment", sideEffectKey: "bank:order-7" };
const pay = async () => appendFileSync(bank, "paid\n");
const hasPaid = () => existsSync(bank) && readFileSync(bank, "utf8") !== "";
const isBegun = context?.begun.some(({ key }) => key === paying.sideEffectKey) === true;
const isBlocked = context?.blockedSideEffectKeys.has(paying.sideEffectKey) === true;
const end = () => runs.recordEvent({ ...paying, eventType: "tool_call_finished" });
if (isBegun) {
  // Only the other side knows.
  if (!hasPaid()) await around("paying", pay);
  await around("ending", end);
} else if (!isBlocked) {
  await around("beginning", () => runs.recordEvent({ ...paying, eventType: "tool_call_started" }));
  await around("paying", pay);
  await around("ending", end);
}
await around("signing", () => runs.createCheckpoint({ runId, reason: "periodic_safety" }));
await around("completing", () => runs.completeRun({ runId, message: "paid" }));
console.log(JSON.stringify({ blocked: isBlocked, begun: isBegun }));
await app.close();
