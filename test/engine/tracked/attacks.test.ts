import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, describe, expect, it } from "vitest";
import { sha256 } from "../../../src/core/canonical.js";
import { type RunLedger, verifyAt } from "../../../src/index.js";
import { makeSample, onePlan, orchestrator, person, type Sample } from "../../helpers/project.js";

// What programs of this kind fail at, one by one: research of seed 000 calls them W1 to W16.

let shop: Sample;
afterEach(() => shop.dispose());

const opened = async (settings = ""): Promise<RunLedger> => {
  shop = await makeSample({ "leads.csv": "name\nAda\n", "runledger.yaml": settings });
  return shop.open();
};
const started = async (app: RunLedger, more: object = {}) => {
  const runs = app.trackedRuns(orchestrator(app));
  const { runId } = await runs.startRun({ agentId: "enricher", intentSummary: "Enrich leads", ...more });
  return { runs, runId };
};
const paying = (key: string) => ({ sideEffectClass: "payment", sideEffectKey: key }) as const;
const database = (app: RunLedger) => new Database(join(app.dataDir, "ledger.db"));
const fileOf = (app: RunLedger, id: string) => join(app.dataDir, "checkpoints", id);

describe("A checkpoint", () => {
  it("is of the last event, and holds whatever comes after it (W1, W2, W6)", async () => {
    const app = await opened("durable: { checkpointAt: [] }\n");
    const { runs, runId } = await started(app);
    for (let at = 1; at <= 3; at += 1)
      await runs.recordEvent({ runId, eventType: "plan_locked", payload: at });
    const { checkpointId } = await runs.createCheckpoint({ runId, reason: "interruption" });
    const [{ eventLogPosition } = { eventLogPosition: 0 }] = await app.checkpoints(runId);
    expect(eventLogPosition).toBe(5);
    await runs.recordEvent({ runId, eventType: "tool_call_finished", ...paying("order-1") });
    expect((await runs.getRun({ runId })).resumableCheckpoints).toEqual([checkpointId]);
    expect(await runs.resumeRun({ runId })).toMatchObject({ checkpointId, broken: [] });
    expect(await runs.verifyRun({ runId })).toMatchObject({ valid: true, checkpoints: 1 });
  });

  it("names keys recorded after it as blocked (W5), in a Set (W4)", async () => {
    const app = await opened("durable: { checkpointAt: [] }\n");
    const { runs, runId } = await started(app);
    await runs.recordEvent({ runId, eventType: "tool_call_finished", ...paying("before") });
    await runs.createCheckpoint({ runId });
    await runs.recordEvent({ runId, eventType: "tool_call_finished", ...paying("after") });
    const { blockedSideEffectKeys } = await runs.resumeRun({ runId });
    expect(blockedSideEffectKeys).toEqual(new Set(["before", "after"]));
  });

  it("of another run resumes nothing (W8)", async () => {
    const app = await opened();
    const { runs, runId } = await started(app);
    const other = await started(app);
    const { checkpointId } = await runs.createCheckpoint({ runId });
    const resumed = runs.resumeRun({ runId: other.runId, fromCheckpointId: checkpointId });
    await expect(resumed).rejects.toMatchObject({ code: "checkpoint_not_found" });
    const own = await runs.resumeRun({ runId, fromCheckpointId: checkpointId });
    expect(own.checkpointId).toBe(checkpointId);
  });

  it("that does not hold is named, and the one before is taken (W9); asked for by name it is refused", async () => {
    const app = await opened("durable: { checkpoints: file }\n");
    const { runs, runId } = await started(app);
    const first = await runs.createCheckpoint({ runId, suggestedNextAction: "as the first says" });
    const second = await runs.createCheckpoint({ runId });
    await writeFile(fileOf(app, join(runId, second.checkpointId)), "spoilt");
    const context = await runs.resumeRun({ runId });
    expect(context).toMatchObject({
      checkpointId: first.checkpointId,
      suggestedNextAction: "as the first says",
      broken: [{ id: second.checkpointId, why: "is not as it was written" }],
    });
    const named = runs.resumeRun({ runId, fromCheckpointId: second.checkpointId });
    await expect(named).rejects.toMatchObject({ code: "checkpoint_corrupt" });
    const verified = await runs.verifyRun({ runId });
    expect(verified).toMatchObject({
      valid: false,
      ledgerIntegrity: { valid: true },
      checkpointIntegrity: {
        valid: false,
        flaws: [{ runId, message: `${second.checkpointId} is not as it was written.` }],
      },
    });
  });

  it("is not needed: without any that holds, the journal tells the same", async () => {
    const app = await opened("durable: { checkpoints: memory }\n");
    const { runs, runId } = await started(app);
    await runs.recordEvent({ runId, eventType: "tool_call_finished", ...paying("order-1") });
    const later = await shop.open();
    const context = await later.trackedRuns(person(later)).resumeRun({ runId });
    expect(context).toMatchObject({ checkpointId: null, broken: [{ why: "is gone" }], receiptsInAll: 1 });
    expect(context.blockedSideEffectKeys).toEqual(new Set(["order-1"]));
  });
});

describe("A run of a client", () => {
  it("tells of all its events, however many there are (W3)", async () => {
    const app = await opened("durable: { checkpointAt: [] }\n");
    const { runs, runId } = await started(app);
    const events = Array.from({ length: 1_001 }, (_, at) => ({
      ...{ runId, eventType: "tool_call_finished", ...paying(`order-${at}`) },
    }));
    for (const event of events) await runs.recordEvent(event as Parameters<typeof runs.recordEvent>[0]);
    await runs.createCheckpoint({ runId });
    const { events: listed } = await runs.getRunEvents({ runId });
    expect(listed).toHaveLength(1_001 + 2);
    const page = await runs.getRunEvents({ runId, after: 1_000, limit: 2 });
    expect(page).toMatchObject({ events: [{ seq: 1_001 }, { seq: 1_002 }], next: 1_002 });
    expect((await runs.resumeRun({ runId })).blockedSideEffectKeys.size).toBe(1_001);
  });

  it("cannot be resumed once it is over, nor recorded in (W9)", async () => {
    const app = await opened();
    const { runs, runId } = await started(app);
    await runs.failRun({ runId, message: "given up" });
    const over = { code: "run_terminal" };
    await expect(runs.resumeRun({ runId })).rejects.toMatchObject(over);
    await expect(runs.createCheckpoint({ runId })).rejects.toMatchObject(over);
    await expect(runs.recordEvent({ runId, eventType: "plan_locked" })).rejects.toMatchObject(over);
    await expect(runs.handoff({ runId, toActor: "Ada", summary: "" })).rejects.toMatchObject(over);
    expect((await runs.getRun({ runId })).run).toMatchObject({ status: "failed", resumable: false });
    expect((await app.ledger.load(runId)).seq).toBe(3);
  });

  it("takes no word of its client for what only the ledger can know (W10)", async () => {
    const app = await opened();
    const { runs, runId } = await started(app);
    const before = (await app.ledger.load(runId)).seq;
    for (const eventType of ["approval_received", "execution_succeeded", "policy_checked", "run_resumed"]) {
      const forged = runs.recordEvent({ runId, eventType } as never);
      await expect(forged).rejects.toMatchObject({ code: "access_denied" });
    }
    await expect(runs.recordEvent({ runId, eventType: "paid" } as never)).rejects.toMatchObject({
      code: "invalid_input",
    });
    const stranger = app.issue({ name: "mallory", role: "orchestrator", sessionKey: "elsewhere" });
    const theirs = app.trackedRuns(stranger);
    for (const reach of [
      () => theirs.recordEvent({ runId, eventType: "plan_locked" }),
      () => theirs.resumeRun({ runId }),
      () => theirs.getRun({ runId }),
      () => theirs.getRunEvents({ runId }),
      () => theirs.verifyRun({ runId }),
      () => theirs.createCheckpoint({ runId }),
      () => theirs.completeRun({ runId }),
      () => theirs.startRun({ agentId: "m", intentSummary: "m", parentRunId: runId }),
    ])
      await expect(reach()).rejects.toMatchObject({ code: "session_mismatch" });
    expect((await app.ledger.load(runId)).seq).toBe(before);
  });

  it("puts what two processes record in one order, each key once (W11, W12)", async () => {
    const app = await opened();
    const { runs, runId } = await started(app);
    const other = await shop.open();
    const theirs = other.trackedRuns(orchestrator(other));
    const own = await theirs.startRun({ agentId: "other", intentSummary: "the same" });
    const told = await Promise.all(
      Array.from({ length: 20 }, (_, at) => {
        const event = { eventType: "tool_call_finished", ...paying(`order-${Math.floor(at / 4)}`) } as const;
        if (at % 4 === 3) return theirs.recordEvent({ ...event, runId: own.runId });
        return (at % 2 === 0 ? runs : theirs).recordEvent({ ...event, runId });
      }),
    );
    expect(told.filter(({ status }) => status === "recorded")).toHaveLength(5);
    for (const { status, first } of told) expect(first === null).toBe(status === "recorded");
    expect(await verifyAt({ projectDir: shop.repo, env: shop.env })).toMatchObject({ flawsInAll: 0 });
  });

  it("answers the same call under the same key with the first answer", async () => {
    const app = await opened();
    const { runs, runId } = await started(app);
    const event = {
      runId,
      eventType: "tool_call_finished",
      ...paying("order-1"),
      idempotencyKey: "call-1",
    } as const;
    const first = await runs.recordEvent(event);
    expect(await runs.recordEvent(event)).toEqual(first);
    expect(first.status).toBe("recorded");
    const changed = runs.recordEvent({ ...event, stepName: "another" });
    await expect(changed).rejects.toMatchObject({ code: "idempotency_key_reused" });
    const begun = { agentId: "a", intentSummary: "b", idempotencyKey: "run-1" };
    expect(await runs.startRun(begun)).toEqual(await runs.startRun(begun));
  });

  it("is not replayed under a key of its own making (W14): the end of a call is not the call again", async () => {
    const app = await opened();
    const { runs, runId } = await started(app);
    const call = { runId, ...paying("order-1") };
    const begun = await runs.recordEvent({ ...call, eventType: "tool_call_started" });
    expect((await runs.resumeRun({ runId })).begun).toMatchObject([{ key: "order-1", seq: begun.seq }]);
    expect(await runs.recordEvent({ ...call, eventType: "tool_call_finished" })).toMatchObject({
      status: "recorded",
    });
    expect((await runs.resumeRun({ runId })).begun).toEqual([]);
    const again = await runs.recordEvent({ ...call, eventType: "tool_call_started" });
    expect(again).toMatchObject({ status: "skipped", first: { runId, seq: begun.seq } });
    expect((await runs.failRun({ runId })).status).toBe("failed");
    const types = (await runs.getRunEvents({ runId })).events.map(({ eventType }) => eventType);
    expect(types.at(-1)).toBe("run_failed");
  });

  it("answers what does not fit with what is wrong, and appends nothing (W16)", async () => {
    const app = await opened();
    const { runs, runId } = await started(app);
    const before = (await app.ledger.load(runId)).seq;
    const bad = { code: "invalid_input" };
    for (const input of [undefined, null, 7, {}, { agentId: "", intentSummary: "x" }, { agentId: "a" }])
      await expect(runs.startRun(input as never)).rejects.toMatchObject(bad);
    for (const input of [undefined, {}, { runId }, { runId, eventType: "plan_locked", stepname: "x" }])
      await expect(runs.recordEvent(input as never)).rejects.toMatchObject(bad);
    await expect(runs.createCheckpoint({ runId, reason: "because" } as never)).rejects.toMatchObject(bad);
    const keyless = { runId, eventType: "tool_call_started", sideEffectClass: "payment" } as const;
    await expect(runs.recordEvent(keyless)).rejects.toMatchObject(bad);
    const long = { runId, eventType: "plan_locked", payload: "x".repeat(65_535) } as const;
    await expect(runs.recordEvent(long)).rejects.toMatchObject(bad);
    await expect(runs.recordEvent({ ...long, runId: "run_none" })).rejects.toMatchObject(bad);
    await expect(runs.getRun({ runId: "run_none" })).rejects.toMatchObject({ code: "run_not_found" });
    expect((await app.ledger.load(runId)).seq).toBe(before);
  });

  it("keeps an artifact whose bytes are what its hash says, and no other", async () => {
    const app = await opened();
    const { runs, runId } = await started(app);
    const content = Buffer.from("name\nAda\n").toString("base64");
    const artifact = { runId, artifactType: "csv", uri: "leads.csv" };
    await expect(runs.recordArtifact(artifact)).rejects.toMatchObject({ code: "invalid_input" });
    const wrong = { ...artifact, content, contentHash: "0".repeat(64) };
    await expect(runs.recordArtifact(wrong)).rejects.toMatchObject({ code: "invalid_input" });
    const { contentHash, kept } = await runs.recordArtifact({ ...artifact, content });
    expect(kept).toBe(true);
    const { artifacts } = await runs.resumeRun({ runId });
    expect(artifacts).toMatchObject([{ uri: "leads.csv", contentHash }]);
    expect(Buffer.from((await app.ledger.store.getBlob(contentHash, runId)) ?? []).toString()).toBe(
      "name\nAda\n",
    );
  });

  it("keeps nothing of an artifact that it refuses: of another session, of a run with a plan, of one that is over", async () => {
    const app = await opened();
    const { runs, runId } = await started(app);
    const artifact = { runId, artifactType: "csv", uri: "leads.csv", content: "bmFtZQo=" };
    const stranger = app.issue({ name: "o", role: "orchestrator", sessionKey: "another" });
    const ofAnother = app.trackedRuns(stranger).recordArtifact(artifact);
    await expect(ofAnother).rejects.toMatchObject({ code: "session_mismatch" });
    const plan = (await app.createRun(person(app), { plan: onePlan(), originalRequest: "x" })).runId;
    const ofPlan = app.trackedRuns(person(app)).recordArtifact({ ...artifact, runId: plan });
    await expect(ofPlan).rejects.toMatchObject({ code: "run_not_tracked" });
    const keyed = { ...artifact, content: "QWRhCg==", idempotencyKey: "artifact-1" };
    const first = await runs.recordArtifact(keyed);
    await runs.completeRun({ runId });
    await expect(runs.recordArtifact(artifact)).rejects.toMatchObject({ code: "run_terminal" });
    expect(await runs.recordArtifact(keyed)).toEqual(first);
    const kept = (await app.ledger.store.listBlobs()).map(({ hash }) => hash);
    expect(kept).toContain(first.contentHash);
    expect(kept).not.toContain(sha256("name\n"));
  });

  it("does not begin what it was told not to do", async () => {
    const app = await opened();
    const { runs, runId } = await started(app, {
      blockedCapabilities: ["payment"],
      permissions: { read: true },
    });
    const begun = runs.recordEvent({ runId, eventType: "tool_call_started", ...paying("order-1") });
    await expect(begun).rejects.toMatchObject({ code: "access_denied" });
    expect(await runs.resumeRun({ runId })).toMatchObject({
      blockedCapabilities: ["payment"],
      remainingPermissions: { read: true },
    });
  });
});

describe("Verification", () => {
  it("finds a changed event, and says which (W7)", async () => {
    const app = await opened();
    const { runs, runId } = await started(app);
    await runs.recordEvent({ runId, eventType: "plan_locked", payload: "as it was" });
    const sqlite = database(app);
    sqlite.exec("DROP TRIGGER events_never_change");
    sqlite
      .prepare("UPDATE events SET payload = replace(payload, 'as it was', 'as it is') WHERE run_id = ?")
      .run(runId);
    sqlite.close();
    const verified = await runs.verifyRun({ runId });
    expect(verified).toMatchObject({ valid: false, ledgerIntegrity: { valid: false } });
    expect(verified.ledgerIntegrity.flaws).toMatchObject([{ kind: "chain", seq: 3 }]);
  });

  it("follows the parents of a run up to the first, and names one that is not what it was (W7)", async () => {
    const app = await opened();
    const { runs, runId } = await started(app);
    await runs.recordEvent({ runId, eventType: "tool_call_finished", ...paying("order-1") });
    const child = await started(app, { parentRunId: runId });
    const grandchild = await started(app, { parentRunId: child.runId });
    const context = await runs.resumeRun({ runId: grandchild.runId });
    expect(context.blockedSideEffectKeys).toEqual(new Set(["order-1"]));
    expect(await runs.verifyRun({ runId: grandchild.runId })).toMatchObject({
      lineageContinuity: { valid: true },
    });
    const sqlite = database(app);
    sqlite.exec("DROP TRIGGER events_never_change");
    sqlite.prepare("UPDATE events SET hash = ? WHERE run_id = ? AND seq = 3").run("0".repeat(64), runId);
    sqlite.close();
    const { lineageContinuity } = await runs.verifyRun({ runId: grandchild.runId });
    expect(lineageContinuity.flaws).toMatchObject([{ kind: "lineage", runId: grandchild.runId }]);
    expect(lineageContinuity.flaws[0]?.message).toBe(
      `Event 3 of run "${runId}", the parent of "${child.runId}", is not as it was written.`,
    );
    await expect(started(app, { parentRunId: "run_none" })).rejects.toMatchObject({ code: "run_not_found" });
  });

  it("misses a key that somebody gave back", async () => {
    const app = await opened();
    const { runs, runId } = await started(app);
    await runs.recordEvent({ runId, eventType: "tool_call_finished", ...paying("order-1") });
    const sqlite = database(app);
    sqlite.prepare("DELETE FROM keys WHERE key = 'order-1'").run();
    sqlite.close();
    const { ledgerIntegrity } = await runs.verifyRun({ runId });
    expect(ledgerIntegrity.flaws).toMatchObject([{ kind: "key", seq: 3 }]);
  });
});
