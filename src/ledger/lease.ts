import type { Lease, Store } from "../stores/store.js";
import { ownerIsDead, ownerOfThisProcess } from "./owner.js";

/** A lease that is kept alive by heartbeats until it is released or lost. */
export interface HeldLease {
  readonly epoch: number;
  /** Aborts when another worker has it: stop the agents, write nothing more. */
  readonly lost: AbortSignal;
  /** The worker it was taken from, when that one was lost. */
  readonly takenFrom: { readonly owner: string; readonly epoch: number } | null;
  release(): Promise<void>;
}

/** Three beats fit into a lease, so that one slow write does not lose it. */
const BEATS_PER_LEASE = 3;

// Who may work on a run now. A dead owner on this machine is noticed by its pid, not by waiting for its lease to end.
export const holdLease = async (
  store: Store,
  runId: string,
  ttlMs: number,
): Promise<HeldLease | undefined> => {
  const taken = await take(store, runId, ttlMs);
  return taken === undefined ? undefined : beating(store, taken, ttlMs);
};

type Taken = { readonly lease: Lease; readonly takenFrom: HeldLease["takenFrom"] };

const take = async (store: Store, runId: string, ttlMs: number): Promise<Taken | undefined> => {
  const former = await store.leaseOf(runId);
  const dead = former !== undefined && ownerIsDead(former.owner);
  if (former?.live === true && !dead) return undefined;
  const lease = await store.claim({
    runId,
    owner: ownerOfThisProcess(),
    ttlMs,
    // One that only expired is not broken: its owner may have come back in the meantime.
    ...(dead ? { breaking: { owner: former.owner, epoch: former.epoch } } : {}),
  });
  if (lease === undefined) return undefined;
  const next = former !== undefined && lease.epoch === former.epoch + 1;
  return { lease, takenFrom: next ? { owner: former.owner, epoch: former.epoch } : null };
};

const beating = (store: Store, { lease: first, takenFrom }: Taken, ttlMs: number): HeldLease => {
  let lease = first;
  let renewedAt = performance.now();
  const lost = new AbortController();
  const lose = (): void => {
    clearInterval(timer);
    lost.abort();
  };
  let released = false;
  const beat = async (): Promise<void> => {
    const askedAt = performance.now();
    try {
      const renewed = await store.renew(lease, ttlMs);
      if (renewed === undefined) return released ? undefined : lose();
      lease = renewed;
      renewedAt = askedAt;
    } catch {
      // Nobody knows who has it now, until the time it was renewed for is over.
      if (!released && performance.now() - renewedAt >= ttlMs) lose();
    }
  };
  const timer = setInterval(() => void beat(), ttlMs / BEATS_PER_LEASE);
  return {
    epoch: first.epoch,
    lost: lost.signal,
    takenFrom,
    release: async () => {
      released = true;
      clearInterval(timer);
      if (!lost.signal.aborted) await store.release(lease);
    },
  };
};
