import { afterEach, describe, expect, it, vi } from "vitest";
import type { AgentFunction, Metrics, RunLedger } from "../../src/index.js";
import { metricsOf } from "../../src/ledger/metrics/metrics.js";
import { behindTheBack } from "../faults/damaged.js";
import { clockAt } from "../helpers/driving.js";
import { buggySum, makeSample, onePlan, person, type Sample, SESSION } from "../helpers/project.js";

/** The numbers of real runs, of functions that tell what they used. */

const samples: Sample[] = [];
afterEach(async () => {
  vi.useRealTimers();
  for (const sample of samples.splice(0)) await sample.dispose();
});

const shared = "runLedger: { maxRunHistory: 0, workspaceIsolation: false }\n";

/** Asks a model twice; what the second call used nobody told. */
const coder: AgentFunction = async (_task, effects) => {
  const ask = { class: "guarded", risk: "paid" } as const;
  await effects.effect("first", ask, async ({ spend }) => {
    spend({ model: "small", tokensIn: 100, tokensOut: 10, cacheRead: 40, nanoUsd: 2_500 });
    return 1;
  });
  await effects.effect("second", ask, async () => 2);
  return "done";
};

const shopOf = async (settings = "") => {
  const shop = await makeSample({ ...buggySum, "runledger.yaml": shared + settings });
  samples.push(shop);
  return shop;
};

const there = { type: "artifact_exists", target: "package.json", params: { changed: false } };
const missing = { type: "artifact_exists", target: "nowhere.json" };

const driven = async (app: RunLedger, step: object): Promise<string> => {
  const plan = onePlan({ max_retries: 0, ...step });
  const { runId } = await app.createRun(person(app), { plan, sessionKey: SESSION, originalRequest: "try" });
  await app.drive(runId);
  return runId;
};

const used = (of: object) => expect.objectContaining(of);

/** Whoever asks for the first time reads the same; only the moment differs. */
const expectSameAnew = async (shop: Sample, app: RunLedger): Promise<void> => {
  const still = ({ at: _, waiting: { runs }, ...metrics }: Metrics) => ({ ...metrics, waiting: runs });
  expect(still(await app.metrics())).toEqual(still(await (await shop.open()).metrics()));
};

describe("The numbers of a ledger", () => {
  it("are nothing before the first run", async () => {
    const metrics = await (await (await shopOf()).open()).metrics();
    expect(metrics).toMatchObject({
      events: 0,
      runs: { planning: 0, running: 0, paused: 0, completed: 0, failed: 0 },
      waiting: { runs: 0, oldestSeconds: 0 },
      ...{ unattended: 0, unread: 0, workersLost: 0 },
      ...{ attempts: [], verdicts: [], usage: [], refusals: [] },
    });
  });

  it.each(["", "durable: { encryption: true }\n"])(
    "count runs, verdicts and what was used (%s)",
    async (settings) => {
      const shop = await shopOf(settings);
      const app = await shop.open({ coder });
      await driven(app, { validator: there });
      const first = await app.metrics();
      await driven(app, { validator: there });
      await driven(app, { validator: missing });
      const metrics = await app.metrics();
      expect(first.events).toBeLessThan(metrics.events);
      expect(metrics.events).toBe(await app.ledger.store.position());
      expect(metrics.runs).toMatchObject({ completed: 2, paused: 1 });
      expect(metrics.waiting.runs).toBe(1);
      expect(metrics.attempts).toEqual([{ agent: "coder", attempts: 3 }]);
      const judged = { of: "step", validator: "artifact_exists" };
      expect(metrics.verdicts).toEqual([
        used({ ...judged, outcome: "failed", verdicts: 1 }),
        used({ ...judged, outcome: "passed", verdicts: 2 }),
      ]);
      expect(metrics.usage).toEqual([
        used({ agent: "coder", model: "small", calls: 3, tokensIn: 300, cacheRead: 120, nanoUsd: 7_500 }),
        used({ agent: "coder", model: null, calls: 0, uncounted: 3 }),
      ]);
      await expectSameAnew(shop, app);
    },
  );

  it("are read on from where they were read before", async () => {
    const app = await (await shopOf()).open({ coder });
    await driven(app, { validator: there });
    const read: number[] = [];
    const { store } = app.ledger;
    const feedOf: typeof store.feedOf = async (...asked) => {
      const rows = await store.feedOf(...asked);
      read.push(rows.length);
      return rows;
    };
    const metrics = metricsOf({ ...app.ledger, store: { ...store, feedOf } });
    const [first, same] = [await metrics(), await metrics()];
    expect(read).toEqual([expect.any(Number), 0]);
    expect(read[0]).toBeGreaterThan(5);
    expect(same.usage).toEqual(first.usage);
    await driven(app, { validator: there });
    const [more, at] = [await Promise.all([metrics(), metrics()]), read.length];
    expect([at, read.at(-1), more[1].attempts]).toEqual([4, 0, [{ agent: "coder", attempts: 2 }]]);
  });

  it("fall with runs that are pruned or erased, whoever did it, and events never do", async () => {
    const shop = await shopOf("durable: { encryption: true }\n");
    const app = await shop.open({ coder });
    await driven(app, { validator: there });
    const erased = await driven(app, { validator: there });
    await driven(app, { validator: there });
    const before = await app.metrics();
    const other = await shop.open();
    await other.erase(person(other), erased);
    const after = await app.metrics();
    expect(after).toMatchObject({ unread: 1, attempts: [{ attempts: 2 }], runs: before.runs });
    await expectSameAnew(shop, app);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 2 * 3_600_000 });
    expect((await other.prune({ keep: 0 })).runs.length).toBeGreaterThan(1);
    const last = await app.metrics();
    expect(last).toMatchObject({ runs: { completed: 0 }, attempts: [], usage: [] });
    expect(last.events).toBeGreaterThanOrEqual(before.events);
    await expectSameAnew(shop, app);
  });

  it("say how long the longest-waiting run has asked a person, whatever else happened to it", async () => {
    const clock = clockAt("2026-01-01T00:00:00.000Z");
    const shop = await shopOf();
    const app = await shop.open({ coder }, clock.now);
    const asked = await driven(app, { validator: { type: "orchestrator_approval" } });
    clock.move(60_000);
    await driven(app, { validator: missing });
    clock.move(30_000);
    const note = { type: "write_note", key: "k", value: "v" } as const;
    await app.ledger.submit(asked, note, person(app));
    expect((await app.metrics()).waiting).toEqual({ runs: 2, oldestSeconds: 90 });
  });

  it("count a run with an event that was changed as unread, and all others", async () => {
    const shop = await shopOf();
    const app = await shop.open({ coder });
    const [bad] = [await driven(app, { validator: there }), await driven(app, { validator: there })];
    const change = "UPDATE events SET payload = '{}' WHERE run_id = ? AND type = 'step_started'";
    behindTheBack(app.dataDir, (db) => db.prepare(change).run(bad));
    expect(await (await shop.open()).metrics()).toMatchObject({
      unread: 1,
      attempts: [{ agent: "coder", attempts: 1 }],
      runs: { completed: 2 },
    });
  });

  it("show no secret, and no more than a hundred names", async () => {
    const shop = await shopOf();
    const many: AgentFunction = async (_task, effects) => {
      for (let at = 0; at < 120; at += 1)
        await effects.effect("ask", { class: "guarded", risk: "paid" }, async ({ spend }) => {
          spend({ model: `m-${at}\u001b[31m`, tokensIn: 1, tokensOut: 1 });
          return at;
        });
      return "done";
    };
    const app = await shop.open({ coder: many });
    await driven(app, { validator: there });
    const { usage } = await app.metrics();
    expect(usage).toHaveLength(101);
    expect(usage[0]).toMatchObject({ model: "(others)", calls: 20 });
    expect(usage[1]?.model).toBe("m-0·[31m");
  });
});
