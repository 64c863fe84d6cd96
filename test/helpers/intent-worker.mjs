// A worker as a process of its own, that kills itself at a boundary: proposes, has it approved, executes, reports. Its effect is a line
// in a file, which it writes as whoever is outside would see it.
import { appendFileSync, readFileSync } from "node:fs";
import { join } from "node:path";

const [library, projectDir, given] = process.argv.slice(2);
const { at, idempotent, aheadMs } = JSON.parse(given);
const { openRunLedger, verifyAt } = await import(library);

const here = (boundary) => {
  if (boundary === at) process.kill(process.pid, "SIGKILL");
};
const effects = join(projectDir, "effects");
const now = () => new Date(Date.now() + aheadMs).toISOString();
const app = await openRunLedger({ projectDir, now });
const agent = app.gate(app.issue({ name: "importer", role: "executor", sessionKey: "gated" }));
const person = app.gate(app.issue({ name: "ada", role: "human", sessionKey: "terminal" }));

const execute = ({ key }) => {
  here("ordered, not done");
  appendFileSync(effects, `${key}\n`);
  here("done, not reported");
  return { imported: 1 };
};
const propose = () =>
  agent.propose({
    runId: process.env.RUN_ID,
    destination: "crm",
    policy: "ask-first",
    payload: { text: "one lead" },
    idempotency_key: "batch-1",
    idempotent,
    execute,
  });
const done = () => {
  try {
    return readFileSync(effects, "utf8").split("\n").filter(Boolean).length;
  } catch {
    return 0;
  }
};

let intent = await propose();
here("proposed");
for (;;) {
  const { intentId, contentHash } = intent;
  if (intent.status === "pending_approval") await person.approve({ intentId, contentHash });
  here("approved");
  if (intent.status === "unknown") {
    // A person looks where it would have arrived, and says so.
    const status = done() > 0 ? "succeeded" : "failed";
    await person.report({ intentId, status });
    intent = await propose();
    if (intent.status !== "skipped") continue;
    break;
  }
  const execution = intent.status === "skipped" ? { status: "skipped" } : await agent.execute({ intentId });
  here("reported");
  if (execution.status === "succeeded" || execution.status === "skipped") break;
  intent = await agent.getIntent({ intentId });
}
const last = await propose();
const { runId } = last;
const events = await app.ledger.events(runId, 0, 1_000);
const verified = await verifyAt({ projectDir });
await app.close();
process.stdout.write(JSON.stringify({ last, types: events.map(({ type }) => type), verified }));
