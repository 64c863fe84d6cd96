import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { CREDENTIAL_MAX_MS } from "../../src/core/limits.js";
import { openSchedules } from "../../src/engine/schedules/schedules.js";
import { finishedRuns } from "../../src/ledger/housekeeping.js";
import { signedCredentials } from "../../src/ledger/signed.js";
import { openStore } from "../../src/stores/open.js";
import type { ScheduleMark } from "../../src/stores/store.js";
import * as cast from "../helpers/cast.js";
import { figure } from "../helpers/figures.js";
import { openedOn, temporaryFolder } from "../helpers/ledgers.js";
import { verified } from "./damaged.js";

/** The clock that a ledger is given, put anywhere between two events; test/faults/clock-processes does it to SQLite's and the machine's. */

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const YEAR_MS = 365 * 24 * HOUR_MS;
const JUMPS = [1, 1_000, MINUTE_MS, HOUR_MS - 1, HOUR_MS, YEAR_MS, 10 * YEAR_MS].flatMap((ms) => [ms, -ms]);
const START_MS = Date.parse("2026-03-01T00:00:30.000Z");

/** A ledger in this place, and its clock. */
const clocked = async (place = ":memory:") => {
  const store = await openStore(place);
  onTestFinished(() => store.close());
  let ms = START_MS;
  const now = (): string => new Date(ms).toISOString();
  const put = (aheadMs: number): void => {
    ms = START_MS + aheadMs;
  };
  return { put, ...openedOn(store, {}, undefined, now) };
};

/** Every jump, each with a run of its own; those that came to something else. */
const wrongOf = async (what: string, look: (jump: number, runId: string) => Promise<boolean>) => {
  const wrong: number[] = [];
  for (const [index, jump] of JUMPS.entries()) if (!(await look(jump, `run_${index}`))) wrong.push(jump);
  figure("clocks", JUMPS.length, wrong.length, what);
  return wrong;
};

const plan = cast.planOf([cast.stepSpec("a")]);

describe("A clock that jumps between two events", () => {
  test("fires no timer before it is due by it, none twice, and loses none", async () => {
    const { put, tell, store, ledger } = await clocked();
    const fired = async (runId: string): Promise<number> =>
      (await ledger.events(runId, 0, 100)).filter(({ type }) => type === "timer_fired").length;
    const wrong = await wrongOf("timers", async (jump, runId) => {
      put(0);
      for (const said of [cast.create(plan), cast.start("a"), cast.beginWait("a"), cast.suspend("a")])
        await tell(runId, said);
      put(jump);
      const due = await store.list({ due: { by: START_MS + jump, heldBy: "nobody" }, limit: 1_000 });
      const isLooked = due.some((row) => row.runId === runId);
      await tell(runId, cast.fireTimers);
      const atOnce = await fired(runId);
      put(-jump);
      await tell(runId, cast.fireTimers);
      put(2 * HOUR_MS);
      for (let again = 0; again < 2; again += 1) await tell(runId, cast.fireTimers);
      const isDue = jump >= HOUR_MS;
      return atOnce === (isDue ? 1 : 0) && isLooked === isDue && (await fired(runId)) === 1;
    });
    expect(wrong).toEqual([]);
  });

  test("changes nothing of the order of events, of lists, and of what `verify` finds", async () => {
    const folder = await temporaryFolder();
    const { put, tell, ledger, store } = await clocked(join(folder, "ledger"));
    const wrong = await wrongOf("orders", async (jump, runId) => {
      await tell(runId, cast.create(plan));
      put(jump);
      for (let at = 0; at < 3; at += 1) await tell(runId, cast.note(`n${at}`, `${at}`), cast.person);
      const events = await ledger.events(runId, 0, 100);
      const said = events.flatMap(({ payload }) => ("value" in payload ? [payload.value] : []));
      const [newest] = await store.list({ limit: 1 });
      return (
        said.join() === "0,1,2" &&
        events.every(({ seq }, index) => seq === index + 1) &&
        events.at(-1)?.at === new Date(START_MS + jump).toISOString() &&
        newest?.runId === runId
      );
    });
    expect(wrong).toEqual([]);
    const feed = await ledger.feed(0, 1_000);
    expect(feed.map(({ position }) => position)).toEqual(feed.map((_, index) => index + 1));
    expect((await verified(join(folder, "ledger"))).flaws).toEqual([]);
  });

  test("lets a pause become too old by going forward alone, and is forgiven when it is put right", async () => {
    const { put, tell, ledger } = await clocked();
    const orchestrator = cast.orchestrator;
    const wrong = await wrongOf("pauses", async (jump, runId) => {
      put(0);
      for (const said of [cast.create(plan), cast.pause()]) await tell(runId, said);
      put(jump);
      const refused = await tell(runId, cast.resume(), orchestrator).then(
        () => false,
        ({ code }) => code === "run_stale",
      );
      put(0);
      if (refused) await tell(runId, cast.resume(), orchestrator);
      return (
        refused === jump > ledger.rules.staleTtlMs && (await ledger.load(runId)).state.status === "running"
      );
    });
    expect(wrong).toEqual([]);
  });

  test("ends no promise: who comes with its token is heard, whenever that is", async () => {
    const { put, tell, ledger } = await clocked();
    const wrong = await wrongOf("promises", async (jump, runId) => {
      put(0);
      for (const said of [cast.create(plan), cast.start("a"), cast.promiseOf("a")]) await tell(runId, said);
      put(jump);
      await tell(runId, cast.answerPromise("a"), cast.person);
      const types = (await ledger.events(runId, 0, 100)).map(({ type }) => type);
      return types.at(-1) === "promise_resolved";
    });
    expect(wrong).toEqual([]);
  });

  test("ends credentials in their time, and revives none for as long as it was put back", async () => {
    const { put, ledger } = await clocked();
    const signed = signedCredentials(ledger, () => new Uint8Array(32));
    const wrong = await wrongOf("credentials", async (jump) => {
      put(0);
      const asked = { name: "coder", role: "executor", sessionKey: "s", lifetimeMs: HOUR_MS } as const;
      const { credential } = await signed.signCredential(asked);
      put(jump);
      const said = await signed.openCredential(credential).then(
        ({ name }) => name,
        ({ code }) => code,
      );
      const leftMs = HOUR_MS - jump;
      return said === (leftMs > 0 && leftMs <= CREDENTIAL_MAX_MS ? "coder" : "credential_expired");
    });
    expect(wrong).toEqual([]);
  });

  test("lets no run go by its age that ended within the hour, or by this clock in the future", async () => {
    const { put, tell, store } = await clocked();
    const retention = { keep: null, completedForMs: HOUR_MS, failedForMs: HOUR_MS, maxBytes: null };
    const wrong = await wrongOf("ages", async (jump, runId) => {
      put(0);
      for (const said of [cast.create(plan), cast.cancel()]) await tell(runId, said);
      const finished = await finishedRuns(store, retention, START_MS + jump);
      return finished.some(({ row }) => row.runId === runId) === jump > HOUR_MS;
    });
    expect(wrong).toEqual([]);
  });
});

/** What an hourly schedule begins while its clock is put to each of these, from a worker's start on. */
const begunBy = async (catchUp: "skip" | "once" | "all", ...aheadMs: readonly number[]) => {
  let ms = START_MS;
  const marks = new Map<string, ScheduleMark>();
  /** By the name of a due time, as `begin` finds it taken. */
  const begun = new Set<number>();
  const schedules = await openSchedules({
    schedules: [{ name: "hourly", cron: "0 * * * *", timeZone: "UTC", catchUp }],
    store: {
      scheduleMark: async (name) => marks.get(name),
      markSchedule: async (name, mark) => void marks.set(name, mark),
    },
    nowMs: () => ms,
    begin: async (_, dueMs) => void begun.add(dueMs),
    onTrouble: (_, error) => expect.unreachable(String(error)),
  });
  for (const ahead of aheadMs) {
    ms = START_MS + ahead;
    await schedules.fire();
  }
  const nextMs = schedules.nextMs();
  return { begun: [...begun].map((dueMs) => (dueMs - START_MS + 30_000) / HOUR_MS), nextMs };
};

describe("A schedule whose clock jumps", () => {
  const TWO_AND_A_HALF = 2.5 * HOUR_MS;
  const cases = [
    ["skip", "forward", [TWO_AND_A_HALF], []],
    ["once", "forward", [TWO_AND_A_HALF], [2]],
    ["all", "forward", [TWO_AND_A_HALF], [1, 2]],
    ["skip", "back", [HOUR_MS, -YEAR_MS, -1.5 * HOUR_MS], [1]],
    ["once", "back", [HOUR_MS, -HOUR_MS, 0, HOUR_MS], [1, 0]],
    ["all", "back", [HOUR_MS, -HOUR_MS, 0, HOUR_MS], [1, 0]],
    ["skip", "there and back", [YEAR_MS, 0, HOUR_MS], [YEAR_MS / HOUR_MS, 1]],
    ["once", "there and back", [YEAR_MS, 0, HOUR_MS], [YEAR_MS / HOUR_MS, 1]],
  ] as const;

  test.each(cases)("begins by its policy (%s) what it is due, %s", async (catchUp, _where, puts, wanted) => {
    const { begun, nextMs } = await begunBy(catchUp, ...puts);
    const isRight = JSON.stringify(begun) === JSON.stringify(wanted);
    figure("clocks", puts.length, isRight ? 0 : 1, `schedules (${catchUp})`);
    expect(begun).toEqual(wanted);
    // However far it went, the next one is within the hour.
    const last = START_MS + (puts.at(-1) ?? 0);
    expect(nextMs).toBeGreaterThan(last - 1);
    expect(nextMs).toBeLessThanOrEqual(last + HOUR_MS);
  });
});
