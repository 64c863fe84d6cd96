import { cp, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { gunzipSync } from "node:zlib";
import Database from "better-sqlite3";
import { describe, expect, it } from "vitest";
import { LedgerError, type RunLedger, verifyAt } from "../../../src/index.js";
import { agentOf, gatedProject, personOf, SESSION } from "../../helpers/gated.js";

const PAYMENT = { destination: "bank", payload: { text: "100 to Bob" }, idempotencyKey: "pay-1" };
const JOB = { agentId: "importer", intentSummary: "Import" };
const FOREIGN = "0".repeat(32);

/** A ledger, and one elsewhere that goes by its id: whoever writes bundles writes what they like. */
const twins = async <T>(before: (app: RunLedger) => Promise<T>) => {
  const [project, other] = [await gatedProject(), await gatedProject()];
  const [first, former] = [await project.open(), await other.open()];
  const had = await before(first);
  // Whoever has it open still writes into it.
  await Promise.all([first.close(), former.close()]);
  await rm(former.dataDir, { recursive: true });
  await cp(first.dataDir, former.dataDir, { recursive: true });
  const [app, twin] = [await project.open(), await other.open()];
  expect(twin.ledger.store.ledgerId).toBe(app.ledger.store.ledgerId);
  return { ...project, app, twin, had };
};

const leadOf = (app: RunLedger) =>
  app.trackedRuns(app.issue({ name: "lead", role: "orchestrator", sessionKey: SESSION }));

const bundleOf = async (app: RunLedger, runId: string): Promise<string> => {
  let text = "";
  for await (const line of app.exportRun(runId)) text += line;
  return text;
};

const importInto = (app: RunLedger, bundle: string) =>
  app.importRun(personOf(app), Readable.from([Buffer.from(bundle)]));

describe("a bundle that names the ledger it arrives at", () => {
  it("brings no intent that this ledger is to have allowed, whatever its header says", async () => {
    const { app, twin } = await twins(async () => undefined);
    const asked = await twin.gate(agentOf(twin)).propose({ ...PAYMENT, policy: "ask-first" });
    await twin.gate(personOf(twin)).approve({ intentId: asked.intentId, contentHash: asked.contentHash });
    const own = await app.gate(agentOf(app)).propose({ ...PAYMENT, policy: "ask-first" });
    const bundle = await bundleOf(twin, asked.runId);
    const { ledgerId } = app.ledger.store;
    for (const said of [bundle, bundle.replace(`"ledgerId":"${ledgerId}"`, `"ledgerId":"${FOREIGN}"`)])
      await expect(importInto(app, said)).rejects.toMatchObject({
        code: "bundle_invalid",
        details: { intentId: asked.intentId },
      });
    await expect(app.gate(agentOf(app)).execute({ intentId: asked.intentId })).rejects.toMatchObject({
      code: "intent_not_found",
    });
    expect(await app.gate(agentOf(app)).getIntent({ intentId: own.intentId })).toMatchObject({
      status: "pending_approval",
    });
    // Elsewhere it is history.
    const elsewhere = await (await gatedProject()).open();
    expect(await importInto(elsewhere, bundle)).toMatchObject({ arrived: true });
    await leadOf(elsewhere).resumeRun({ runId: asked.runId });
    await expect(
      elsewhere.gate(agentOf(elsewhere)).execute({ intentId: asked.intentId }),
    ).rejects.toMatchObject({ code: "intent_not_approved" });
  });

  it("is one that came from elsewhere where this ledger never took it out: nobody here signs its end", async () => {
    const { app, twin, folder } = await twins(async (first) => {
      const { runId } = await leadOf(first).startRun(JOB);
      await leadOf(first).completeRun({ runId });
      await first.receipt(runId);
    });
    const { runId } = await leadOf(twin).startRun(JOB);
    const begun = await bundleOf(twin, runId);
    const { runId: ended } = await leadOf(twin).startRun(JOB);
    await leadOf(twin).completeRun({ runId: ended });
    await twin.receipt(ended);
    await importInto(app, begun);
    const { ledgerId } = app.ledger.store;
    expect((await app.view(runId)).origin).toMatchObject({ ledgerId });
    await leadOf(app).resumeRun({ runId });
    await leadOf(app).completeRun({ runId });
    await expect(app.receipt(runId)).rejects.toMatchObject({ code: "receipt_elsewhere" });
    // One that came signed with this ledger's key is as good as that.
    expect(await importInto(app, await bundleOf(twin, ended))).toMatchObject({ receipt: { ledgerId } });
    const env = { ...process.env, XDG_DATA_HOME: join(folder, "data") };
    expect(await verifyAt({ projectDir: folder, env })).toMatchObject({ flaws: [], receipts: 2 });
  });

  it("is its own where this ledger took out this very run, and not one with more to tell", async () => {
    const { app, twin, clock, had } = await twins(async (first) => {
      const agent = first.gate(agentOf(first));
      const { intentId, runId } = await agent.propose({
        ...PAYMENT,
        destination: "salesforce.import",
        recordCount: 1,
        policy: "crm-low-risk",
      });
      const { executionToken } = await agent.execute({ intentId });
      await agent.report({ intentId, executionToken: executionToken ?? "", status: "succeeded" });
      await leadOf(first).completeRun({ runId });
      return { intentId, runId, seq: (await first.ledger.load(runId)).seq };
    });
    const { runId, intentId } = had;
    // Limits of policies count its intent for a day.
    clock.aheadMs = 25 * 3_600_000;
    const [{ archive = null } = {}] = (await app.prune({ keep: 0 })).runs;
    const error = new LedgerError("access_denied", "No.");
    await twin.noteRefusal({ error, tool: "execute", by: agentOf(twin, "other"), runId });
    expect((await twin.ledger.load(runId)).seq).toBe(had.seq + 1);
    await expect(importInto(app, await bundleOf(twin, runId))).rejects.toMatchObject({
      code: "run_exists",
      message: expect.stringMatching(`where it ended at event ${had.seq}; this is another one.$`),
    });
    await importInto(app, gunzipSync(await readFile(archive ?? "")).toString());
    expect((await app.view(runId)).origin).toBeNull();
    expect(await app.gate(agentOf(app)).getIntent({ intentId })).toMatchObject({ status: "succeeded" });
    expect((await app.receipt(runId)).runId).toBe(runId);
  });

  it("stays one that came from elsewhere when it is taken out and comes back", async () => {
    const { app, twin, folder, clock } = await twins(async () => undefined);
    const { runId } = await leadOf(twin).startRun(JOB);
    const paid = { sideEffectClass: "payment", sideEffectKey: "pay-1" } as const;
    await leadOf(twin).recordEvent({ runId, ...paid, eventType: "tool_call_finished" });
    await importInto(app, await bundleOf(twin, runId));
    await leadOf(app).resumeRun({ runId });
    const own = { ...PAYMENT, idempotencyKey: "pay-2", runId, policy: "ask-first" };
    const { intentId } = await app.gate(agentOf(app)).propose(own);
    await app.gate(personOf(app)).reject({ intentId, reason: "no" });
    await leadOf(app).completeRun({ runId });
    const { ledgerId } = app.ledger.store;
    const env = { ...process.env, XDG_DATA_HOME: join(folder, "data") };
    const now = { aheadDays: 0 };
    // What is told of it must not depend on how often it went.
    for (const _ of ["once", "twice"]) {
      clock.aheadMs = ++now.aheadDays * 25 * 3_600_000;
      const [{ archive = null } = {}] = (await app.prune({ keep: 0 })).runs;
      expect(await verifyAt({ projectDir: folder, env })).toMatchObject({ flaws: [] });
      const bundle = gunzipSync(await readFile(archive ?? "")).toString();
      const said = bundle.replace(`"ledgerId":"${ledgerId}"`, `"ledgerId":"${FOREIGN}"`);
      await expect(importInto(app, said)).rejects.toMatchObject({
        code: "run_exists",
        message: expect.stringMatching(`as one of ledger ${ledgerId}, and the bundle says otherwise.$`),
      });
      expect(await importInto(app, bundle)).toMatchObject({ arrived: true });
      expect((await app.view(runId)).origin).toMatchObject({ ledgerId });
      await expect(app.receipt(runId)).rejects.toMatchObject({ code: "receipt_elsewhere" });
      expect(await verifyAt({ projectDir: folder, env })).toMatchObject({ flaws: [] });
    }
  });

  it("left its keys behind where its archive is gone too, which is missed only for those that it had left", async () => {
    const { app, twin, folder, clock } = await twins(async (first) => {
      const { runId } = await leadOf(first).startRun(JOB);
      await leadOf(first).completeRun({ runId });
      await first.receipt(runId);
    });
    const { runId } = await leadOf(twin).startRun(JOB);
    const paid = { sideEffectClass: "payment", sideEffectKey: "pay-1" } as const;
    await leadOf(twin).recordEvent({ runId, ...paid, eventType: "tool_call_finished" });
    await leadOf(twin).completeRun({ runId });
    await twin.receipt(runId);
    await importInto(app, await bundleOf(twin, runId));
    clock.aheadMs = 25 * 3_600_000;
    for (const { archive } of (await app.prune({ keep: 0 })).runs) await rm(archive ?? "");
    const env = { ...process.env, XDG_DATA_HOME: join(folder, "data") };
    expect(await verifyAt({ projectDir: folder, env })).toMatchObject({
      flaws: [],
      unread: expect.arrayContaining([{ runId, because: "gone" }]),
    });
    const db = new Database(join(app.dataDir, "ledger.db"));
    expect(db.prepare("DELETE FROM keys WHERE key = 'pay-1'").run().changes).toBe(1);
    db.close();
    const { flaws } = await verifyAt({ projectDir: folder, env });
    expect(flaws.map(({ kind, runId: of }) => [kind, of])).toEqual([["key", runId]]);
  });

  it("is another ledger's also where it was gone on with here and taken out: it comes back as no other one's", async () => {
    const { app, clock } = await twins(async () => undefined);
    const there = await (await gatedProject()).open();
    const { runId } = await leadOf(there).startRun(JOB);
    await importInto(app, await bundleOf(there, runId));
    await leadOf(app).resumeRun({ runId });
    await leadOf(app).completeRun({ runId });
    clock.aheadMs = 25 * 3_600_000;
    const [{ archive = null } = {}] = (await app.prune({ keep: 0 })).runs;
    const bundle = gunzipSync(await readFile(archive ?? "")).toString();
    const [ours, theirs] = [app, there].map(({ ledger }) => `"ledgerId":"${ledger.store.ledgerId}"`);
    await expect(importInto(app, bundle.replace(theirs ?? "", ours ?? ""))).rejects.toMatchObject({
      code: "run_exists",
    });
    // Ledgers of before noted no origin, and what they took out comes back as well.
    const db = new Database(join(app.dataDir, "ledger.db"));
    expect(db.prepare("DELETE FROM keys WHERE scope LIKE 'left_origin:%'").run().changes).toBe(1);
    db.close();
    await importInto(app, bundle);
    expect((await app.view(runId)).origin).toMatchObject({ ledgerId: there.ledger.store.ledgerId });
    await expect(app.receipt(runId)).rejects.toMatchObject({ code: "receipt_elsewhere" });
  });

  it("stays this ledger's own: neither another ledger's name nor more to tell is taken for what was taken out", async () => {
    const { app, twin, folder, clock, had } = await twins(async (first) => {
      const { runId } = await leadOf(first).startRun(JOB);
      const paid = { sideEffectClass: "payment", sideEffectKey: "pay-1" } as const;
      await leadOf(first).recordEvent({ runId, ...paid, eventType: "tool_call_finished" });
      await leadOf(first).completeRun({ runId });
      await first.receipt(runId);
      return { runId };
    });
    const { runId } = had;
    clock.aheadMs = 25 * 3_600_000;
    const [{ archive = null } = {}] = (await app.prune({ keep: 0 })).runs;
    const { ledgerId } = app.ledger.store;
    const whole = gunzipSync(await readFile(archive ?? "")).toString();
    const bare = whole.replace(/\n\{"line":"receipt".*\n$/, "\n").replace(',"receipt":true', "");
    const foreign = bare.replace(`"ledgerId":"${ledgerId}"`, `"ledgerId":"${FOREIGN}"`);
    expect(foreign).not.toBe(bare);
    const error = new LedgerError("access_denied", "No.");
    await twin.noteRefusal({ error, tool: "execute", by: agentOf(twin, "other"), runId });
    for (const bundle of [foreign, await bundleOf(twin, runId)])
      await expect(importInto(app, bundle)).rejects.toMatchObject({ code: "run_exists" });
    expect(await importInto(app, whole)).toMatchObject({ arrived: true, receipt: { ledgerId } });
    expect((await app.view(runId)).origin).toBeNull();
    const env = { ...process.env, XDG_DATA_HOME: join(folder, "data") };
    expect(await verifyAt({ projectDir: folder, env })).toMatchObject({ flaws: [], receipts: 1 });
  });
});
