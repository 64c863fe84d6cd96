import { describe, expect, it } from "vitest";
import { openSchedules, type Schedule } from "../../src/engine/schedules/schedules.js";
import type { RunLedger } from "../../src/index.js";
import type { ScheduleMark } from "../../src/stores/store.js";
import { sample, stepBy } from "../helpers/bench.js";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const plan = (goal: string) => JSON.stringify({ goal, steps: [stepBy("a", "true")] });
const never = new AbortController().signal;

/** A project with these schedules, and a clock that stands still until the test moves it. */
const projectOf = async (schedules: Readonly<Record<string, object>>, more: Record<string, string> = {}) => {
  const settings = (of: object) => `${JSON.stringify({ schedules: of, isolation: { maximum: 1 } })}\n`;
  const shop = await sample({
    "plan.json": plan("the plan"),
    "runledger.yaml": settings(schedules),
    ...more,
  });
  let ms = Date.parse("2026-03-01T00:00:30.000Z");
  const troubles: string[] = [];
  const open = () => shop.open({ coder: () => "done" }, () => new Date(ms).toISOString());
  return {
    shop,
    open,
    troubles,
    move: (byMs: number) => {
      ms += byMs;
    },
    write: (of: object) => shop.write({ "runledger.yaml": settings(of) }),
    /** One worker from its start until nothing is to be done. */
    work: async (app: RunLedger) => {
      const onTrouble = (about: string, error: unknown) =>
        void troubles.push(`${about}: ${error instanceof Error ? error.message : error}`);
      await app.worker({ maxRuns: 2, onTrouble }).drain(never);
    },
  };
};

/** What was begun, oldest first: by which schedule, and when it was due. */
const begun = async (app: RunLedger): Promise<string[]> => {
  const rows = await app.ledger.list({ limit: 100 });
  const runs = await Promise.all(rows.map(({ runId }) => app.ledger.load(runId)));
  return runs
    .map(({ originalRequest }) => originalRequest.replace("schedule ", "").replace(":00.000Z", ""))
    .reverse();
};
const hourly = { cron: "0 * * * *", plan: "plan.json" };

describe("a schedule", () => {
  it("has no past when it is new, and begins a run when it is due, once", async () => {
    const { open, work, move } = await projectOf({ nightly: { ...hourly, goal: "Tidy up" } });
    const app = await open();
    await work(app);
    expect(await begun(app)).toEqual([]);
    move(HOUR_MS);
    await work(app);
    await work(app);
    expect(await begun(app)).toEqual(["nightly, due 2026-03-01T01:00"]);
    const [row] = await app.ledger.list({ sessionKey: "schedule:nightly", limit: 1 });
    expect(row).toMatchObject({ goal: "Tidy up", status: "completed" });
  });

  it("begins one run for each due time, however many workers look, and whatever one of them forgot", async () => {
    const { open, work, move } = await projectOf({ nightly: hourly });
    const apps = [await open(), await open(), await open()];
    for (const app of apps) await work(app);
    move(HOUR_MS);
    await Promise.all(apps.map(work));
    const [app] = apps;
    if (app === undefined) return;
    // As a worker leaves it that died between the run and its mark.
    await app.ledger.store.markSchedule("nightly", {
      timing: "0 * * * * UTC",
      sinceMs: Date.parse("2026-03-01T00:30:00Z"),
    });
    await work(app);
    expect(await begun(app)).toEqual(["nightly, due 2026-03-01T01:00"]);
  });

  it("is due at the same time again when the clock goes back, and begins no second run", async () => {
    const { open, work, move } = await projectOf({ nightly: { ...hourly, catchUp: "all" } });
    const app = await open();
    await work(app);
    move(2 * HOUR_MS);
    await work(app);
    const both = ["nightly, due 2026-03-01T01:00", "nightly, due 2026-03-01T02:00"];
    expect(await begun(app)).toEqual(both);
    move(-90 * MINUTE_MS);
    for (let half = 0; half < 3; half += 1) {
      await work(app);
      move(30 * MINUTE_MS);
    }
    await work(app);
    expect(await begun(app)).toEqual(both);
    move(HOUR_MS);
    await work(app);
    expect(await begun(app)).toEqual([...both, "nightly, due 2026-03-01T03:00"]);
  });

  it("that was due while no worker was there catches up as it says", async () => {
    const { open, work, move } = await projectOf({
      all: { ...hourly, catchUp: "all" },
      once: { ...hourly, catchUp: "once" },
      skip: { ...hourly, catchUp: "skip" },
    });
    await work(await open());
    move(3 * HOUR_MS);
    const app = await open();
    await work(app);
    expect((await begun(app)).sort()).toEqual([
      ...["01", "02", "03"].map((hour) => `all, due 2026-03-01T${hour}:00`),
      "once, due 2026-03-01T03:00",
      // At most a minute late is in time.
      "skip, due 2026-03-01T03:00",
    ]);
    move(2 * HOUR_MS + 10 * MINUTE_MS);
    await work(app);
    expect((await begun(app)).filter((one) => one.startsWith("skip"))).toHaveLength(1);
    expect((await begun(app)).filter((one) => one.startsWith("once"))).toHaveLength(2);
  });

  it("does not catch up on times of before it was changed, nor when it is off", async () => {
    const { open, work, move, write } = await projectOf({ nightly: { ...hourly, catchUp: "all" } });
    await work(await open());
    move(HOUR_MS + 10 * MINUTE_MS);
    await write({ nightly: { ...hourly, cron: "5 * * * *", catchUp: "all" } });
    await work(await open());
    await write({ nightly: { ...hourly, cron: "5 * * * *", catchUp: "all", enabled: false } });
    move(HOUR_MS);
    const app = await open();
    await work(app);
    expect(await begun(app)).toEqual([]);
    expect(await app.schedules()).toMatchObject([{ name: "nightly", enabled: false, nextAt: null }]);
  });

  it("that was off has no past when it is on again", async () => {
    const on = { ...hourly, catchUp: "all" };
    const { open, work, move, write } = await projectOf({ nightly: on });
    await work(await open());
    await write({ nightly: { ...on, enabled: false } });
    await work(await open());
    move(30 * 24 * HOUR_MS);
    await write({ nightly: on });
    const app = await open();
    await work(app);
    expect(await begun(app)).toEqual([]);
    move(HOUR_MS);
    await work(app);
    expect(await begun(app)).toEqual(["nightly, due 2026-03-31T01:00"]);
  });

  it.each([
    ["beside another one", { other: { cron: "0 0 1 1 *", plan: "plan.json" } }],
    ["as the only one", {}],
  ])(
    "that was taken out of the settings, %s, was not due meanwhile, and is new when it is back",
    async (_how, rest) => {
      const there = { nightly: { ...hourly, catchUp: "all" }, ...rest };
      const { open, work, move, write } = await projectOf(there);
      await work(await open());
      move(HOUR_MS);
      await work(await open());
      await write(rest);
      await work(await open());
      move(30 * 24 * HOUR_MS);
      await write(there);
      const app = await open();
      await work(app);
      expect(await begun(app)).toEqual(["nightly, due 2026-03-01T01:00"]);
      move(HOUR_MS);
      await work(app);
      expect(await begun(app)).toEqual(["nightly, due 2026-03-01T01:00", "nightly, due 2026-03-31T02:00"]);
    },
  );

  it("whose cron or time zone was changed is new, also when it is changed back, and no due time has two runs", async () => {
    const first = { ...hourly, cron: "0 */2 * * *", catchUp: "all" };
    const { open, work, move, write } = await projectOf({ nightly: first });
    await work(await open());
    move(2 * HOUR_MS);
    const app = await open();
    await work(app);
    const begunSoFar = ["nightly, due 2026-03-01T02:00"];
    for (const change of [{ cron: "0 * * * *" }, {}, { timeZone: "Asia/Kolkata" }, {}]) {
      await write({ nightly: { ...first, ...change } });
      move(5 * HOUR_MS);
      await work(await open());
      expect(await begun(app), JSON.stringify(change)).toEqual(begunSoFar);
    }
    move(2 * HOUR_MS);
    await work(await open());
    begunSoFar.push("nightly, due 2026-03-02T00:00");
    expect(await begun(app)).toEqual(begunSoFar);
    // By other times the moment that had its run is due once more.
    move(-HOUR_MS);
    await write({ nightly: { ...first, cron: "0 * * * *" } });
    const again = await open();
    await work(again);
    move(HOUR_MS);
    await work(again);
    expect(await begun(app)).toEqual(begunSoFar);
  });

  it("whose plan, goal or catch-up was changed is the same one: it catches up", async () => {
    const { open, work, move, write } = await projectOf({ nightly: { ...hourly, catchUp: "skip" } });
    await work(await open());
    move(2 * HOUR_MS + 10 * MINUTE_MS);
    await write({ nightly: { ...hourly, catchUp: "all", goal: "another goal" } });
    const app = await open();
    await work(app);
    expect(await begun(app)).toEqual(["nightly, due 2026-03-01T01:00", "nightly, due 2026-03-01T02:00"]);
  });

  it("whose plan is broken is named by worker and doctor, and begins when it is mended; others go on", async () => {
    const schedules = { good: hourly, sick: { ...hourly, plan: "sick.json" } };
    const { open, work, move, troubles, shop } = await projectOf(schedules, { "sick.json": "{}" });
    const app = await open();
    await work(app);
    expect(troubles).toEqual([expect.stringMatching(/^schedule sick: .*the plan/i)]);
    const findings = (await app.examine()).filter(({ check }) => check.startsWith("schedule"));
    expect(findings).toMatchObject([
      { check: "schedule good", status: "ok" },
      { check: "schedule sick", status: "fail" },
    ]);
    expect(await app.schedules()).toMatchObject([
      { problem: null },
      { problem: expect.stringContaining("plan") },
    ]);
    move(HOUR_MS);
    await work(app);
    expect(await begun(app)).toEqual(["good, due 2026-03-01T01:00"]);
    await shop.write({ "sick.json": plan("well again") });
    move(MINUTE_MS);
    await work(app);
    expect(await begun(app)).toEqual(["good, due 2026-03-01T01:00", "sick, due 2026-03-01T01:00"]);
  });

  it("begins no second run when its plan was changed after the first", async () => {
    const { open, work, move, shop } = await projectOf({ nightly: hourly });
    const app = await open();
    await work(app);
    move(HOUR_MS);
    await work(app);
    await shop.write({ "plan.json": plan("another one") });
    await app.ledger.store.markSchedule("nightly", { timing: "0 * * * * UTC", sinceMs: 0 });
    await work(app);
    expect(await begun(app)).toHaveLength(1);
  });

  it("is listed with its next due time and its last run", async () => {
    const { open, work, move } = await projectOf({
      seoul: { ...hourly, cron: "30 9 * * 1-5", timeZone: "Asia/Seoul" },
    });
    const app = await open();
    await work(app);
    expect(await app.schedules()).toMatchObject([
      { name: "seoul", nextAt: "2026-03-02T00:30:00.000Z", lastRun: null, problem: null },
    ]);
    move(25 * HOUR_MS);
    await work(app);
    const [{ lastRun, nextAt } = {}] = await app.schedules();
    expect(nextAt).toBe("2026-03-03T00:30:00.000Z");
    expect(lastRun).toMatchObject({ createdAt: "2026-03-02T01:00:30.000Z", status: "completed" });
  });
});

/** Schedules of one worker whose marks are in memory, and what they are to begin or read fails when the test says so. */
const inTrouble = async (fails: { reading: boolean; beginning: boolean }) => {
  const marks = new Map<string, ScheduleMark>();
  const begun: string[] = [];
  const troubles: string[] = [];
  const clock = { ms: Date.parse("2026-03-01T00:59:00.000Z") };
  const nightly: Schedule = { name: "nightly", cron: "0 * * * *", timeZone: "UTC", catchUp: "once" };
  const schedules = await openSchedules({
    schedules: [nightly],
    store: {
      scheduleMark: async (name) => {
        if (fails.reading) throw new Error("the disk does not answer");
        return marks.get(name);
      },
      markSchedule: async (name, mark) => void marks.set(name, mark),
    },
    nowMs: () => clock.ms,
    begin: async (_schedule, dueMs) => {
      if (fails.beginning) throw new Error("the checkout is not clean");
      begun.push(new Date(dueMs).toISOString());
    },
    onTrouble: (name, error) => troubles.push(`${name}: ${error instanceof Error ? error.message : error}`),
  });
  return { schedules, begun, troubles, clock };
};

describe("a schedule in trouble", () => {
  it("whose mark cannot be read when its worker starts is not dropped: it is tried again after ten seconds", async () => {
    const fails = { reading: true, beginning: false };
    const { schedules, begun, troubles, clock } = await inTrouble(fails);
    expect(troubles).toEqual(["nightly: the disk does not answer"]);
    fails.reading = false;
    clock.ms += 10_000;
    await schedules.fire();
    clock.ms += MINUTE_MS;
    await schedules.fire();
    expect(begun).toEqual(["2026-03-01T01:00:00.000Z"]);
    expect(troubles).toHaveLength(1);
  });

  it("rests no longer when the clock is put back meanwhile", async () => {
    const fails = { reading: false, beginning: true };
    const { schedules, begun, troubles, clock } = await inTrouble(fails);
    clock.ms += MINUTE_MS;
    await schedules.fire();
    await schedules.fire();
    expect(troubles).toEqual(["nightly: the checkout is not clean"]);
    fails.beginning = false;
    clock.ms -= 24 * HOUR_MS;
    await schedules.fire();
    clock.ms += HOUR_MS;
    await schedules.fire();
    expect(begun).toEqual(["2026-02-28T02:00:00.000Z"]);
  });
});
