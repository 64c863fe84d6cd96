import { beforeEach, expect, it } from "vitest";
import { batchOf } from "../batches.js";
import { claimed, expired, HOUR_MS, refused, type Suite, seqs } from "./suite.js";

export const leases = ({ store, another, itNeeding }: Suite): void => {
  beforeEach(async () => {
    await store().append(batchOf("a", 0));
  });

  it("gives a lease to one owner at a time", async () => {
    const before = Date.now();
    const lease = await claimed(store(), "a", "one", HOUR_MS);
    expect(lease).toEqual({ runId: "a", owner: "one", epoch: 1, expiresAt: expect.any(Number) });
    // A minute either way: the store's clock may be another machine's.
    expect(Math.abs(lease.expiresAt - before - HOUR_MS)).toBeLessThan(60_000);
    expect(await store().claim({ runId: "a", owner: "two", ttlMs: HOUR_MS })).toBeUndefined();
    expect(await store().leaseOf("a")).toEqual({ ...lease, live: true });
  });

  it("knows no lease before the first claim, and none of a run that is not there", async () => {
    expect(await store().leaseOf("a")).toBeUndefined();
    expect(await store().leaseOf("b")).toBeUndefined();
    await refused(store().claim({ runId: "b", owner: "one", ttlMs: HOUR_MS }), "run_not_found");
  });

  it("refuses even its owner while it is live, so that two workers of one process do not fence each other", async () => {
    await claimed(store(), "a", "one", HOUR_MS);
    expect(await store().claim({ runId: "a", owner: "one", ttlMs: HOUR_MS })).toBeUndefined();
    await store().append(batchOf("a", 1, { epoch: 1 }));
  });

  it("gives the lease away after a release, with a higher epoch", async () => {
    await store().release(await claimed(store(), "a", "one", HOUR_MS));
    expect(await store().leaseOf("a")).toBeUndefined();
    expect(await claimed(store(), "a", "two", HOUR_MS)).toMatchObject({ owner: "two", epoch: 2 });
  });

  it("gives the lease away when it has expired, with a higher epoch", async () => {
    const lease = await claimed(store(), "a", "one", 1);
    await expired(store(), lease);
    expect(await store().leaseOf("a")).toEqual({ ...lease, live: false });
    expect(await claimed(store(), "a", "two", HOUR_MS)).toMatchObject({ owner: "two", epoch: 2 });
  });

  it("takes a live lease from the named dead owner and nobody else", async () => {
    const dead = await claimed(store(), "a", "dead", HOUR_MS);
    const taking = { runId: "a", owner: "two", ttlMs: HOUR_MS };
    expect(await store().claim({ ...taking, breaking: { owner: "other", epoch: 1 } })).toBeUndefined();
    expect(await store().claim({ ...taking, breaking: { owner: "dead", epoch: 2 } })).toBeUndefined();
    expect(await store().claim({ ...taking, breaking: dead })).toMatchObject({ owner: "two", epoch: 2 });
    // Whoever is late finds another lease than the one it meant to break.
    expect(await store().claim({ ...taking, owner: "three", breaking: dead })).toBeUndefined();
  });

  it("renews the current lease for the time that is asked, from now on and whatever was left of it", async () => {
    const lease = await claimed(store(), "a", "one", HOUR_MS);
    const longer = await store().renew(lease, 2 * HOUR_MS);
    expect(longer).toMatchObject({ owner: "one", epoch: 1 });
    expect(longer?.expiresAt).toBeGreaterThan(lease.expiresAt);
    const shorter = await store().renew(lease, HOUR_MS / 2);
    expect(shorter?.expiresAt).toBeLessThan(lease.expiresAt);
    expect(await store().leaseOf("a")).toEqual({ ...shorter, live: true });
  });

  it("renews a lease whose time is over as long as nobody took it, and none that was released or went to another", async () => {
    const first = await claimed(store(), "a", "one", HOUR_MS);
    await store().release(first);
    expect(await store().renew(first, HOUR_MS)).toBeUndefined();
    const second = await claimed(store(), "a", "one", 1);
    await expired(store(), second);
    expect(await store().renew(second, 1)).toMatchObject({ owner: "one", epoch: 2 });
    await expired(store(), second);
    await claimed(store(), "a", "two", HOUR_MS);
    expect(await store().renew(second, HOUR_MS)).toBeUndefined();
  });

  it("lets nobody release the lease of another", async () => {
    const old = await claimed(store(), "a", "one", HOUR_MS);
    await store().release(old);
    const current = await claimed(store(), "a", "two", HOUR_MS);
    await store().release(old);
    await store().release({ ...current, owner: "three" });
    expect(await store().leaseOf("a")).toEqual({ ...current, live: true });
  });

  it("accepts appends with the current epoch only", async () => {
    await refused(store().append(batchOf("a", 1, { epoch: 1 })), "lease_lost");
    const first = await claimed(store(), "a", "one", HOUR_MS);
    await store().append(batchOf("a", 1, { epoch: first.epoch }));
    await store().release(first);
    const second = await claimed(store(), "a", "one", HOUR_MS);
    // Also when its seq is old: who lost the lease must not read again and retry.
    await refused(store().append(batchOf("a", 0, { epoch: first.epoch })), "lease_lost");
    await refused(store().append(batchOf("a", 2, { epoch: first.epoch })), "lease_lost");
    await refused(store().append(batchOf("a", 2, { epoch: second.epoch + 1 })), "lease_lost");
    await store().append(batchOf("a", 2, { epoch: second.epoch }));
    await store().release(second);
    await refused(store().append(batchOf("a", 3, { epoch: second.epoch })), "lease_lost");
    // People and tools hold no lease.
    await store().append(batchOf("a", 3));
    expect(await seqs(store(), "a")).toEqual([1, 2, 3, 4]);
  });

  it("accepts appends after the time of the lease is over until somebody takes it", async () => {
    const lease = await claimed(store(), "a", "one", 1);
    await expired(store(), lease);
    await store().append(batchOf("a", 1, { epoch: lease.epoch }));
    await claimed(store(), "a", "two", HOUR_MS);
    await refused(store().append(batchOf("a", 2, { epoch: lease.epoch })), "lease_lost");
  });

  it("takes no lease of one run for another", async () => {
    await store().append(batchOf("b", 0));
    const lease = await claimed(store(), "a", "one", HOUR_MS);
    await refused(store().append(batchOf("b", 1, { epoch: lease.epoch })), "lease_lost");
  });

  itNeeding(
    "two connections",
    "lets one of two connections win, and fences the loser of a break",
    async () => {
      const other = await another();
      const asked = await Promise.all([
        store().claim({ runId: "a", owner: "one", ttlMs: HOUR_MS }),
        other.claim({ runId: "a", owner: "two", ttlMs: HOUR_MS }),
      ]);
      const winners = asked.filter((lease) => lease !== undefined);
      expect(winners).toHaveLength(1);
      const [dead] = winners;
      expect(
        await other.claim({ runId: "a", owner: "three", ttlMs: HOUR_MS, ...(dead && { breaking: dead }) }),
      ).toMatchObject({ epoch: 2 });
      await refused(store().append(batchOf("a", 1, { epoch: 1 })), "lease_lost");
      await other.append(batchOf("a", 1, { epoch: 2 }));
    },
  );
};
