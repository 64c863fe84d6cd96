import { afterAll, beforeAll, expect, it } from "vitest";
import { sample } from "../../../helpers/bench.js";
import { look } from "../../../helpers/browsing.js";
import { orchestrator, type Sample } from "../../../helpers/project.js";

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
