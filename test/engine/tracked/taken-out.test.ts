import { sign } from "node:crypto";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import Database from "better-sqlite3";
import { describe, expect, it } from "vitest";
import { sha256 } from "../../../src/core/canonical.js";
import { PAYLOAD_TYPE, preAuthenticated } from "../../../src/core/receipts/verify.js";
import { LedgerError, type RunLedger, verifyAt } from "../../../src/index.js";
import { agentOf, type Gated, gatedProject, personOf, SESSION } from "../../helpers/gated.js";

const SETTINGS = "runLedger: { workspaceIsolation: false }\ndurable: { encryption: false }\n";
/** Limits of policies count what an agent was let through with for a day. */
const NEXT_DAY_MS = 25 * 3_600_000;
const PAID = { eventType: "tool_call_finished", sideEffectClass: "payment" } as const;

const leadOf = (app: RunLedger) =>
  app.trackedRuns(app.issue({ name: "lead", role: "orchestrator", sessionKey: SESSION }));

const verified = async ({ folder }: Gated) => {
  const env = { ...process.env, XDG_DATA_HOME: join(folder, "data") };
  const { flaws, unread } = await verifyAt({ projectDir: folder, env });
  return { flaws: flaws.map(({ seq, message }) => [seq, message]), unread };
};

/** All of its runs go, and then their archives. */
const throwAway = async ({ clock }: Gated, app: RunLedger): Promise<void> => {
  clock.aheadMs = NEXT_DAY_MS;
  for (const { archive } of (await app.prune({ keep: 0 })).runs) await rm(archive ?? "");
};

/** Its receipt as one was that says no number of the way it was made in. */
const signAsBefore = async ({ dataDir }: RunLedger, runId: string): Promise<void> => {
  const file = join(dataDir, "receipts", `${runId}.json`);
  const receipt = JSON.parse(await readFile(file, "utf8"));
  const { envelope, keyId } = receipt;
  const statement = JSON.parse(Buffer.from(envelope.payload, "base64").toString());
  delete statement.predicate.versions.statement;
  const bytes = Buffer.from(JSON.stringify(statement));
  const key = await readFile(join(dataDir, "receipts", "keys", `${keyId}.key`), "utf8");
  const sig = sign(null, preAuthenticated(PAYLOAD_TYPE, bytes), key).toString("base64");
  const signatures = [{ keyid: keyId, sig }];
  const signed = { ...envelope, payload: bytes.toString("base64"), signatures };
  await writeFile(file, JSON.stringify({ ...receipt, envelope: signed, digest: sha256(bytes) }));
};

const OF_EFFECT = "The business key of its effect is not kept: it could happen again.";
const OF_INTENT = "The key of its intent is not kept: it could happen again.";

describe("a run that was taken out, and whose archive is gone", () => {
  it("is missed each key of what its receipt tells as done, wherever somebody put the row of it", async () => {
    const gated = await gatedProject(SETTINGS);
    const app = await gated.open();
    const [lead, agent] = [leadOf(app), app.gate(agentOf(app))];
    const { runId } = await lead.startRun({ agentId: "importer", intentSummary: "Pay" });
    const done = async (sideEffectKey: string) =>
      (await lead.recordEvent({ runId, ...PAID, sideEffectKey })).seq;
    const plain = await done("order-1");
    const other = await done("order-2");
    const ask = { destination: "bank", payload: { text: "x" }, policy: "ask-first", runId };
    // What its client did without waiting stays done, whatever became of the intent.
    const denied = await agent.propose({ ...ask, idempotencyKey: "pay-1" });
    const underDenied = await done("bank:pay-1");
    const keyless = await agent.propose(ask);
    const likeKeyless = await done("bank:null");
    for (const { intentId } of [denied, keyless])
      await app.gate(personOf(app)).reject({ intentId, reason: "No." });
    const allowed = await agent.propose({ ...ask, idempotencyKey: "pay-2" });
    const { intentId, contentHash } = allowed;
    await app.gate(personOf(app)).approve({ intentId, contentHash });
    const { executionToken = "" } = await agent.execute({ intentId });
    await agent.report({ intentId, executionToken: executionToken ?? "", status: "succeeded" });
    const proposed = Number(intentId.split(".").at(-1));
    await lead.completeRun({ runId });
    const { runId: second } = await lead.startRun({ agentId: "importer", intentSummary: "Other" });
    await lead.completeRun({ runId: second });
    await throwAway(gated, app);
    const gone = [runId, second].map((of) => ({ runId: of, because: "gone" }));
    expect(await verified(gated)).toEqual({ flaws: [], unread: expect.arrayContaining(gone) });
    const db = new Database(join(app.dataDir, "ledger.db"));
    const missed: (readonly [number, string])[] = [];
    const flawed = async (sql: string, ...more: typeof missed) => {
      expect(db.prepare(sql).run().changes).toBe(1);
      missed.push(...more);
      const { flaws } = await verified(gated);
      expect(new Set(flaws.map(String))).toEqual(new Set(missed.map(String)));
    };
    await flawed(`UPDATE keys SET scope = 'left:' || run_id WHERE key = 'order-1'`, [plain, OF_EFFECT]);
    await flawed(`UPDATE keys SET run_id = '${second}' WHERE key = 'order-2'`, [other, OF_EFFECT]);
    await flawed("DELETE FROM keys WHERE key = 'bank:pay-1'", [underDenied, OF_EFFECT]);
    await flawed("DELETE FROM keys WHERE key = 'bank:null'", [likeKeyless, OF_EFFECT]);
    await flawed("DELETE FROM keys WHERE key = 'bank:pay-2'", [proposed, OF_INTENT]);
    db.close();
    // Ledgers of before gave that one back with its intent.
    await signAsBefore(app, runId);
    const { flaws } = await verified(gated);
    const stillMissed = missed.filter(([seq]) => seq !== underDenied);
    expect(new Set(flaws.map(String))).toEqual(new Set(stillMissed.map(String)));
  });

  it("is no flaw where its receipt holds, whatever was appended behind its end", async () => {
    const gated = await gatedProject(SETTINGS);
    const app = await gated.open();
    const [lead, agent] = [leadOf(app), app.gate(agentOf(app))];
    const run = async () => (await lead.startRun({ agentId: "importer", intentSummary: "Pay" })).runId;
    const [waiting, refused, other] = [await run(), await run(), await run()];
    const ask = { destination: "bank", payload: { text: "x" }, policy: "ask-first", runId: waiting };
    await agent.propose(ask);
    const { seq: paid } = await lead.recordEvent({ runId: waiting, ...PAID, sideEffectKey: "order-1" });
    for (const runId of [waiting, refused, other]) await lead.completeRun({ runId });
    const error = new LedgerError("access_denied", "No.");
    await app.noteRefusal({ error, tool: "execute", by: agentOf(app, "stray"), runId: refused });
    const lastTypes = async (runId: string) =>
      (await app.ledger.events(runId, 0, 100)).slice(-2).map(({ type }) => type);
    expect(await lastTypes(waiting)).toEqual(["run_completed", "intent_cancelled"]);
    expect(await lastTypes(refused)).toEqual(["run_completed", "access_refused"]);
    await throwAway(gated, app);
    const gone = [waiting, refused, other].map((runId) => ({ runId, because: "gone" }));
    expect(await verified(gated)).toEqual({ flaws: [], unread: expect.arrayContaining(gone) });
    const db = new Database(join(app.dataDir, "ledger.db"));
    db.prepare("DELETE FROM keys WHERE key = 'order-1'").run();
    expect((await verified(gated)).flaws).toEqual([[paid, OF_EFFECT]]);
    // One that is said to have ended at another event, or before the end that is signed, is missed.
    db.prepare("UPDATE removals SET last_hash = ? WHERE run_id = ?").run("0".repeat(64), other);
    db.prepare("UPDATE removals SET last_seq = 1 WHERE run_id = ?").run(refused);
    db.close();
    const missed = (await verified(gated)).flaws.filter(([seq]) => seq !== paid);
    expect(missed.map(([, message]) => message)).toEqual(["Its archive is gone.", "Its archive is gone."]);
  });
});
