import { setImmediate as nextTurn } from "node:timers/promises";
import { expect } from "vitest";
import type { ErrorCode } from "../../../src/core/errors.js";
import type { Lease, Store } from "../../../src/stores/store.js";

/** What not every store can show. A skip says why. */
export type Need = "two connections" | "damaged blobs";

export type Opened = {
  readonly store: Store;
  /** Another connection to the same rows, as another process would have one. The suite closes it. */
  readonly another: () => Promise<Store>;
  readonly damageBlob: (hash: string) => Promise<void>;
  readonly remove: () => Promise<void>;
};

export type Implementation = {
  /** A new, empty store. */
  readonly open: () => Promise<Opened>;
  readonly skip: Partial<Record<Need, string>>;
};

/** What each part of the suite works with; a new store for every test. */
export type Suite = {
  readonly store: () => Store;
  readonly opened: () => Opened;
  readonly another: () => Promise<Store>;
  readonly itNeeding: (need: Need, title: string, test: () => Promise<void>) => void;
};

export const HOUR_MS = 3_600_000;

export const refused = async (asked: Promise<unknown>, code: ErrorCode): Promise<void> => {
  await expect(asked).rejects.toMatchObject({ name: "LedgerError", code });
};

export const seqs = async (store: Store, runId: string): Promise<number[]> =>
  (await store.read(runId, 0, 1_000)).map(({ seq }) => seq);

export const claimed = async (store: Store, runId: string, owner: string, ttlMs: number): Promise<Lease> => {
  const lease = await store.claim({ runId, owner, ttlMs });
  if (lease === undefined) throw new Error(`"${owner}" did not get the lease on "${runId}".`);
  return lease;
};

/** Until the store's own clock says so. */
export const expired = async (store: Store, { runId, epoch }: Lease): Promise<void> => {
  for (let polls = 0; polls < 10_000; polls += 1) {
    const lease = await store.leaseOf(runId);
    if (lease?.epoch === epoch && !lease.live) return;
    await nextTurn();
  }
  throw new Error(`The lease on "${runId}" does not expire.`);
};
