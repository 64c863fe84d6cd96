// A worker elsewhere that imports leads, once, whatever becomes of it: started anew it goes on with the same run. At each boundary it
// says where it is and goes on when it is told to, so that a test may end it, or somebody else, just there.
// Usage: node gate-worker.mjs GATE_MODULE ENDPOINT EFFECTS_URL BATCH, with the key in RUNLEDGER_SDK_KEY

import { createInterface } from "node:readline";

const [module, endpoint, effects, batch] = process.argv.slice(2);
const { Gate } = await import(module);
const gate = new Gate({ endpoint, apiKey: process.env.RUNLEDGER_SDK_KEY });

const told = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const say = (fact) => process.stdout.write(`${JSON.stringify(fact)}\n`);
const boundary = async (at) => {
  say({ at });
  await told.next();
};

const destination = "salesforce.import";
const key = `${destination}:${batch}`;

const { runId } = await gate.startRun({
  agentId: "enrichment-agent",
  intentSummary: "Enrich leads and sync approved changes to Salesforce",
  idempotencyKey: `start ${batch}`,
});
await boundary("run started");

await gate.recordEvent({
  runId,
  eventType: "plan_locked",
  actorId: "enrichment-agent",
  stepName: "enrich",
  payload: { steps: ["fetch", "enrich", "review", "sync"] },
  sideEffectClass: "none",
  idempotencyKey: `plan ${batch}`,
});
await boundary("plan locked");

const { intentId } = await gate.propose({
  runId,
  payload: { text: "name\nAda\n" },
  destination,
  policy: "asks",
  recordCount: 1,
  idempotency_key: batch,
});
await boundary("intent proposed");

let decided;
do decided = await gate.waitForDecision({ intentId, waitMs: 60_000 });
while (decided.status === "pending_approval");
await boundary("approval granted");

await gate.createCheckpoint({ runId, reason: "risky_boundary", suggestedNextAction: "resume_then_execute" });
await boundary("checkpoint sealed");

const context = await gate.resumeRun({ runId });
const blocked = [...context.blockedSideEffectKeys];
await boundary("run resumed");

/** What the other side says of this batch: the one who knows. */
const outside = async () => (await fetch(`${effects}/${batch}`)).json();

const order = await gate.execute({ intentId });
await boundary("execution ordered");

let skipped = null;
if (order.executionToken === null) skipped = order.message;
else {
  // An order that was fetched before may have been carried out before.
  const before = order.inDoubt ? await outside() : { times: 0 };
  if (before.times > 0) skipped = "the other side has it already";
  else await fetch(`${effects}/${batch}`, { method: "POST", body: order.payload.text });
  await boundary("side effect done");
  await gate.report({
    intentId,
    executionToken: order.executionToken,
    status: "succeeded",
    result: { batch },
  });
}
await boundary("execution reported");

await gate.completeRun({ runId });
say({ runId, intentId, key, blocked, skipped });
process.exit(0);
