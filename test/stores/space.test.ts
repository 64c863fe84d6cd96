import { cp, stat } from "node:fs/promises";
import { join } from "node:path";
import Database from "better-sqlite3";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { openStore } from "../../src/stores/open.js";
import type { Store } from "../../src/stores/store.js";
import { temporaryFolder } from "../helpers/ledgers.js";
import { batchOf, eventAt } from "./batches.js";

/** Made by the program of schema version 2, when a file could not become smaller. */
const V2 = join(import.meta.dirname, "../fixtures/ledgers/v2.db");

const opened = async (folder: string): Promise<Store> => {
  const store = await openStore(folder);
  onTestFinished(() => store.close());
  return store;
};

/** A run of `count` events of `bytes` each. */
const fill = (store: Store, runId: string, count: number, bytes: number) =>
  store.append({
    ...batchOf(runId, 0),
    events: Array.from({ length: count }, (_, at) => ({
      ...eventAt(runId, at + 1),
      payload: JSON.stringify({ text: "x".repeat(bytes) }),
    })),
  });

const takeOut = (store: Store, runId: string, events: number) =>
  store.remove(runId, {
    lastHash: eventAt(runId, events).hash,
    removedAt: "2026-02-02T00:00:00.000Z",
    archive: null,
  });

const sizeOf = async (folder: string): Promise<number> => (await stat(join(folder, "ledger.db"))).size;

const faultsOf = (folder: string): unknown => {
  const db = new Database(join(folder, "ledger.db"), { readonly: true });
  try {
    return db.pragma("integrity_check", { simple: true });
  } finally {
    db.close();
  }
};

describe("the file of a ledger", () => {
  it("becomes smaller by what is taken out, and the log beside it empty", async () => {
    const folder = await temporaryFolder();
    const store = await opened(folder);
    await fill(store, "old", 4_000, 1_000);
    await fill(store, "new", 1_000, 1_000);
    const kept = await store.read("new", 0, 1_000);
    expect(await store.giveBack()).toEqual({ fileBytes: 0 });
    const before = await sizeOf(folder);
    await takeOut(store, "old", 4_000);
    const { freeBytes, shrinks } = await store.space();
    expect([shrinks, freeBytes > 4_000_000]).toEqual([true, true]);
    const { fileBytes } = await store.giveBack();
    expect(before - (await sizeOf(folder))).toBe(fileBytes);
    expect(fileBytes).toBeGreaterThanOrEqual(freeBytes);
    expect((await stat(join(folder, "ledger.db-wal"))).size).toBe(0);
    expect(await store.space()).toMatchObject({ freeBytes: 0 });
    expect(await store.read("new", 0, 1_000)).toEqual(kept);
    expect(faultsOf(folder)).toBe("ok");
  });

  it("becomes so in steps, between which others write", async () => {
    const folder = await temporaryFolder();
    const [store, other] = [await opened(folder), await opened(folder)];
    await fill(store, "old", 20_000, 1_000);
    await takeOut(store, "old", 20_000);
    const pragma = vi.spyOn(Database.prototype, "pragma");
    onTestFinished(() => pragma.mockRestore());
    const order: string[] = [];
    const given = store.giveBack().then(() => order.push("given back"));
    await other.append(batchOf("a", 0)).then(() => order.push("written"));
    await given;
    expect(order).toEqual(["written", "given back"]);
    const steps = pragma.mock.calls.flatMap(
      ([asked]) => /^incremental_vacuum\((\d+)\)$/.exec(asked)?.[1] ?? [],
    );
    // Of 5,000 free pages and more; a step of all of them would keep everybody waiting.
    expect(steps.length).toBeGreaterThan(2);
    expect(Math.max(...steps.map(Number))).toBeLessThanOrEqual(2_048);
  });

  it("is left as it is while somebody else writes, and becomes smaller the next time", async () => {
    const folder = await temporaryFolder();
    const store = await opened(folder);
    await fill(store, "old", 4_000, 1_000);
    await takeOut(store, "old", 4_000);
    const busy = new Database(join(folder, "ledger.db"));
    busy.exec("BEGIN IMMEDIATE");
    expect(await store.giveBack()).toEqual({ fileBytes: 0 });
    busy.exec("ROLLBACK");
    busy.close();
    expect((await store.giveBack()).fileBytes).toBeGreaterThan(4_000_000);
    // It waits for others again, as every writer of the ledger does.
    await store.append(batchOf("a", 0));
  });

  it("of before keeps its size until it is compacted, which changes no row", async () => {
    const folder = await temporaryFolder();
    await cp(V2, join(folder, "ledger.db"));
    const store = await opened(folder);
    const rows = await store.feed(0, 1_000);
    await fill(store, "old", 4_000, 1_000);
    await takeOut(store, "old", 4_000);
    expect(await store.space()).toMatchObject({ shrinks: false });
    expect(await store.giveBack()).toEqual({ fileBytes: 0 });
    const before = await sizeOf(folder);
    expect((await store.compact()).fileBytes).toBe(before - (await sizeOf(folder)));
    expect(await store.space()).toMatchObject({ shrinks: true, freeBytes: 0 });
    expect(await store.feed(0, 1_000)).toEqual(rows);
    const last = (await fill(store, "next", 1_000, 1_000)).at(-1)?.position;
    await takeOut(store, "next", 1_000);
    expect((await store.giveBack()).fileBytes).toBeGreaterThan(1_000_000);
    // Positions of what went are never given out again.
    const [first] = await store.append(batchOf("a", 0));
    expect(first?.position).toBe((last ?? 0) + 1);
    expect(faultsOf(folder)).toBe("ok");
  });

  it("is not compacted while anybody drives a run", async () => {
    const store = await opened(await temporaryFolder());
    await store.append(batchOf("a", 0));
    const lease = await store.claim({ runId: "a", owner: "somebody", ttlMs: 60_000 });
    if (lease === undefined) throw new Error("no lease");
    await expect(store.compact()).rejects.toMatchObject({ code: "lease_held" });
    await store.release(lease);
    await store.compact();
  });

  it("takes about as many bytes for a run as is said of it", async () => {
    const store = await opened(await temporaryFolder());
    expect(await store.bytesOf("a")).toBe(0);
    for (const [runId, bytes] of [
      ["small", 10],
      ["large", 3_000],
    ] as const) {
      const before = (await store.space()).usedBytes;
      await fill(store, runId, 2_000, bytes);
      const taken = (await store.space()).usedBytes - before;
      expect((await store.bytesOf(runId)) / taken, runId).toBeGreaterThan(0.75);
      expect((await store.bytesOf(runId)) / taken, runId).toBeLessThan(1.1);
    }
  });
});
