import { beforeEach, expect, it } from "vitest";
import { EFFECT_SCOPE } from "../../../src/core/effect-scope.js";
import { INTENT_SCOPE } from "../../../src/core/intents.js";
import type { Store } from "../../../src/stores/store.js";
import { batchOf, projection } from "../batches.js";
import { claimed, expired, HOUR_MS, refused, type Suite } from "./suite.js";

export const lists = ({ store, another, itNeeding }: Suite): void => {
  const ids = async (query: Partial<Parameters<Store["list"]>[0]>): Promise<string[]> =>
    (await store().list({ limit: 100, ...query })).map(({ runId }) => runId);

  beforeEach(async () => {
    // Created in an order that is neither that of their names nor, by the clock, that of their times.
    await store().append(
      batchOf("c", 0, { count: 3, projection: { ...projection, status: "paused", runnable: false } }),
    );
    await store().append(batchOf("a", 0));
    await store().append(
      batchOf("d", 0, { projection: { ...projection, status: "completed", runnable: false } }),
    );
    await store().append(batchOf("b", 0, { projection: { ...projection, sessionKey: "session-2" } }));
    await store().append(
      batchOf("c", 3, { projection: { ...projection, status: "paused", runnable: false } }),
    );
  });

  it("lists whole rows, the newest run first", async () => {
    expect(await ids({})).toEqual(["b", "d", "a", "c"]);
    expect((await store().list({ limit: 1 }))[0]).toEqual(await store().runRow("b"));
  });

  it("filters before it limits", async () => {
    expect(await ids({ statuses: ["paused", "completed"] })).toEqual(["d", "c"]);
    expect(await ids({ statuses: ["paused"], limit: 1 })).toEqual(["c"]);
    expect(await ids({ statuses: [] })).toEqual([]);
    expect(await ids({ sessionKey: "session-2" })).toEqual(["b"]);
    expect(await ids({ sessionKey: "session-1", statuses: ["running"] })).toEqual(["a"]);
  });

  it("finds a run where its last append has put it, if that moved it by one thing alone", async () => {
    await store().append(batchOf("a", 1, { projection: { ...projection, status: "paused" } }));
    expect(await ids({ statuses: ["paused"] })).toEqual(["a", "c"]);
    await store().append(
      batchOf("a", 2, { projection: { ...projection, status: "paused", sessionKey: "session-2" } }),
    );
    expect(await ids({ sessionKey: "session-2" })).toEqual(["b", "a"]);
    expect((await store().runRow("a"))?.sessionKey).toBe("session-2");
  });

  it("goes on after a run of an earlier answer", async () => {
    expect(await ids({ limit: 2 })).toEqual(["b", "d"]);
    expect(await ids({ limit: 2, afterRunId: "d" })).toEqual(["a", "c"]);
    expect(await ids({ afterRunId: "b", sessionKey: "session-1", statuses: ["running", "paused"] })).toEqual([
      "a",
      "c",
    ]);
    expect(await ids({ afterRunId: "c" })).toEqual([]);
    await refused(store().list({ limit: 2, afterRunId: "nobody" }), "run_not_found");
  });

  it("leaves out the beginning", async () => {
    expect(await ids({ limit: 2, offset: 1 })).toEqual(["d", "a"]);
    expect(await ids({ limit: 2, offset: 3 })).toEqual(["c"]);
    expect(await ids({ offset: 4 })).toEqual([]);
    expect(await ids({ afterRunId: "d", offset: 1 })).toEqual(["c"]);
    expect(await ids({ sessionKey: "session-1", offset: 1, limit: 1 })).toEqual(["a"]);
  });

  it("finds part of a goal or of an id, in large or small letters, whatever the characters", async () => {
    const goals = { run_X1: "Make 100% of it", run_x2: "make_the SUM (größer) right", run_y3: "Other" };
    for (const [runId, goal] of Object.entries(goals))
      await store().append(batchOf(runId, 0, { projection: { ...projection, goal } }));
    expect(await ids({ text: "sum" })).toEqual(["run_x2"]);
    expect(await ids({ text: "SUM (größer)" })).toEqual(["run_x2"]);
    expect(await ids({ text: "RUN_X" })).toEqual(["run_x2", "run_X1"]);
    expect(await ids({ text: "%" })).toEqual(["run_X1"]);
    expect(await ids({ text: "e_t" })).toEqual(["run_x2"]);
    expect(await ids({ text: "make", statuses: ["running"], offset: 1 })).toEqual(["run_X1", "b", "a"]);
    expect(await ids({ text: "nowhere" })).toEqual([]);
    expect(await ids({ text: "" })).toHaveLength(7);
  });

  it("names those that ask something of a person", async () => {
    await store().append(batchOf("a", 1, { projection: { ...projection, blocker: "Waits for Ada." } }));
    expect(await ids({ waiting: true })).toEqual(["a"]);
    expect(await ids({ waiting: true, statuses: ["paused"] })).toEqual([]);
    expect(await ids({ waiting: false })).toHaveLength(4);
    await store().append(batchOf("a", 2));
    expect(await ids({ waiting: true })).toEqual([]);
  });

  it("tells those that have steps from those that have none", async () => {
    await store().append(batchOf("a", 1, { projection: { ...projection, stepsTotal: 0 } }));
    expect(await ids({ planned: false })).toEqual(["a"]);
    expect(await ids({ planned: true })).toEqual(["b", "d", "c"]);
    expect(await ids({ planned: false, statuses: ["paused"] })).toEqual([]);
  });

  it("counts what such a list has", async () => {
    await store().append(batchOf("a", 1, { projection: { ...projection, blocker: "Waits for Ada." } }));
    for (const query of [
      {},
      { statuses: ["paused", "completed"] },
      { statuses: [] },
      { sessionKey: "session-2" },
      { claimable: true },
      { quarantined: true },
      { waiting: true },
      { planned: true },
      { planned: false },
      { text: "it" },
      { afterRunId: "d" },
      { afterRunId: "d", sessionKey: "session-1" },
    ] as const)
      expect(await store().count(query)).toBe((await ids(query)).length);
    expect(await store().count({})).toBe(4);
    await refused(store().count({ afterRunId: "nobody" }), "run_not_found");
  });

  it("tells the last position of all, also of what others wrote", async () => {
    const last = async () => (await store().feed(0, 100)).at(-1)?.position;
    expect(await store().position()).toBe(await last());
    await store().append(batchOf("b", 1, { count: 2 }));
    expect(await store().position()).toBe(await last());
  });

  itNeeding("two connections", "tells the position of what another one appended", async () => {
    const before = await store().position();
    const other = await another();
    await other.append(batchOf("z", 0));
    expect(await store().position()).toBeGreaterThan(before);
  });

  it("offers for claiming what is runnable and free", async () => {
    expect(await ids({ claimable: true })).toEqual(["b", "a"]);
    const lease = await claimed(store(), "a", "one", HOUR_MS);
    expect(await ids({ claimable: true })).toEqual(["b"]);
    expect(await ids({ claimable: false })).toHaveLength(4);
    await store().release(lease);
    expect(await ids({ claimable: true })).toEqual(["b", "a"]);
    await expired(store(), await claimed(store(), "a", "two", 1));
    expect(await ids({ claimable: true, limit: 1, afterRunId: "b" })).toEqual(["a"]);
    await store().append(batchOf("a", 1, { projection: { ...projection, runnable: false } }));
    expect(await ids({ claimable: true })).toEqual(["b"]);
  });

  it("tells when the first timer is due, and whose are due by then and free", async () => {
    expect(await store().nextWake()).toBeNull();
    const waking = (wakeAt: number | null) => ({ projection: { ...projection, runnable: false, wakeAt } });
    await store().append(batchOf("a", 1, waking(2_000)));
    await store().append(batchOf("b", 1, waking(1_000)));
    expect(await store().nextWake()).toBe(1_000);
    const due = (by: number, heldBy: "nobody" | readonly string[] = "nobody") => ids({ due: { by, heldBy } });
    expect(await due(999)).toEqual([]);
    expect(await due(1_000)).toEqual(["b"]);
    // The oldest first, and beside those for which something can be done anyway.
    expect(await due(2_000)).toEqual(["a", "b"]);
    await store().append(batchOf("c", 4));
    expect(await due(1_000)).toEqual(["c", "b"]);
    expect(await ids({ due: { by: 2_000, heldBy: "nobody" }, limit: 1 })).toEqual(["c"]);
    await store().append(batchOf("c", 5, waking(null)));
    const lease = await claimed(store(), "b", "one", HOUR_MS);
    expect(await due(2_000)).toEqual(["a"]);
    expect(await due(2_000, ["one", "two"])).toEqual(["b"]);
    expect(await due(2_000, ["two"])).toEqual([]);
    expect(await store().holdersOfDue(2_000)).toEqual(["one"]);
    expect(await store().holdersOfDue(999)).toEqual([]);
    await store().quarantine("b", { seq: 1, code: "journal_tampered" });
    expect(await due(2_000, ["one"])).toEqual([]);
    await store().quarantine("b", null);
    await store().release(lease);
    expect(await store().holdersOfDue(2_000)).toEqual([]);
    await store().append(batchOf("b", 2, waking(null)));
    expect(await due(2_000)).toEqual(["a"]);
    expect(await store().nextWake()).toBe(2_000);
  });
};

export const keys = ({ store }: Suite): void => {
  const key = { scope: "session-1", key: "once", digest: "d1" };

  it("finds what a key led to", async () => {
    await store().append(batchOf("a", 0, { count: 2 }));
    await store().append(batchOf("a", 2, { count: 3, key }));
    expect(await store().findKey("session-1", "once")).toEqual({
      runId: "a",
      digest: "d1",
      firstSeq: 3,
      lastSeq: 5,
    });
    expect(await store().findKey("session-2", "once")).toBeUndefined();
    expect(await store().findKey("session-1", "twice")).toBeUndefined();
  });

  it("lets a key be used once, by whichever command and whichever run", async () => {
    await store().append(batchOf("a", 0, { key }));
    await store().append(batchOf("b", 0));
    for (const digest of ["d1", "d2"]) {
      await refused(store().append(batchOf("a", 1, { key: { ...key, digest } })), "idempotency_key_reused");
      await refused(store().append(batchOf("b", 1, { key: { ...key, digest } })), "idempotency_key_reused");
      await refused(store().append(batchOf("c", 0, { key: { ...key, digest } })), "idempotency_key_reused");
    }
    expect(await store().feed(0, 10)).toHaveLength(2);
    await store().append(batchOf("a", 1, { key: { ...key, scope: "session-2" } }));
  });

  it("lets an act be taken once, as an effect or as an intent, and refuses the other in its own words", async () => {
    const act = { key: "salesforce.import:1", digest: "d1" };
    const [effect, intent] = [
      { ...act, scope: EFFECT_SCOPE },
      { ...act, scope: INTENT_SCOPE },
    ];
    await store().append(batchOf("a", 0, { businessKey: intent }));
    for (const runId of ["a", "b"]) {
      const at = runId === "a" ? 1 : 0;
      await refused(store().append(batchOf(runId, at, { businessKey: effect })), "effect_key_used");
      await refused(store().append(batchOf(runId, at, { businessKey: intent })), "seq_conflict");
    }
    const freed = [{ scope: INTENT_SCOPE, key: act.key }];
    await store().append(batchOf("a", 1, { freed, businessKey: effect }));
    await refused(store().append(batchOf("b", 0, { businessKey: intent })), "seq_conflict");
  });

  it("says that the command is recorded before it speaks of seq or lease", async () => {
    await store().append(batchOf("a", 0, { key }));
    await refused(store().append(batchOf("a", 0, { key })), "idempotency_key_reused");
    await refused(store().append(batchOf("a", 9, { key, epoch: 9 })), "idempotency_key_reused");
  });

  it("lets one of many win a key", async () => {
    const outcomes = await Promise.allSettled(
      Array.from({ length: 10 }, (_, index) => store().append(batchOf(`r${index}`, 0, { key }))),
    );
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    expect(await store().list({ limit: 100 })).toHaveLength(1);
  });
};
