import { expect, it } from "vitest";
import { sha256 } from "../../../src/core/canonical.js";
import { batchOf, eventAt } from "../batches.js";
import { claimed, HOUR_MS, refused, type Suite } from "./suite.js";

export const snapshots = ({ store }: Suite): void => {
  const snapshotAt = (seq: number) => ({
    seq,
    hash: eventAt("a", seq).hash,
    shape: 3,
    body: `{"seq":${seq}}`,
  });

  it("keeps the last snapshot of a run", async () => {
    await store().append(batchOf("a", 0));
    expect(await store().readSnapshot("a")).toBeUndefined();
    await store().append(batchOf("a", 1, { snapshot: snapshotAt(2) }));
    expect(await store().readSnapshot("a")).toEqual(snapshotAt(2));
    await store().append(batchOf("a", 2, { snapshot: { ...snapshotAt(3), shape: 4 } }));
    await store().append(batchOf("a", 3));
    expect(await store().readSnapshot("a")).toEqual({ ...snapshotAt(3), shape: 4 });
  });

  it("keeps none of a refused append", async () => {
    await store().append(batchOf("a", 0));
    await refused(store().append(batchOf("a", 7, { snapshot: snapshotAt(8) })), "seq_conflict");
    expect(await store().readSnapshot("a")).toBeUndefined();
  });
};

export const quarantines = ({ store }: Suite): void => {
  it("names a run that cannot be read, gives no worker that run, and takes the word back", async () => {
    await store().append(batchOf("a", 0));
    await store().append(batchOf("b", 0));
    await store().quarantine("a", { seq: 1, code: "event_unreadable" });
    await store().quarantine("a", { seq: 2, code: "journal_tampered" });
    const found = { seq: 2, code: "journal_tampered" };
    expect((await store().runRow("a"))?.quarantine).toEqual(found);
    const ids = async (query: object) =>
      (await store().list({ limit: 9, ...query })).map(({ runId }) => runId);
    expect(await ids({ claimable: true })).toEqual(["b"]);
    expect(await ids({ quarantined: true })).toEqual(["a"]);
    expect(await ids({})).toEqual(["b", "a"]);
    expect((await store().list({ limit: 9 })).map(({ quarantine }) => quarantine)).toEqual([null, found]);
    await store().quarantine("a", null);
    expect(await ids({ claimable: true })).toEqual(["b", "a"]);
  });
};

export const scheduleMarks = ({ store }: Suite): void => {
  it("keeps up to where each schedule is settled, the last word of each", async () => {
    expect(await store().scheduleMark("nightly")).toBeUndefined();
    await store().markSchedule("nightly", { timing: "@daily UTC", sinceMs: 1 });
    await store().markSchedule("weekly", { timing: "@weekly UTC", sinceMs: 2 });
    await store().markSchedule("nightly", { timing: "@daily UTC", sinceMs: 3 });
    expect(await store().scheduleMark("nightly")).toEqual({ timing: "@daily UTC", sinceMs: 3 });
    expect(await store().scheduleMark("weekly")).toEqual({ timing: "@weekly UTC", sinceMs: 2 });
    expect(await store().markedSchedules()).toEqual(["nightly", "weekly"]);
  });
};

export const removals = ({ store }: Suite): void => {
  const removal = (seq: number) => ({
    lastHash: eventAt("a", seq).hash,
    removedAt: "2026-02-02T00:00:00.000Z",
    archive: "/archive/a.jsonl.gz",
  });

  it("takes a run out with all that is its own, and nothing of another", async () => {
    const key = { scope: "a", key: "k", digest: "d" };
    await store().append(batchOf("a", 0, { key: { scope: "session:s", key: "make", digest: "d" } }));
    await store().append(batchOf("b", 0));
    await store().append(batchOf("a", 1, { key, snapshot: { seq: 2, hash: "h", shape: 1, body: "{}" } }));
    await claimed(store(), "a", "me", HOUR_MS);
    await store().remove("a", removal(2));
    expect(await store().runRow("a")).toBeUndefined();
    expect(await store().read("a", 0, 9)).toEqual([]);
    expect(await store().readSnapshot("a")).toBeUndefined();
    expect(await store().leaseOf("a")).toBeUndefined();
    expect(await store().findKey("a", "k")).toBeUndefined();
    expect(await store().read("b", 0, 9)).toHaveLength(1);
    expect(await store().removalOf("a")).toEqual({ ...removal(2), lastSeq: 2 });
    expect(await store().removalOf("b")).toBeUndefined();
    // Or the call that made the run would make another one.
    expect(await store().findKey("session:s", "make")).toMatchObject({ runId: "a" });
  });

  it("leaves a run that has changed, or is not there, as it is", async () => {
    await store().append(batchOf("a", 0, { count: 3 }));
    await refused(store().remove("a", removal(2)), "seq_conflict");
    await refused(store().remove("z", removal(2)), "run_not_found");
    expect(await store().read("a", 0, 9)).toHaveLength(3);
    expect(await store().removalOf("a")).toBeUndefined();
  });

  it("lets only the very same run come back under its name, with a word on where it is from", async () => {
    await store().append(batchOf("a", 0, { count: 2 }));
    await store().remove("a", removal(2));
    await refused(store().append(batchOf("a", 0)), "run_exists");
    await refused(
      store().append({
        ...batchOf("a", 0, { count: 2 }),
        events: [eventAt("a", 1), { ...eventAt("a", 2), hash: "x" }],
      }),
      "run_exists",
    );
    const origin = { ledgerId: "elsewhere", importedAt: "2026-03-03T00:00:00.000Z" };
    await store().append(batchOf("a", 0, { count: 3, origin }));
    expect(await store().originOf("a")).toEqual(origin);
    expect(await store().removalOf("a")).toBeUndefined();
    await store().append(batchOf("b", 0));
    expect(await store().originOf("b")).toBeUndefined();
  });
};

export const blobs = ({ store, opened, itNeeding }: Suite): void => {
  it("names bytes by their hash and gives them back", async () => {
    for (const bytes of [new Uint8Array(), Buffer.from("diff --git"), Buffer.alloc(300_000, "log line\n")]) {
      const hash = await store().putBlob(bytes);
      expect(hash).toBe(sha256(bytes));
      expect(await store().putBlob(bytes)).toBe(hash);
      expect(Buffer.from((await store().getBlob(hash)) ?? []).equals(bytes)).toBe(true);
    }
  });

  it("keeps what was written, not what the caller makes of its buffer afterwards", async () => {
    const bytes = Buffer.from("before");
    const hash = await store().putBlob(bytes);
    bytes.write("after!");
    (await store().getBlob(hash))?.fill(0);
    expect(Buffer.from((await store().getBlob(hash)) ?? []).toString()).toBe("before");
  });

  it("has nothing under a hash that nobody wrote, nor under what is no hash", async () => {
    expect(await store().getBlob(sha256("never"))).toBeUndefined();
    expect(await store().getBlob("../../../../etc/passwd")).toBeUndefined();
    expect(await store().getBlob("")).toBeUndefined();
  });

  it("lists what it keeps with its last putting, and forgets what is removed", async () => {
    const before = Date.now() - 2_000;
    const [one, two] = [await store().putBlob(Buffer.from("one")), await store().putBlob(Buffer.from("two"))];
    const kept = await store().listBlobs();
    expect(kept.map(({ hash }) => hash).sort()).toEqual([one, two].sort());
    for (const { bytes, writtenAtMs } of kept)
      expect([bytes > 0, writtenAtMs > before]).toEqual([true, true]);
    for (const { hash, writtenAtMs } of kept)
      await store().removeBlob({ hash, writtenAtMs: hash === one ? writtenAtMs : writtenAtMs - 1 });
    await store().removeBlob({ hash: "../../etc/passwd", writtenAtMs: 0 });
    expect(await store().getBlob(one)).toBeUndefined();
    expect((await store().listBlobs()).map(({ hash }) => hash)).toEqual([two]);
  });

  itNeeding("damaged blobs", "refuses bytes that are not the ones that were written", async () => {
    const hash = await store().putBlob(Buffer.from("evidence"));
    await opened().damageBlob(hash);
    await refused(store().getBlob(hash), "blob_corrupt");
  });
};

export const closing = ({ store, another, itNeeding }: Suite): void => {
  it("finishes what waits, then refuses every call", async () => {
    const waiting = store().append(batchOf("a", 0));
    await store().close();
    expect(await waiting).toHaveLength(1);
    await refused(store().append(batchOf("a", 1)), "store_unavailable");
    await refused(store().read("a", 0, 1), "store_unavailable");
    await refused(store().claim({ runId: "a", owner: "one", ttlMs: HOUR_MS }), "store_unavailable");
    await refused(store().putBlob(Buffer.from("x")), "store_unavailable");
    await store().close();
  });

  itNeeding("two connections", "keeps everything for the next process", async () => {
    const key = { scope: "s", key: "k", digest: "d" };
    const snapshot = { seq: 2, hash: "h", shape: 1, body: "{}" };
    const rows = await store().append(batchOf("a", 0, { count: 2, key, snapshot }));
    const lease = await claimed(store(), "a", "one", HOUR_MS);
    const hash = await store().putBlob(Buffer.from("patch"));
    const row = await store().runRow("a");
    const { ledgerId } = store();
    await store().close();

    const next = await another();
    expect(next.ledgerId).toBe(ledgerId);
    expect(ledgerId).not.toBe("");
    expect(await next.read("a", 0, 10)).toEqual(rows);
    expect(await next.runRow("a")).toEqual(row);
    expect(await next.findKey("s", "k")).toEqual({ runId: "a", digest: "d", firstSeq: 1, lastSeq: 2 });
    expect(await next.readSnapshot("a")).toEqual(snapshot);
    expect(await next.leaseOf("a")).toEqual({ ...lease, live: true });
    expect(Buffer.from((await next.getBlob(hash)) ?? []).toString()).toBe("patch");
    await next.append(batchOf("a", 2, { epoch: lease.epoch }));
    expect((await next.feed(0, 10)).map(({ position }) => position)).toEqual([1, 2, 3]);
  });
};

export const words = ({ store }: Suite): void => {
  it("swaps a word for exactly the one that was read", async () => {
    expect(await store().word("a")).toBeUndefined();
    expect(await store().swapWord("a", "none", "first")).toBe(false);
    expect(await store().swapWord("a", undefined, "first")).toBe(true);
    expect(await store().swapWord("a", undefined, "again")).toBe(false);
    expect(await store().swapWord("a", "first", "second")).toBe(true);
    expect(await store().swapWord("a", "first", "third")).toBe(false);
    expect(await store().word("a")).toBe("second");
    expect(await store().word("b")).toBeUndefined();
  });
};

export const sdkKeyTexts = ({ store }: Suite): void => {
  it("keeps the text of each key, and changes it only where it is as it was", async () => {
    expect(await store().sdkKey("b")).toBeUndefined();
    expect(await store().swapSdkKey("b", undefined, "one")).toBe(true);
    expect(await store().swapSdkKey("a", undefined, "two")).toBe(true);
    expect(await store().swapSdkKey("b", undefined, "three")).toBe(false);
    expect(await store().swapSdkKey("b", "two", "four")).toBe(false);
    expect(await store().swapSdkKey("c", "one", "five")).toBe(false);
    expect(await store().swapSdkKey("b", "one", "six")).toBe(true);
    expect([await store().sdkKey("a"), await store().sdkKey("b")]).toEqual(["two", "six"]);
    expect(await store().sdkKeyIds()).toEqual(["a", "b"]);
    expect(await store().markedSchedules()).toEqual([]);
  });
};
