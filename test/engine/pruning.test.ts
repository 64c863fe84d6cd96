import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import type { AgentFunction, PrunedRun, RunLedger } from "../../src/index.js";
import { buggySum, makeSample, onePlan, person, type Sample, SESSION } from "../helpers/project.js";

const samples: Sample[] = [];
afterEach(async () => {
  vi.useRealTimers();
  for (const sample of samples.splice(0)) await sample.dispose();
});

/** Nothing goes by number here, and only who forks needs a clone. */
const opened = async (
  settings = "",
  coder: AgentFunction = () => "done",
  workspaceIsolation = false,
): Promise<RunLedger> => {
  const shared = `runLedger: { maxRunHistory: 0, workspaceIsolation: ${workspaceIsolation} }\n`;
  const shop = await makeSample({ ...buggySum, "runledger.yaml": shared + settings });
  samples.push(shop);
  return shop.open({ coder });
};

const there = { type: "artifact_exists", target: "package.json", params: { changed: false } };

const created = async (app: RunLedger): Promise<string> => {
  const plan = onePlan({ validator: there });
  return (await app.createRun(person(app), { plan, sessionKey: SESSION, originalRequest: "try" })).runId;
};

const completed = async (app: RunLedger): Promise<string> => {
  const { run } = await app.drive(await created(app));
  expect(run.state.status).toBe("completed");
  return run.runId;
};

const cancelled = async (app: RunLedger): Promise<string> => {
  const runId = await created(app);
  await app.ledger.submit(runId, { type: "cancel_run", reason: "no" }, person(app));
  return runId;
};

/** A finished run with an event that names each of these blobs. */
const naming = async (app: RunLedger, ...hashes: readonly string[]): Promise<string> => {
  const runId = await created(app);
  for (const [at, value] of hashes.entries())
    await app.ledger.submit(runId, { type: "write_note", key: `k${at}`, value }, person(app));
  await app.ledger.submit(runId, { type: "cancel_run", reason: "no" }, person(app));
  return runId;
};

const MEBIBYTE = 1024 ** 2;
const blob = (app: RunLedger): Promise<string> => app.ledger.store.putBlob(randomBytes(MEBIBYTE));

const hoursLater = (hours: number): void => {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + hours * 3_600_000 });
};
const daysLater = (days: number): void => hoursLater(24 * days);

const beyondOf = (runs: readonly PrunedRun[]) => runs.map(({ runId, beyond }) => [runId, beyond]);
const idsOf = async (app: RunLedger): Promise<string[]> =>
  (await app.ledger.list({ limit: 50 })).map(({ runId }) => runId).sort();

describe("By age", () => {
  test("completed and failed runs go at times of their own; what runs or waits stays for ever", async () => {
    const app = await opened("retention: { completedFor: 7d, failedFor: 30d }\n");
    const [good, bad] = [await completed(app), await cancelled(app)];
    const [running, paused] = [await created(app), await created(app)];
    await app.ledger.submit(paused, { type: "pause_run", reason: "lunch" }, person(app));
    daysLater(6.9);
    expect((await app.prune()).runs).toEqual([]);
    daysLater(0.2);
    expect(beyondOf((await app.prune({ dryRun: true })).runs)).toEqual([[good, "age"]]);
    const [gone] = (await app.prune()).runs;
    expect(gone).toMatchObject({ runId: good, archive: expect.stringContaining(good) });
    expect(existsSync(gone?.archive ?? "")).toBe(true);
    daysLater(23);
    expect(beyondOf((await app.prune()).runs)).toEqual([[bad, "age"]]);
    daysLater(365);
    expect((await app.prune()).runs).toEqual([]);
    expect(await idsOf(app)).toEqual([running, paused].sort());
  });

  test("and for ever when nothing is set", async () => {
    const app = await opened();
    await completed(app);
    daysLater(3_650);
    expect((await app.prune()).runs).toEqual([]);
  });

  test("never within an hour of their end, whatever is asked", async () => {
    const app = await opened();
    const runId = await completed(app);
    hoursLater(0.9);
    for (const limit of [{ olderThanMs: 0 }, { maxBytes: 0 }, { keep: 0 }])
      expect((await app.prune(limit)).runs).toEqual([]);
    hoursLater(0.2);
    expect(beyondOf((await app.prune({ olderThanMs: 0, dryRun: true })).runs)).toEqual([[runId, "age"]]);
  });

  test("what is asked for counts, and no setting beside it", async () => {
    const app = await opened("retention: { completedFor: 1h, failedFor: 1h, maxBytes: 1MiB }\n");
    const [old, newer] = [await completed(app), await cancelled(app)];
    await blob(app);
    hoursLater(3);
    expect((await app.prune({ olderThanMs: 4 * 3_600_000 })).runs).toEqual([]);
    expect(beyondOf((await app.prune({ keep: 1, dryRun: true })).runs)).toEqual([[old, "count"]]);
    expect(beyondOf((await app.prune()).runs)).toEqual([
      [old, "age"],
      [newer, "age"],
    ]);
  });

  test("who drives a run archives behind it, and not when told to stop", async () => {
    const app = await opened("retention: { completedFor: 2d, failedFor: 2d }\n");
    const old = await cancelled(app);
    daysLater(3);
    const [halted, next] = [await created(app), await created(app)];
    await app.drive(halted, AbortSignal.abort());
    await expect(app.ledger.load(old)).resolves.toMatchObject({ runId: old });
    await app.drive(next);
    await expect(app.ledger.load(old)).rejects.toMatchObject({ code: "run_not_found" });
  });

  test("its end is between two runs when it is told to stop", async () => {
    const app = await opened();
    const [old, newer] = [await cancelled(app), await cancelled(app)];
    hoursLater(2);
    const stop = new AbortController();
    const { remove } = app.ledger.store;
    vi.spyOn(app.ledger.store, "remove").mockImplementation(async (...given) => {
      stop.abort();
      return remove(...given);
    });
    expect(beyondOf((await app.prune({ keep: 0, signal: stop.signal })).runs)).toEqual([[old, "count"]]);
    expect(await idsOf(app)).toEqual([newer]);
  });
});

describe("By size", () => {
  test("the oldest finished runs go until a tenth is free, with the output that only they name", async () => {
    const app = await opened();
    const { store } = app.ledger;
    const [shared, ...own] = [await blob(app), await blob(app), await blob(app), await blob(app)];
    const live = await created(app);
    const ran: string[] = [];
    for (const hash of own) ran.push(await naming(app, hash, shared));
    const [oldest, second] = ran;
    daysLater(3);
    const blobsNow = async () => (await store.listBlobs()).map(({ hash }) => hash).sort();
    const total = (await store.space()).usedBytes + 4 * MEBIBYTE;
    expect((await app.prune({ maxBytes: total + MEBIBYTE })).runs).toEqual([]);
    // Two of them must go, although one would do without the tenth.
    const limit = { maxBytes: total - Math.floor(0.8 * MEBIBYTE) };
    const would = await app.prune({ ...limit, dryRun: true });
    expect(beyondOf(would.runs)).toEqual([
      [oldest, "size"],
      [second, "size"],
    ]);
    expect(await blobsNow()).toHaveLength(4);
    const did = await app.prune(limit);
    expect(beyondOf(did.runs)).toEqual(beyondOf(would.runs));
    const freed = ({ journalBytes, blobs, blobBytes }: typeof did) => ({ journalBytes, blobs, blobBytes });
    expect(freed(did)).toEqual(freed(would));
    expect(did).toMatchObject({ blobs: 2, fileBytes: expect.any(Number) });
    expect(did.journalBytes).toBe(did.runs.reduce((sum, { bytes }) => sum + bytes, 0));
    expect(await blobsNow()).toEqual([shared, own[2]].sort());
    expect(await idsOf(app)).toEqual([live, ran[2]].sort());
    expect((await app.prune(limit)).runs).toEqual([]);
  });

  test("output that may be about to be named stays, and no further run goes for it", async () => {
    const app = await opened();
    const ran = [await naming(app, await blob(app)), await naming(app, await blob(app))];
    hoursLater(2);
    const total = (await app.ledger.store.space()).usedBytes + 2 * MEBIBYTE;
    const tight = { maxBytes: total - MEBIBYTE / 4 };
    const { runs, blobs } = await app.prune(tight);
    expect([beyondOf(runs), blobs]).toEqual([[[ran[0], "size"]], 0]);
    expect((await app.prune(tight)).runs).toEqual([]);
    daysLater(2);
    expect(await app.prune(tight)).toMatchObject({ runs: [], blobs: 1 });
  });

  test("who drives a run does not wait for the search for output, unless the ledger is too large", async () => {
    const app = await opened("retention: { completedFor: 1h, failedFor: 1h }\n");
    await naming(app, await blob(app));
    daysLater(3);
    const later = await samples[0]?.open({ coder: () => "done" });
    if (later === undefined) throw new Error("no project");
    await completed(later);
    expect(await idsOf(later)).toHaveLength(1);
    expect(await later.ledger.store.listBlobs()).not.toEqual([]);
    expect(await later.collectGarbage()).toMatchObject({ fileBytes: expect.any(Number) });
    expect(await later.ledger.store.listBlobs()).toEqual([]);
  });
});

describe("What outlives a run that goes", () => {
  /** Two runs that come with the same key; the first is taken out before the second one begins. */
  const afterwards = async (onAmbiguous: "fail" | "skip") => {
    const done: string[] = [];
    const got: unknown[] = [];
    const app = await opened("", async ({ runId }, { effect }) => {
      const charge = () => `receipt ${done.push(runId)}`;
      const said = { class: "guarded", onAmbiguous, key: "order-7" } as const;
      const asked = effect("charge", said, charge);
      got.push(await asked.catch((error: unknown) => error));
      await asked;
      return "done";
    });
    const first = await completed(app);
    hoursLater(2);
    const { runs } = await app.prune({ olderThanMs: 0 });
    expect(runs).toHaveLength(1);
    const { run } = await app.drive(await created(app));
    expect(done).toEqual([first]);
    return { app, first, archive: runs[0]?.archive, run, got };
  };

  test("is the business key of its effect: nothing is done twice, and who needs its result is told that it is gone", async () => {
    const { first, archive, run, got } = await afterwards("fail");
    expect(run.state.status).toBe("paused");
    expect(got[1]).toMatchObject({
      code: "effect_result_gone",
      hint: expect.stringContaining(`Import ${archive}`),
      details: { status: "skipped", origin: { runId: first }, archive },
    });
  });

  test("is its key for who does without the result", async () => {
    const { app, first, run, got } = await afterwards("skip");
    expect([run.state.status, ...got]).toEqual(["completed", "receipt 1", undefined]);
    const events = await app.ledger.events(run.runId, 0, 100);
    expect(events.find(({ type }) => type === "effect_settled")).toMatchObject({
      payload: { outcome: { kind: "known", origin: { runId: first }, outcome: { kind: "skipped" } } },
    });
  });

  test("is its key for a fork that began before it was taken", async () => {
    const charging: AgentFunction = async (_task, { effect }) => {
      await effect("charge", { class: "guarded", onAmbiguous: "fail", key: "order-9" }, () => "receipt 1");
      return "done";
    };
    const app = await opened("", charging, true);
    const first = await completed(app);
    const fork = await app.fork(person(app), { runId: first, seq: 1 });
    hoursLater(2);
    expect((await app.prune({ olderThanMs: 0 })).runs).toHaveLength(1);
    expect(await app.blockedSideEffectKeys(fork.runId)).toEqual(new Set(["order-9"]));
  });

  test("is what came of it, for who has learned it before", async () => {
    const lives: unknown[] = [];
    const stop = new AbortController();
    const app = await opened("", async (_task, { effect }) => {
      const said = { class: "guarded", onAmbiguous: "fail", key: "order-8" } as const;
      lives.push(await effect("charge", said, () => "receipt 1"));
      if (lives.length !== 2) return "done";
      stop.abort();
      return new Promise(() => undefined);
    });
    await completed(app);
    const second = await created(app);
    await app.drive(second, stop.signal);
    hoursLater(2);
    expect((await app.prune({ olderThanMs: 0 })).runs).toHaveLength(1);
    await app.drive(second);
    expect(lives).toEqual(["receipt 1", "receipt 1", "receipt 1"]);
  });
});

describe("Two who clean up at the same time", () => {
  test("remove each run once, and neither is told that one cannot go", async () => {
    const shop = await makeSample({ ...buggySum });
    samples.push(shop);
    const [one, other] = [await shop.open(), await shop.open()];
    // Made in the past: from the future, what the other one is writing would look abandoned.
    hoursLater(-2);
    for (let count = 0; count < 6; count += 1) await cancelled(one);
    vi.useRealTimers();
    const told: unknown[] = [];
    const both = await Promise.all(
      [one, other].map((app) => app.prune({ keep: 0, onStays: (...why) => void told.push(why) })),
    );
    const gone = both.flatMap(({ runs }) => runs.map(({ runId }) => runId));
    expect([gone.length, new Set(gone).size, told]).toEqual([6, 6, []]);
    for (const { archive } of both.flatMap(({ runs }) => runs))
      expect(existsSync(archive ?? join(shop.place, "none"))).toBe(true);
  });
});
