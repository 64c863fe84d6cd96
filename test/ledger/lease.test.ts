import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, onTestFinished, test } from "vitest";
import { holdLease } from "../../src/ledger/lease.js";
import { ownerOfThisProcess, processIdentity } from "../../src/ledger/owner.js";
import type { Store } from "../../src/stores/store.js";
import { create, planOf, stepSpec } from "../helpers/cast.js";
import { openedIn, openedOn, temporaryFolder } from "../helpers/ledgers.js";

const LONG_MS = 60_000;
const RUN = "run_1";
const ELSEWHERE = "another-host:1:1";

const eventually = <T>(look: () => T) => expect.poll(look, { timeout: 20_000, interval: 10 });

const storeWithRun = async (): Promise<Store> => {
  const { store, tell } = await openedIn(":memory:");
  await tell(RUN, create(planOf([stepSpec("a")])));
  return store;
};

/** The same store with another answer to one question. */
const storeWith = (store: Store, over: Partial<Store>): Store =>
  Object.assign(Object.create(store) as Store, over);

/** A process that lives until it is killed, and how leases name it. */
const otherProcess = async (): Promise<{ child: ChildProcess; owner: string }> => {
  const child = spawn(process.execPath, ["-e", "console.log(1); setInterval(() => {}, 1000)"], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  await once(child.stdout, "data");
  const { pid, startTime } = processIdentity(child.pid ?? 0) ?? {};
  const [, host] = /^(.+):\d+:\d+$/.exec(ownerOfThisProcess()) ?? [];
  return { child, owner: `${host}:${pid}:${startTime}` };
};

const held = async (store: Store, ttlMs = LONG_MS) => {
  const lease = await holdLease(store, RUN, ttlMs);
  if (lease === undefined) throw new Error("somebody else has it");
  onTestFinished(() => lease.release());
  return lease;
};

describe("A lease", () => {
  test("is taken over at once from an owner that died, and says from whom", async () => {
    const store = await storeWithRun();
    const { child, owner } = await otherProcess();
    await store.claim({ runId: RUN, owner, ttlMs: LONG_MS });
    expect(await holdLease(store, RUN, LONG_MS)).toBeUndefined();
    child.kill("SIGKILL");
    await once(child, "exit");
    const lease = await held(store);
    expect(lease.takenFrom).toEqual({ owner, epoch: 1 });
    expect(lease.epoch).toBe(2);
  });

  test("is left to an owner that may live: on another host nobody here can know", async () => {
    const store = await storeWithRun();
    await store.claim({ runId: RUN, owner: ELSEWHERE, ttlMs: LONG_MS });
    expect(await holdLease(store, RUN, LONG_MS)).toBeUndefined();
    expect(await store.leaseOf(RUN)).toMatchObject({ owner: ELSEWHERE, epoch: 1, live: true });
  });

  test("is free when it ended, and says who let it end", async () => {
    const store = await storeWithRun();
    await store.claim({ runId: RUN, owner: ELSEWHERE, ttlMs: 1 });
    await eventually(async () => (await store.leaseOf(RUN))?.live).toBe(false);
    expect((await held(store)).takenFrom).toEqual({ owner: ELSEWHERE, epoch: 1 });
  });

  test("that only seemed to have ended is not broken: its owner came back in between", async () => {
    const store = await storeWithRun();
    const lease = await store.claim({ runId: RUN, owner: ELSEWHERE, ttlMs: LONG_MS });
    if (lease === undefined) throw new Error("free run");
    const late = storeWith(store, { leaseOf: async () => ({ ...lease, live: false }) });
    expect(await holdLease(late, RUN, LONG_MS)).toBeUndefined();
    expect(await store.leaseOf(RUN)).toMatchObject({ owner: ELSEWHERE, live: true });
  });

  test("names no former owner when that one gave it back, or when another had it in between", async () => {
    const store = await storeWithRun();
    expect((await held(store)).takenFrom).toBeNull();
    const second = await storeWithRun();
    const former = await second.claim({ runId: RUN, owner: ELSEWHERE, ttlMs: 1 });
    if (former === undefined) throw new Error("free run");
    await eventually(async () => (await second.leaseOf(RUN))?.live).toBe(false);
    const between = await second.claim({ runId: RUN, owner: "third:1:1", ttlMs: LONG_MS });
    if (between === undefined) throw new Error("free run");
    await second.release(between);
    const late = storeWith(second, { leaseOf: async () => ({ ...former, live: false }) });
    expect(await held(late)).toMatchObject({ epoch: 3, takenFrom: null });
  });

  test("is one in this process too: a second asker waits until the first gives it back", async () => {
    const store = await storeWithRun();
    const asked = await Promise.all([1, 2, 3].map(() => holdLease(store, RUN, LONG_MS)));
    const [first, ...others] = asked.filter((lease) => lease !== undefined);
    expect([others.length, first?.lost.aborted]).toEqual([0, false]);
    expect(await holdLease(store, RUN, LONG_MS)).toBeUndefined();
    await first?.release();
    expect((await held(store)).epoch).toBe(2);
  });

  test("is one in this process also when two stores are open on the file", async () => {
    const folder = await temporaryFolder();
    const [left, right] = [await openedIn(folder), await openedIn(folder)];
    await left.tell(RUN, create(planOf([stepSpec("a")])));
    const lease = await held(left.store);
    expect(await holdLease(right.store, RUN, LONG_MS)).toBeUndefined();
    expect(lease.lost.aborted).toBe(false);
  });

  test("of a run that is not there is refused, and the refusal leaves nothing behind", async () => {
    const { store, tell } = await openedIn(":memory:");
    await expect(holdLease(store, RUN, LONG_MS)).rejects.toMatchObject({ code: "run_not_found" });
    await tell(RUN, create(planOf([stepSpec("a")])));
    expect((await held(store)).epoch).toBe(1);
  });
});

describe("Whoever holds a lease", () => {
  const TTL_MS = 300;
  /** Beats far enough apart from its end that a busy machine does not let it end between two. */
  const STEADY_TTL_MS = 1_800;

  test("keeps it for as long as it lives, far beyond its time", async () => {
    const store = await storeWithRun();
    let renewals = 0;
    const counting = storeWith(store, {
      renew: (lease, ttlMs) => {
        renewals += 1;
        return store.renew(lease, ttlMs);
      },
    });
    const lease = await held(counting, STEADY_TTL_MS);
    await eventually(() => renewals).toBeGreaterThan(4);
    expect(await store.leaseOf(RUN)).toMatchObject({ live: true, epoch: lease.epoch });
    expect(lease.lost.aborted).toBe(false);
  });

  test("is told when another took it, and then writes and releases nothing more", async () => {
    const store = await storeWithRun();
    const lease = await held(store, TTL_MS);
    const lost = once(lease.lost, "abort");
    const breaking = { owner: ownerOfThisProcess(), epoch: lease.epoch };
    await store.claim({ runId: RUN, owner: ELSEWHERE, ttlMs: LONG_MS, breaking });
    await lost;
    await lease.release();
    expect(await store.leaseOf(RUN)).toMatchObject({ owner: ELSEWHERE, epoch: 2, live: true });
    const { ledger, engine } = openedOn(store);
    const command = { type: "start_step", stepId: "a", base: "commit-0" } as const;
    await expect(ledger.submit(RUN, command, engine, { epoch: lease.epoch })).rejects.toMatchObject({
      code: "lease_lost",
    });
  });

  test("is not told so after one beat that failed: the next one renews it", async () => {
    const store = await storeWithRun();
    let beats = 0;
    const flaky = storeWith(store, {
      renew: async (lease, ttlMs) => {
        beats += 1;
        if (beats === 1) throw new Error("the disk is slow");
        return store.renew(lease, ttlMs);
      },
    });
    const lease = await held(flaky, STEADY_TTL_MS);
    await eventually(() => beats).toBeGreaterThan(2);
    expect(lease.lost.aborted).toBe(false);
  });

  test("is told so when no beat reached the store until its time was over", async () => {
    const store = await storeWithRun();
    const dead = storeWith(store, { renew: () => Promise.reject(new Error("the disk is gone")) });
    const lease = await held(dead, TTL_MS);
    await once(lease.lost, "abort");
    await eventually(async () => (await store.leaseOf(RUN))?.live).toBe(false);
  });

  test("and gave it back is not told that it lost it", async () => {
    const store = await storeWithRun();
    let beats = 0;
    const counting = storeWith(store, {
      renew: async (lease, ttlMs) => {
        beats += 1;
        await first.release();
        return store.renew(lease, ttlMs);
      },
    });
    const first = await held(counting, TTL_MS);
    await eventually(() => beats).toBe(1);
    await eventually(async () => await store.leaseOf(RUN)).toBeUndefined();
    expect(first.lost.aborted).toBe(false);
    expect((await held(store)).epoch).toBe(2);
    expect(first.lost.aborted).toBe(false);
  });
});
