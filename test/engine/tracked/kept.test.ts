import { copyFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import Database from "better-sqlite3";
import { afterEach, describe, expect, it } from "vitest";
import { type Command, type RunLedger, verifyAt } from "../../../src/index.js";
import { makeSample, onePlan, orchestrator, person, type Sample } from "../../helpers/project.js";

const shops: Sample[] = [];
afterEach(async () => {
  for (const shop of shops.splice(0)) await shop.dispose();
});
const opened = async (settings = ""): Promise<RunLedger> => {
  const shop = await makeSample({ "a.txt": "1\n", "runledger.yaml": settings });
  shops.push(shop);
  return shop.open();
};
const paid = async (app: RunLedger, key = "order-1") => {
  const runs = app.trackedRuns(orchestrator(app));
  const { runId } = await runs.startRun({ agentId: "enricher", intentSummary: "Enrich leads" });
  const event = { runId, sideEffectClass: "payment", sideEffectKey: key } as const;
  await runs.recordEvent({ ...event, eventType: "tool_call_finished" });
  return { runs, runId, event };
};

describe("A run that its client records", () => {
  it("is driven by nobody, and takes no command that needs a plan", async () => {
    const app = await opened();
    const { runId } = await paid(app);
    const [row] = await app.list({ limit: 1 });
    expect(row).toMatchObject({ status: "running", runnable: false, stepsTotal: 0, interrupted: false });
    expect((await app.drive(runId)).run.state.status).toBe("running");
    const plan = (await app.createRun(person(app), { plan: onePlan(), originalRequest: "x" })).runId;
    const refused: readonly Command[] = [
      { type: "pause_run", reason: "x" },
      { type: "resume_run", reason: "x", overrideStale: false },
      { type: "start_step", stepId: "a", base: null },
      { type: "approve_step", stepId: "a", reason: "" },
      { type: "set_budget", budget: { tokens: 1 }, reason: "" },
    ];
    const before = (await app.ledger.load(runId)).seq;
    for (const command of refused)
      await expect(app.ledger.submit(runId, command, person(app))).rejects.toMatchObject({
        code: "run_tracked",
      });
    expect((await app.ledger.load(runId)).seq).toBe(before);
    await expect(app.fork(person(app), { runId })).rejects.toMatchObject({ code: "run_tracked" });
    const ofPlan = app.trackedRuns(person(app)).getRun({ runId: plan });
    await expect(ofPlan).rejects.toMatchObject({ code: "run_not_tracked" });
  });

  it("is interrupted where it is imported, and what happened before happens nowhere again", async () => {
    const there = await opened("durable: { encryption: true }\n");
    const { runId, event } = await paid(there);
    const artifact = { runId, artifactType: "csv", uri: "leads.csv", content: "bmFtZQo=" };
    const { contentHash } = await there.trackedRuns(person(there)).recordArtifact(artifact);
    await there.collectGarbage();
    const lines: Uint8Array[] = [];
    for await (const line of there.exportRun(runId)) lines.push(Buffer.from(line));
    const here = await opened();
    const imported = await here.importRun(person(here), Readable.from(lines));
    expect(Buffer.from((await here.ledger.store.getBlob(contentHash, runId)) ?? []).toString()).toBe(
      "name\n",
    );
    expect(imported.run.state).toMatchObject({ status: "paused", reason: "interrupted" });
    const runs = here.trackedRuns(person(here));
    const context = await runs.resumeRun({ runId });
    expect(context.blockedSideEffectKeys).toEqual(new Set(["order-1"]));
    expect(context.checkpointId).toBeNull();
    const again = await runs.recordEvent({ ...event, eventType: "tool_call_finished" });
    expect(again).toMatchObject({ status: "skipped", first: { runId, seq: 3 } });
    expect(await runs.verifyRun({ runId })).toMatchObject({ valid: true });
  });

  it("is told by verify where somebody says that it was imported, so that its keys would not be missed", async () => {
    const there = await opened();
    const from = await paid(there, "order-9");
    const lines: Uint8Array[] = [];
    for await (const line of there.exportRun(from.runId)) lines.push(Buffer.from(line));
    const app = await opened("");
    const here = shops.at(-1);
    const policy = `require_approval: never\n`;
    await mkdir(join(here?.repo ?? "", "gate-policies"));
    await writeFile(join(here?.repo ?? "", "gate-policies", "lax.yaml"), policy);
    const open = await paid(app, "order-1");
    const ended = await paid(app, "order-2");
    const asked = { runId: ended.runId, payload: { text: "x" }, destination: "d", policy: "lax" };
    await app.gate(orchestrator(app)).propose({ ...asked, idempotencyKey: "k" });
    await ended.runs.completeRun({ runId: ended.runId });
    await app.importRun(person(app), Readable.from(lines));
    await app.trackedRuns(person(app)).resumeRun({ runId: from.runId });
    const flawsNow = async () =>
      (await verifyAt({ projectDir: here?.repo ?? "", env: here?.env ?? {} })).flaws.filter(
        ({ kind }) => kind !== "receipt",
      );
    expect(await flawsNow()).toEqual([]);
    const db = new Database(join(here?.place ?? "", "data", "ledger.db"));
    for (const { runId } of [open, ended])
      db.prepare("INSERT INTO origins VALUES (?, ?, ?)").run(runId, "0".repeat(32), new Date().toISOString());
    db.close();
    expect((await flawsNow()).map(({ runId, message }) => [runId, message])).toEqual(
      [ended.runId, open.runId].map((runId) => [
        runId,
        "It is said to have been imported, and was made here.",
      ]),
    );
  });

  it("leaves its keys behind when it is erased or pruned", async () => {
    const app = await opened("durable: { encryption: true }\nrunLedger: { maxRunHistory: 0 }\n");
    const erased = await paid(app, "order-1");
    const pruned = await paid(app, "order-2");
    for (const { runs, runId } of [erased, pruned]) await runs.completeRun({ runId });
    const child = await erased.runs.startRun({ agentId: "b", intentSummary: "b", parentRunId: erased.runId });
    expect(await app.relatives(erased.runId)).toMatchObject([{ runId: child.runId, relation: "child" }]);
    await app.erase(person(app), erased.runId);
    const inTwoHours = () => new Date(Date.now() + 7_200_000).toISOString();
    const later = await shops[0]?.open({}, inTwoHours);
    const gone = (await later?.prune({ keep: 0 }))?.runs.map(({ runId }) => runId);
    expect(gone).toContain(pruned.runId);
    const next = await paid(app, "order-3");
    for (const sideEffectKey of ["order-1", "order-2"]) {
      const event = { ...next.event, eventType: "tool_call_finished", sideEffectKey } as const;
      expect(await next.runs.recordEvent(event)).toMatchObject({ status: "skipped" });
    }
    for (const runId of [next.runId, child.runId])
      expect(await next.runs.verifyRun({ runId })).toMatchObject({ valid: true });
  });

  it("is told by verify where it was taken out and its archive is not what it was", async () => {
    const app = await opened("runLedger: { maxRunHistory: 0 }\n");
    const [shop] = shops;
    const flawsNow = async () =>
      (await verifyAt({ projectDir: shop?.repo ?? "", env: shop?.env ?? {} })).flaws.map(
        ({ runId, message }) => [runId, message],
      );
    const [first, second] = [await paid(app, "order-1"), await paid(app, "order-2")];
    for (const { runs, runId } of [first, second]) await runs.completeRun({ runId });
    const inTwoHours = () => new Date(Date.now() + 7_200_000).toISOString();
    const { runs } = (await (await shop?.open({}, inTwoHours))?.prune({ keep: 0 })) ?? { runs: [] };
    const archiveOf = (runId: string) => runs.find((run) => run.runId === runId)?.archive ?? "";
    expect(await flawsNow()).toEqual([]);
    // Its keys are those of another run, which ended elsewhere.
    const own = await readFile(archiveOf(first.runId));
    await copyFile(archiveOf(second.runId), archiveOf(first.runId));
    expect(await flawsNow()).toEqual([
      [first.runId, "Its archive ends at another event than it did when it was taken out."],
    ]);
    await writeFile(archiveOf(first.runId), own.subarray(0, 200));
    expect(await flawsNow()).toEqual([[first.runId, "Its archive cannot be read (Z_BUF_ERROR)."]]);
    await rm(archiveOf(first.runId));
    // Its receipt, signed here, says where it ended.
    const { unread, flaws } = await verifyAt({ projectDir: shop?.repo ?? "", env: shop?.env ?? {} });
    expect({ unread, flaws }).toEqual({ unread: [{ runId: first.runId, because: "gone" }], flaws: [] });
    const receiptOf = (runId: string) => join(shop?.place ?? "", "data", "receipts", `${runId}.json`);
    await copyFile(receiptOf(second.runId), receiptOf(first.runId));
    expect(await flawsNow()).toEqual([[first.runId, "Its archive is gone."]]);
    await writeFile(archiveOf(first.runId), own);
    expect(await flawsNow()).toEqual([[first.runId, "Its receipt is about another journal."]]);
    await rm(receiptOf(first.runId));
    const db = new Database(join(shop?.place ?? "", "data", "ledger.db"));
    const freed = [[first.runId, "The business key of its effect is not kept: it could happen again."]];
    // As if it were one that had come from elsewhere, which has left the keys that it had not taken here.
    db.exec("UPDATE keys SET scope = 'left:' || run_id WHERE key = 'order-1'");
    expect(await flawsNow()).toEqual(freed);
    const { ledgerId } = app.ledger.store;
    const came = `INSERT INTO keys VALUES ('left_origin:' || ?, '${ledgerId}', ?, 'x', 1, 1)`;
    db.prepare(came).run(first.runId, first.runId);
    expect(await flawsNow()).toEqual(freed);
    db.exec("DELETE FROM keys WHERE key = 'order-1'");
    expect(await flawsNow()).toEqual(freed);
    await rm(archiveOf(second.runId));
    db.exec("DELETE FROM keys WHERE key = 'order-2'");
    expect(await flawsNow()).toContainEqual([
      second.runId,
      "The business key of its effect is not kept: it could happen again.",
    ]);
    db.exec(`UPDATE removals SET archive = NULL WHERE run_id = '${second.runId}'`);
    db.close();
    expect(await flawsNow()).toContainEqual([
      second.runId,
      "It was taken out without an archive, and was not erased.",
    ]);
  });

  it("keeps a key blocked for those who go on from it, also when it is erased or pruned", async () => {
    const app = await opened("durable: { encryption: true }\nrunLedger: { maxRunHistory: 0 }\n");
    const other = await paid(app, "order-0");
    const first = await paid(app, "order-1");
    const { runs } = first;
    const going = async (parentRunId: string, sideEffectKey: string): Promise<string> => {
      const { runId } = await runs.startRun({ agentId: "b", intentSummary: "b", parentRunId });
      await runs.recordEvent({ ...first.event, runId, eventType: "tool_call_finished", sideEffectKey });
      return runId;
    };
    // What it was told that another run had done, it does not do again either.
    const second = await going(first.runId, "order-0");
    const third = await going(second, "order-3");
    const fourth = await going(third, "order-4");
    for (const runId of [first.runId, second, third]) await runs.completeRun({ runId });
    const all = new Set(["order-0", "order-1", "order-3", "order-4"]);
    const blocked = async (of = app) =>
      (await of.trackedRuns(orchestrator(of)).resumeRun({ runId: fourth })).blockedSideEffectKeys;
    expect(await blocked()).toEqual(all);
    const inTwoHours = () => new Date(Date.now() + 7_200_000).toISOString();
    const later = (await shops[0]?.open({}, inTwoHours)) ?? app;
    await app.erase(person(app), second);
    expect(await blocked()).toEqual(all);
    const gone = (await later.prune({ keep: 0 })).runs.map(({ runId }) => runId);
    expect(new Set(gone)).toEqual(new Set([first.runId, second, third]));
    expect(await blocked(later)).toEqual(all);
    await later.erase(person(later), first.runId);
    expect(await blocked(later)).toEqual(all);
    for (const runId of [fourth, other.runId])
      expect(await later.trackedRuns(orchestrator(later)).verifyRun({ runId })).toMatchObject({
        valid: true,
      });
    const [shop] = shops;
    const whole = shop && (await verifyAt({ projectDir: shop.repo, env: shop.env }));
    expect(whole).toMatchObject({ flawsInAll: 0 });
  });
});
