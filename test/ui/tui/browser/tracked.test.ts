import { rename } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { sample } from "../../../helpers/bench.js";
import { look } from "../../../helpers/browsing.js";
import { orchestrator, person, type Sample } from "../../../helpers/project.js";

let shop: Sample;
beforeAll(async () => {
  shop = await sample({ "a.txt": "1\n" });
});
afterAll(() => shop.dispose());

it("A run that its client records is a page of its facts, and offers no driving", async () => {
  const app = await shop.open();
  const runs = app.trackedRuns(orchestrator(app));
  const { runId } = await runs.startRun({ agentId: "enricher", intentSummary: "Enrich leads" });
  const begun = { sideEffectClass: "payment", sideEffectKey: "order-7" } as const;
  await runs.recordEvent({ runId, eventType: "tool_call_started", ...begun });
  await runs.createCheckpoint({ runId, reason: "interruption" });
  const screen = await look({ app }, { columns: 120, rows: 30 });
  await screen.shows(/Enrich leads/);
  await screen.press("enter");
  await screen.shows(/It is interrupted: Its client was interrupted/);
  await screen.shows(/client +enricher: events 1, side effects 1/);
  await screen.shows(/in doubt +order-7, begun at event 3/);
  expect(await screen.text()).not.toMatch(/\bresume\b.*\bcancel\b/);
  await screen.shows(/u decide/);
  await screen.press("u");
  await screen.shows(/order-7 \(payment\) was begun at event 3/);
  await screen.shows(`runledger runs answer ${runId} order-7 happened`);
  await screen.press("n", "enter", ..."refused", "enter");
  await screen.shows(/✔ runledger runs answer .* order-7 not-happened --reason refused/);
  expect((await runs.getRun({ runId })).run).toMatchObject({ begunSideEffects: [], blockedSideEffects: 0 });
  await screen.press("u");
  await screen.shows(/Nobody asks here what became of an effect/);
  await screen.press("ctrl+c");
  await app.close();
});

it("A run that was erased is listed, says so beside the list, and stands in the way of no other", async () => {
  const sealed = await sample({ "runledger.yaml": "durable: { encryption: true }\n" });
  const app = await sealed.open();
  const runs = app.trackedRuns(orchestrator(app));
  const { runId } = await runs.startRun({ agentId: "enricher", intentSummary: "Enrich leads" });
  await runs.completeRun({ runId });
  await runs.startRun({ agentId: "importer", intentSummary: "Import leads" });
  await app.erase(person(app), runId);
  const screen = await look({ app }, { columns: 160, rows: 30 });
  await screen.shows(/Its client "importer" works on it/);
  await screen.press("j");
  await screen.shows(/\[run_erased\] Run "run_\w+" was erased/);
  expect(await screen.text()).not.toMatch(/Its client "importer" works on it/);
  await screen.press("k");
  await screen.shows(/Its client "importer" works on it/);
  expect(await screen.text()).not.toMatch(/run_erased/);
  await screen.press("ctrl+c");
});

it("A sealed run whose key is away still counts as one that waits, and does not hide the others", async () => {
  const sealed = await sample({ "runledger.yaml": "durable: { encryption: true }\n" });
  const first = await sealed.open();
  const runs = first.trackedRuns(orchestrator(first));
  const { runId } = await runs.startRun({ agentId: "enricher", intentSummary: "Enrich leads" });
  const begun = { sideEffectClass: "payment", sideEffectKey: "order-7" } as const;
  await runs.recordEvent({ runId, eventType: "tool_call_started", ...begun });
  await runs.createCheckpoint({ runId, reason: "interruption" });
  const screen = await look({ app: first }, { columns: 120, rows: 30 });
  await screen.press("w");
  await screen.shows(/ 1 question\b/);
  await screen.press("ctrl+c");
  await rename(join(first.dataDir, "ledger.key"), join(sealed.place, "away.key"));
  await first.close();
  const app = await sealed.open();
  const later = await look({ app }, { columns: 120, rows: 30 });
  await later.press("w");
  await later.shows(/ 0 questions, and 1 more run that waits\s+What they ask cannot be read here/);
  await later.press("ctrl+c");
});

it("A run that is over says on its page which key signed for it", async () => {
  const app = await shop.open();
  const runs = app.trackedRuns(orchestrator(app));
  const { runId } = await runs.startRun({ agentId: "enricher", intentSummary: "Enrich leads once" });
  const screen = await look({ app }, { columns: 120, rows: 30 }, { runId });
  await screen.shows(/Enrich leads once/);
  expect(await screen.text()).not.toMatch(/signed with key/);
  await runs.completeRun({ runId });
  const { keyId } = await app.receipt(runId);
  await screen.press("r");
  await screen.shows(`signed with key ${keyId.slice(0, 16)}…: runledger receipt show`);
  await screen.press("ctrl+c");
  await app.close();
});
