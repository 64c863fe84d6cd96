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
