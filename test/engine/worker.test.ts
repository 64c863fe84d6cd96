import { type ChildProcess, spawn } from "node:child_process";
import { getEventListeners, once } from "node:events";
import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { afterEach, describe, expect, it, onTestFinished, test, vi } from "vitest";
import { createWorker } from "../../src/engine/backends/local.js";
import { findAbandoned } from "../../src/engine/backends/watchdog.js";
import type { Driven } from "../../src/engine/executor.js";
import type { RunLedger } from "../../src/index.js";
import { ownerOfThisProcess, processIdentity } from "../../src/ledger/owner.js";
import { openStore } from "../../src/stores/open.js";
import { behindTheBack } from "../faults/damaged.js";
import { planOfSteps, sample, stepBy } from "../helpers/bench.js";
import { create, planOf, stepSpec } from "../helpers/cast.js";
import {
  barrier,
  began,
  cancel,
  deadOwner,
  eventsOf,
  eventually,
  gate,
  leaveRoom,
  placesOf,
  say,
  typesOf,
} from "../helpers/driving.js";
import { openedIn, openedOn, temporaryFolder } from "../helpers/ledgers.js";

const started: ChildProcess[] = [];
afterEach(async () => {
  for (const child of started.splice(0)) await end(child);
});

const end = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGKILL");
  await once(child, "exit");
};

/** Another process of this machine, as leases name it. */
const otherOwner = async (): Promise<{ owner: string; child: ChildProcess }> => {
  const child = spawn("sleep", ["600"], { stdio: "ignore" });
  started.push(child);
  await once(child, "spawn");
  const identity = processIdentity(child.pid ?? 0) ?? expect.unreachable("it did not start");
  const [, host = ""] = /^(.+):\d+:\d+$/.exec(ownerOfThisProcess()) ?? [];
  return { owner: `${host}:${identity.pid}:${identity.startTime}`, child };
};

const never = new AbortController().signal;
const oneStep = () => planOfSteps(stepBy("a", "true"));
const noTrouble = (runId: string, error: unknown) => expect.unreachable(`${runId}: ${String(error)}`);

/** The runs that a worker of this ledger takes, in order; nothing is done for them. */
const taking = (app: Pick<RunLedger, "ledger">, over: Partial<Parameters<typeof createWorker>[0]> = {}) => {
  const taken: string[] = [];
  const worker = createWorker({
    ledger: app.ledger,
    drive: async (runId) => {
      taken.push(runId);
      if (taken.length > 20) throw new Error("it spins");
      return { run: await app.ledger.load(runId), end: "no_agent" };
    },
    reclaim: async () => undefined,
    tidyOnce: async () => undefined,
    tidy: async () => undefined,
    tidyEveryMs: 3_600_000,
    openSchedules: async () => ({ fire: async () => undefined, nextMs: () => null }),
    maxRuns: 10,
    onTrouble: noTrouble,
    ...over,
  });
  return { worker, taken };
};

describe("a worker", () => {
  it("drives every run there is, so many at the same time and no more", async () => {
    const shop = await sample();
    const pairs = barrier(2);
    let working = 0;
    let most = 0;
    const app = await shop.open({
      coder: async () => {
        working += 1;
        most = Math.max(most, working);
        await pairs();
        working -= 1;
        return "done";
      },
    });
    const runs = [await began(app, oneStep()), await began(app, oneStep()), await began(app, oneStep())];
    await app.worker({ maxRuns: 2, onTrouble: noTrouble }).drain(never);
    for (const runId of runs) expect((await app.ledger.load(runId)).state.status).toBe("completed");
    expect(most).toBe(2);
  });

  it("looks once at a run that it has no agent for, and again when its journal has grown", async () => {
    const shop = await sample();
    const app = await shop.open();
    const runId = await began(app, oneStep());
    const { worker, taken } = taking(app);
    await worker.drain(never);
    await worker.drain(never);
    expect(taken).toEqual([runId]);
    await say(app, runId, { type: "write_note", key: "k", value: "v" });
    await worker.drain(never);
    expect(taken).toEqual([runId, runId]);
    expect(await app.drive(runId)).toMatchObject({ end: "no_agent" });
    await app.worker({ maxRuns: 2, onTrouble: noTrouble }).drain(never);
    expect(await typesOf(app, runId)).toEqual(["run_created", "plan_attached", "note_written"]);
  });

  it("tells of a run that it cannot drive, leaves it alone for a while, and drives the others", async () => {
    const shop = await sample();
    const app = await shop.open();
    const [sick, well] = [await began(app, oneStep()), await began(app, oneStep())];
    const troubles: string[] = [];
    const taken: string[] = [];
    const { worker } = taking(app, {
      maxRuns: 1,
      drive: async (runId) => {
        taken.push(runId);
        if (runId === sick) throw new Error("sick");
        return { run: await app.ledger.load(runId), end: "idle" };
      },
      onTrouble: (runId, error) => {
        troubles.push(`${runId} ${String(error)}`);
        if (troubles.length > 20) throw new Error("it spins");
      },
    });
    await worker.drain(never);
    await worker.drain(never);
    expect(taken.sort()).toEqual([sick, well].sort());
    expect(troubles).toEqual([`${sick} Error: sick`]);
  });

  it("tidies every so often by the time that passes, wherever the clock is put", async () => {
    const shop = await sample();
    const app = await shop.open();
    const ended = new AbortController();
    let times = 0;
    const tidy = async (): Promise<void> => {
      vi.setSystemTime(Date.parse("2026-03-02T00:00:00.000Z") - times * 86_400_000);
      times += 1;
      if (times === 3) ended.abort();
    };
    vi.useFakeTimers({ toFake: ["Date"], now: Date.parse("2030-01-01T00:00:00.000Z") });
    onTestFinished(() => void vi.useRealTimers());
    await taking(app, { tidy, tidyEveryMs: 1 }).worker.run(ended.signal);
    expect(times).toBe(3);
  });

  it("tidies once, behind what it takes over", async () => {
    const shop = await sample();
    const app = await shop.open();
    const runId = await began(app, oneStep());
    const ended = new AbortController();
    const seen: string[] = [];
    const drive = async (driven: string) => {
      seen.push(driven);
      return { run: await app.ledger.load(driven), end: "no_agent" } as const;
    };
    const tidyOnce = async ({ aborted }: AbortSignal): Promise<void> => {
      seen.push(`tidied, told to stop: ${aborted}`);
      ended.abort();
    };
    const { worker } = taking(app, { drive, tidyOnce });
    await worker.run(ended.signal);
    expect(seen).toEqual([runId, "tidied, told to stop: false"]);
    seen.length = 0;
    await taking(app, { drive, tidyOnce }).worker.drain(new AbortController().signal);
    expect(seen).toEqual([runId, "tidied, told to stop: false"]);
  });

  it("leaves it alone no longer when the clock is put back meanwhile", async () => {
    const shop = await sample();
    let ms = Date.parse("2026-03-02T00:00:00.000Z");
    const app = await shop.open({}, () => new Date(ms).toISOString());
    const runId = await began(app, oneStep());
    let isSick = true;
    let drives = 0;
    const { worker } = taking(app, {
      drive: async () => {
        drives += 1;
        if (isSick) throw new Error("sick");
        return { run: await app.ledger.load(runId), end: "idle" };
      },
      onTrouble: () => undefined,
    });
    await worker.drain(never);
    expect(drives).toBe(1);
    isSick = false;
    ms -= 24 * 3_600_000;
    await worker.drain(never);
    expect(drives).toBe(2);
  });

  it("does not call it trouble that somebody else drives a run", async () => {
    const shop = await sample();
    const app = await shop.open({ coder: () => "done" });
    const runId = await began(app, oneStep());
    const { owner } = await otherOwner();
    let drives = 0;
    const { worker } = taking(app, {
      // Between the look and the claim the other one is faster.
      drive: async (id, signal) => {
        drives += 1;
        if (drives > 20) throw new Error("it spins");
        await app.ledger.store.claim({ runId: id, owner, ttlMs: 60_000 });
        return app.drive(id, signal);
      },
    });
    await worker.drain(never);
    await worker.drain(never);
    expect(drives).toBe(1);
    expect(await typesOf(app, runId)).toEqual(["run_created", "plan_attached"]);
  });

  it("gives the turn of a run that ended to the next one at once, and does not look while all turns are taken", async () => {
    const shop = await sample();
    const app = await shop.open();
    const runs = [await began(app, oneStep()), await began(app, oneStep())];
    const [first, second] = [gate(), gate()];
    const ends = [gate(), gate()];
    let looks = 0;
    const ledger = {
      ...app.ledger,
      list: (query: Parameters<typeof app.ledger.list>[0]) => {
        looks += 1;
        return app.ledger.list(query);
      },
    };
    const { worker } = taking(app, {
      ledger,
      maxRuns: 1,
      drive: async (runId) => {
        const turn = runs.indexOf(runId);
        [first, second][turn]?.open();
        await ends[turn]?.opened;
        return { run: await app.ledger.load(runId), end: "no_agent" };
      },
    });
    // No tick of its own will ever come.
    vi.useFakeTimers({ toFake: ["setTimeout"] });
    onTestFinished(() => void vi.useRealTimers());
    const stop = new AbortController();
    const running = worker.run(stop.signal);
    await first.opened;
    const before = looks;
    await worker.tick();
    expect(looks).toBe(before);
    ends[0]?.open();
    await second.opened;
    stop.abort();
    ends[1]?.open();
    await running;
  });

  it("takes nothing when it is stopped already, and keeps nothing on the signal while it waits", async () => {
    const shop = await sample();
    const app = await shop.open();
    await began(app, oneStep());
    const { worker, taken } = taking(app);
    await worker.drain(AbortSignal.abort());
    expect(taken).toEqual([]);
    const stop = new AbortController();
    const ledger = {
      ...app.ledger,
      list: (query: Parameters<typeof app.ledger.list>[0]) => {
        looks += 1;
        return app.ledger.list(query);
      },
    };
    let looks = 0;
    const running = taking(app, { ledger }).worker.run(stop.signal);
    await eventually("it looked three times", () => looks >= 6);
    expect(getEventListeners(stop.signal, "abort").length).toBeLessThanOrEqual(1);
    stop.abort();
    await running;
  });

  it("hangs no listener of each run on the one signal that they all share", async () => {
    const shop = await sample({
      "a.txt": "a\n",
      "runledger.yaml": "runLedger: { workspaceIsolation: false }\n",
    });
    const all = barrier(12);
    let most = 0;
    const stop = new AbortController();
    const app = await shop.open({
      coder: async () => {
        await all();
        most = Math.max(most, getEventListeners(stop.signal, "abort").length);
        return "done";
      },
    });
    for (let count = 0; count < 12; count += 1) await began(app, oneStep());
    await app.worker({ maxRuns: 12, onTrouble: noTrouble }).drain(stop.signal);
    expect(most).toBeLessThanOrEqual(1);
    expect(await app.list({ limit: 20, statuses: ["completed"] })).toHaveLength(12);
  });

  it("waits for what is under way when it is stopped, which goes on later", async () => {
    const shop = await sample();
    const signals: AbortSignal[] = [];
    const app = await shop.open({
      coder: ({ signal }) =>
        new Promise((resolve) => {
          signals.push(signal);
          signal.addEventListener("abort", () => resolve("stopped"));
        }),
    });
    const runId = await began(app, oneStep());
    const stop = new AbortController();
    const running = app.worker({ maxRuns: 1, onTrouble: noTrouble }).run(stop.signal);
    await eventually("the agent works", () => signals.length === 1);
    stop.abort();
    await running;
    expect(signals[0]?.aborted).toBe(true);
    expect(await typesOf(app, runId)).toEqual(["run_created", "plan_attached", "step_started"]);
    expect(await app.ledger.store.leaseOf(runId)).not.toMatchObject({ live: true });
  });
});

test("the runs that wait longest are found first, however many came after them", async () => {
  const { ledger, tell } = await openedIn(":memory:");
  const ids = Array.from({ length: 1_050 }, (_, index) => `run_${index}`);
  await Promise.all(ids.map((runId) => tell(runId, create(planOf([stepSpec("a")])))));
  const found = await findAbandoned(ledger);
  expect(found.map(({ runId }) => runId)).toEqual(ids.slice(0, 1_000));
});

test("runs that a worker can do nothing for keep none from it that came after them, however many they are", async () => {
  const { ledger, tell } = await openedIn(":memory:");
  const ids = Array.from({ length: 1_050 }, (_, index) => `run_${index}`);
  const [told] = await Promise.all(ids.map((runId) => tell(runId, create(planOf([stepSpec("a")])))));
  const run = told?.run ?? expect.unreachable("there is none");
  const taken: string[] = [];
  const drive = async (runId: string): Promise<Driven> => {
    taken.push(runId);
    return { run, end: "no_agent" };
  };
  const { worker } = taking({ ledger }, { drive, maxRuns: 2_000 });
  await worker.drain(never);
  expect(taken).toEqual(ids);
});

test("runs that wait for something cost a look nothing, were there 10,000 of them", async () => {
  const folder = await temporaryFolder();
  const first = await openStore(folder);
  await openedOn(first).tell("run_due", create(planOf([stepSpec("a")])));
  await first.close();
  behindTheBack(folder, (db) =>
    db.exec(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
      INSERT INTO runs (run_id, last_seq, last_hash, created_at, updated_at, status, goal, session_key, steps_total,
        steps_completed, blocker, runnable, wake_at)
      SELECT 'run_' || i, last_seq, last_hash, created_at, updated_at, 'running', goal, session_key, steps_total,
        steps_completed, blocker, 0, CASE i % 2 WHEN 0 THEN NULL ELSE 9e15 END FROM runs, n WHERE run_id = 'run_due'`),
  );
  const store = await openStore(folder);
  onTestFinished(() => store.close());
  expect(await store.count({ statuses: ["running"] })).toBe(10_001);
  const asked = (["list", "holdersOfDue", "leaseOf", "runRow", "count"] as const).map((name) =>
    vi.spyOn(store, name),
  );
  const found = await findAbandoned(openedOn(store).ledger);
  expect(found.map(({ runId }) => runId)).toEqual(["run_due"]);
  // That the two walk through no other run either is told by the plans of their questions: test/stores/sqlite.test.ts.
  expect(asked.map((spy) => spy.mock.calls.length)).toEqual([1, 1, 0, 0, 0]);
});

describe("a run whose worker died", () => {
  it("is found although its lease lives on, is taken over, and the loss is told once", async () => {
    const shop = await sample();
    const app = await shop.open({ coder: () => "done" });
    const runId = await began(app, oneStep());
    const idle = await began(app, oneStep());
    await say(app, idle, cancel);
    const { owner, child } = await otherOwner();
    const lease = await app.ledger.store.claim({ runId, owner, ttlMs: 600_000 });
    expect(await findAbandoned(app.ledger)).toEqual([]);
    const held = await app.drive(runId).catch((error) => error);
    expect(held).toMatchObject({ code: "lease_held", message: expect.stringContaining(owner) });
    await end(child);
    expect((await findAbandoned(app.ledger)).map((row) => row.runId)).toEqual([runId]);
    await app.worker({ maxRuns: 1, onTrouble: noTrouble }).drain(never);
    const run = await app.ledger.load(runId);
    expect(run).toMatchObject({ state: { status: "completed" }, workersLost: 1 });
    const lost = (await eventsOf(app, runId)).filter(({ type }) => type === "worker_lost");
    expect(lost).toMatchObject([{ payload: { owner, epoch: lease?.epoch }, actor: { role: "engine" } }]);
  });

  it("is not driven twice by two callers of one process", async () => {
    const shop = await sample();
    const working = barrier(1);
    const app = await shop.open({
      coder: async () => {
        await working();
        return "done";
      },
    });
    const runId = await began(app, oneStep());
    const both = await Promise.allSettled([app.drive(runId), app.drive(runId)]);
    expect(both.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    const [refused] = both.flatMap((one) => (one.status === "rejected" ? [one.reason] : []));
    expect(refused).toMatchObject({ code: "lease_held" });
  });
});

describe("what a worker that died left", () => {
  it("is cleared away when a worker starts, also when no run is left to drive", async () => {
    const shop = await sample();
    const app = await shop.open({ coder: () => "done" });
    const room = await leaveRoom(app, "over", deadOwner);
    await app.worker({ maxRuns: 1, onTrouble: noTrouble }).drain(never);
    expect(existsSync(room)).toBe(false);
    expect(await placesOf(app)).toEqual([]);
    const late = await leaveRoom(app, "over", deadOwner);
    const next = await shop.open({ coder: () => "done" });
    await next.worker({ maxRuns: 1, onTrouble: noTrouble }).run(AbortSignal.abort());
    expect(existsSync(late)).toBe(false);
  });

  it("goes with the take-over of its run, however long the other worker has been at work", async () => {
    const shop = await sample();
    const app = await shop.open({ coder: () => "done" });
    await app.drive(await began(app, oneStep()));
    const runId = await began(app, oneStep());
    await app.ledger.store.claim({ runId, owner: deadOwner, ttlMs: 60_000 });
    const rooms = [await leaveRoom(app, runId, deadOwner), await leaveRoom(app, "another", deadOwner)];
    const { owner } = await otherOwner();
    rooms.push(await leaveRoom(app, runId, owner));
    try {
      expect((await app.drive(runId)).run.state.status).toBe("completed");
      expect(await typesOf(app, runId)).toContain("worker_lost");
      expect(rooms.map((room) => existsSync(room))).toEqual([false, true, true]);
    } finally {
      for (const room of rooms) await rm(room, { recursive: true, force: true });
    }
  });
});
