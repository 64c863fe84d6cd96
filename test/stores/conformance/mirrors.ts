import { expect, it } from "vitest";
import type { MirrorQuery, NewMirror } from "../../../src/stores/store.js";
import { batchOf, eventAt, projection } from "../batches.js";
import { refused, type Suite } from "./suite.js";

const AT = "2026-03-03T03:03:03.000Z";
const mirror = (hostId: string, over: Partial<NewMirror> = {}): NewMirror => ({
  projection: "board",
  hostId,
  createdAt: "2026-01-01T00:00:00.000Z",
  ...over,
});

export const mirrors = ({ store }: Suite): void => {
  const hostIds = async (query: Partial<MirrorQuery> = {}): Promise<string[]> =>
    (await store().listMirrors({ projection: "board", limit: 100, ...query })).map(({ hostId }) => hostId);

  it("knows a host's run by both its names, from the append that makes it on", async () => {
    await store().append(batchOf("run-a", 0, { count: 2, mirror: mirror("host a") }));
    await store().append(batchOf("b", 0));
    const row = {
      runId: "run-a",
      ...mirror("host a"),
      state: "pending",
      syncedSeq: 0,
      error: null,
      at: eventAt("run-a", 2).at,
      lastSeq: 2,
    };
    expect(await store().mirrorOf({ runId: "run-a" })).toEqual(row);
    expect(await store().mirrorOf({ projection: "board", hostId: "host a" })).toEqual(row);
    expect(await store().mirrorOf({ runId: "b" })).toBeUndefined();
    expect(await store().mirrorOf({ projection: "other", hostId: "host a" })).toBeUndefined();
  });

  it("gives a host's id one run, and keeps none of the append that wants another", async () => {
    await store().append(batchOf("a", 0, { mirror: mirror("h") }));
    await refused(store().append(batchOf("b", 0, { mirror: mirror("h") })), "run_exists");
    expect(await store().runRow("b")).toBeUndefined();
    await store().append(batchOf("b", 0, { mirror: mirror("h", { projection: "other" }) }));
    expect(await store().mirrorOf({ projection: "other", hostId: "h" })).toMatchObject({ runId: "b" });
  });

  it("keeps how far the table has come, until the journal goes on", async () => {
    await store().append(batchOf("a", 0, { count: 3, mirror: mirror("h") }));
    const stateOf = async () => (await store().mirrorOf({ runId: "a" }))?.state;
    await store().markSync("a", { state: "synced", syncedSeq: 3, error: null, at: AT });
    expect(await store().mirrorOf({ runId: "a" })).toMatchObject({ state: "synced", syncedSeq: 3, at: AT });
    await store().append(batchOf("a", 3));
    expect(await stateOf()).toBe("pending");
    await store().markSync("a", { state: "degraded", syncedSeq: 3, error: "locked", at: AT });
    expect(await store().mirrorOf({ runId: "a" })).toMatchObject({ state: "degraded", error: "locked" });
    await store().append(batchOf("a", 4));
    expect(await stateOf()).toBe("degraded");
    await store().markSync("nobody", { state: "synced", syncedSeq: 1, error: null, at: AT });
    expect(await store().mirrorOf({ runId: "nobody" })).toBeUndefined();
  });

  it("counts them by where they stand", async () => {
    for (const id of ["a", "b", "c", "d"]) await store().append(batchOf(id, 0, { mirror: mirror(id) }));
    await store().append(batchOf("x", 0, { mirror: mirror("x", { projection: "other" }) }));
    await store().markSync("a", { state: "synced", syncedSeq: 1, error: null, at: AT });
    await store().markSync("b", { state: "degraded", syncedSeq: 0, error: "locked", at: AT });
    expect(await store().countMirrors("board")).toEqual({ synced: 1, pending: 2, degraded: 1 });
    expect(await store().countMirrors("nobody's")).toEqual({ synced: 0, pending: 0, degraded: 0 });
  });

  it("lists the newest first by the host's own time and id, filtered before limited, page by page", async () => {
    const later = "2026-01-02T00:00:00.000Z";
    await store().append(batchOf("1", 0, { mirror: mirror("m") }));
    await store().append(batchOf("2", 0, { mirror: mirror("z", { createdAt: later }) }));
    await store().append(
      batchOf("3", 0, { mirror: mirror("n"), projection: { ...projection, status: "completed" } }),
    );
    await store().append(batchOf("4", 0, { mirror: mirror("a", { createdAt: later }) }));
    await store().append(batchOf("5", 0, { mirror: mirror("q", { projection: "other" }) }));
    expect(await hostIds()).toEqual(["z", "a", "n", "m"]);
    expect(await hostIds({ limit: 2 })).toEqual(["z", "a"]);
    expect(await hostIds({ limit: 2, after: { createdAt: later, hostId: "a" } })).toEqual(["n", "m"]);
    expect(await hostIds({ after: { createdAt: later, hostId: "m" } })).toEqual(["a", "n", "m"]);
    expect(await hostIds({ statuses: ["running"], limit: 3 })).toEqual(["z", "a", "m"]);
    expect(await hostIds({ statuses: [] })).toEqual([]);
  });

  it("tells runs of hosts from those that are driven here", async () => {
    await store().append(batchOf("a", 0, { mirror: mirror("h") }));
    await store().append(batchOf("b", 0));
    const ids = async (query: object) =>
      (await store().list({ limit: 9, ...query })).map(({ runId }) => runId);
    expect(await ids({ mirrored: true })).toEqual(["a"]);
    expect(await ids({ mirrored: false })).toEqual(["b"]);
    expect(await ids({})).toEqual(["b", "a"]);
  });

  it("forgets the host's name of a run that is taken out", async () => {
    await store().append(batchOf("a", 0, { mirror: mirror("h") }));
    await store().remove("a", { lastHash: eventAt("a", 1).hash, removedAt: AT, archive: null });
    expect(await store().mirrorOf({ projection: "board", hostId: "h" })).toBeUndefined();
    await store().append(batchOf("b", 0, { mirror: mirror("h") }));
  });

  it("keeps the last word on a difference", async () => {
    const said = {
      digest: "d1",
      projection: "board",
      by: { name: "ada", role: "human" },
      reason: "known",
      at: AT,
    } as const;
    await store().explain(said);
    await store().explain({ ...said, reason: "known, and filed" });
    expect(await store().explanationOf("d1")).toEqual({ ...said, reason: "known, and filed" });
    expect(await store().explanationOf("d2")).toBeUndefined();
  });
};
