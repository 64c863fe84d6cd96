import type { ScheduleMark, Store } from "../../stores/store.js";
import { dueBetween, type NextAfter, nextAfter, type Timing } from "./timing.js";

export type Schedule = Timing & {
  readonly name: string;
  /** What becomes of that which became due while nobody looked. */
  readonly catchUp: "skip" | "once" | "all";
};

export type SchedulesOptions = {
  /** Those that are enabled. */
  readonly schedules: readonly Schedule[];
  readonly store: Pick<Store, "scheduleMark" | "markSchedule">;
  readonly nowMs: () => number;
  /** Begins the run of this schedule that is due at this moment, once, however often it is asked to. */
  readonly begin: (schedule: Schedule, dueMs: number) => Promise<void>;
  readonly onTrouble: (name: string, error: unknown) => void;
};

export interface Schedules {
  /** Begins what is due. What cannot be begun is told and tried again later; the others go on. */
  fire(): Promise<void>;
  /** When the next is due; null where nothing ever is. */
  nextMs(): number | null;
}

/** Who begins so late has not missed it: machines are busy, and workers are restarted. */
const ON_TIME_MS = 60_000;
/** What is begun at most for one schedule after a long silence. */
const CATCH_UP_MAX = 100;
/** What could not be begun is tried again after so long: a checkout may be clean by then. */
const TROUBLE_PAUSE_MS = 10_000;

type Kept = {
  readonly schedule: Schedule;
  readonly next: NextAfter;
  /** All that was due up to here is settled; null until it could be read. */
  sinceMs: number | null;
  restUntilMs: number;
};

/**
 * Any number of workers do this on one ledger: that each due time has one run is for `begin` to keep. What a worker remembers
 * is only from where it looks, so whoever forgets it looks at something twice and nothing comes of it.
 */
export const openSchedules = async (options: SchedulesOptions): Promise<Schedules> => {
  const { nowMs, onTrouble } = options;
  const kept: Kept[] = [];
  /** Tells what went wrong; false where something did. */
  const tried = async (name: string, work: () => Promise<unknown>): Promise<boolean> => {
    try {
      await work();
      return true;
    } catch (error) {
      onTrouble(name, error);
      return false;
    }
  };
  const restAfterTrouble = async (one: Kept, work: () => Promise<unknown>): Promise<void> => {
    if (!(await tried(one.schedule.name, work))) one.restUntilMs = nowMs() + TROUBLE_PAUSE_MS;
  };
  for (const schedule of options.schedules)
    await tried(schedule.name, async () => {
      const one: Kept = { schedule, next: nextAfter(schedule), sinceMs: null, restUntilMs: 0 };
      kept.push(one);
      await restAfterTrouble(one, () => since(options, one));
    });
  return {
    fire: async () => {
      for (const one of kept)
        if (!isResting(one, nowMs())) await restAfterTrouble(one, () => settle(options, one));
    },
    nextMs: () => {
      const now = nowMs();
      const times = kept.flatMap((one) => one.next(Math.min(one.sinceMs ?? now, now)) ?? []);
      return times.length === 0 ? null : Math.min(...times);
    },
  };
};

/** By a clock that was put back meanwhile, the end of the pause is further away than a pause is long. */
const isResting = ({ restUntilMs }: Kept, nowMs: number): boolean =>
  nowMs < restUntilMs && restUntilMs - nowMs <= TROUBLE_PAUSE_MS;

const settle = async (options: SchedulesOptions, one: Kept): Promise<void> => {
  const now = options.nowMs();
  let sinceMs = await since(options, one);
  // A clock that was put back comes to the same times again, and those that have their run are known.
  if (sinceMs > now) sinceMs = await mark(options, one, now);
  const due = dueBetween(one.next, sinceMs, now, CATCH_UP_MAX);
  for (const dueMs of wanted(one.schedule, due, now)) {
    await options.begin(one.schedule, dueMs);
    sinceMs = await mark(options, one, dueMs);
  }
  const last = due.at(-1);
  if (last !== undefined && last !== sinceMs) await mark(options, one, last);
};

const wanted = ({ catchUp }: Schedule, due: readonly number[], nowMs: number): readonly number[] => {
  if (catchUp === "all") return due;
  if (catchUp === "once") return due.slice(-1);
  return due.filter((dueMs) => nowMs - dueMs <= ON_TIME_MS);
};

/** A schedule that is new, or due at other times than before, has no past. */
const since = async (options: SchedulesOptions, one: Kept): Promise<number> => {
  if (one.sinceMs !== null) return one.sinceMs;
  const before = await options.store.scheduleMark(one.schedule.name);
  if (before === undefined || before.timing !== timingText(one.schedule))
    return mark(options, one, options.nowMs());
  one.sinceMs = before.sinceMs;
  return one.sinceMs;
};

const mark = async ({ store }: SchedulesOptions, one: Kept, sinceMs: number): Promise<number> => {
  await store.markSchedule(one.schedule.name, markOf(one.schedule, sinceMs));
  one.sinceMs = sinceMs;
  return sinceMs;
};

const markOf = (schedule: Schedule, sinceMs: number): ScheduleMark => ({
  timing: timingText(schedule),
  sinceMs,
});

const timingText = ({ cron, timeZone }: Timing): string => `${cron} ${timeZone}`;
