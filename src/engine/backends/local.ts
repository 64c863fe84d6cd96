import { isLedgerError } from "../../core/errors.js";
import { nextWake } from "../../core/next.js";
import { isTerminal, type Run } from "../../core/run.js";
import type { Ledger } from "../../ledger/ledger.js";
import type { RunRow } from "../../stores/store.js";
import type { Driven } from "../executor.js";
import type { Schedules } from "../schedules/schedules.js";
import { restingRuns } from "./resting.js";
import { findAbandoned } from "./watchdog.js";

export type WorkerOptions = {
  readonly ledger: Ledger;
  readonly drive: (runId: string, signal: AbortSignal) => Promise<Driven>;
  /** Clears away what dead workers left: of runs that are over, nobody else comes across it. */
  readonly reclaim: () => Promise<unknown>;
  /** Signs for what ended unsigned and archives what is too old, once, and not when it is told to stop; never throws. */
  readonly tidyOnce: (signal: AbortSignal) => Promise<void>;
  /** Archives what has become too old or too much while it worked; never throws. */
  readonly tidy: (signal: AbortSignal) => Promise<void>;
  readonly tidyEveryMs: number;
  /**
   * Begins runs by the clock, and whatever else is due beside the runs: with each look. What it cannot begin is told under
   * `schedule NAME`.
   */
  readonly openSchedules: (onTrouble: WorkerOptions["onTrouble"]) => Promise<Schedules>;
  /** Runs driven at the same time. */
  readonly maxRuns: number;
  /** About a run, or a schedule: `schedule NAME`. */
  readonly onTrouble: (about: string, error: unknown) => void;
};

export interface Worker {
  /** One look: claims what is free, within the limit, and returns without waiting for it. */
  tick(): Promise<void>;
  /** Ticks until the signal aborts, then waits for what is under way to stop. */
  run(signal: AbortSignal): Promise<void>;
  /** Ticks until nothing is runnable and nothing is under way. */
  drain(signal: AbortSignal): Promise<void>;
}

/** How often a worker looks for work that appeared in other processes. */
const TICK_MS = 500;

const wakeMs = (run: Run): number => {
  const wake = nextWake(run);
  return wake === null ? Number.POSITIVE_INFINITY : Date.parse(wake);
};

// Drives whatever is runnable on this machine; any number of them share one ledger by its leases.
export const createWorker = (options: WorkerOptions): Worker => {
  const { ledger, drive, reclaim, tidyOnce, tidy, tidyEveryMs, openSchedules, maxRuns, onTrouble } = options;
  const driving = new Map<string, Promise<void>>();
  const nowMs = (): number => Date.parse(ledger.now());
  const resting = restingRuns(ledger.store, nowMs);
  let stop = new AbortController().signal;
  let wake = (): void => undefined;

  const take = ({ runId, lastSeq }: RunRow): void => {
    const done = drive(runId, stop)
      .then(
        ({ run, end }) => {
          const left = { runId, lastSeq: run.seq };
          if (isTerminal(run)) resting.wake(runId);
          else if (end === "lease_lost") resting.restAfterTrouble(left);
          else resting.rest(left, wakeMs(run));
        },
        (error: unknown) => {
          resting.restAfterTrouble({ runId, lastSeq });
          if (!isLedgerError(error, "lease_held")) onTrouble(runId, error);
        },
      )
      .finally(() => {
        driving.delete(runId);
        // Whoever waits for a turn gets it now, not at the next tick.
        wake();
      });
    driving.set(runId, done);
  };

  const isLeftAlone = (row: RunRow): boolean => driving.has(row.runId) || resting.isResting(row);

  const tick = async (): Promise<void> => {
    await resting.forgetOthers();
    if (driving.size >= maxRuns) return;
    for (const row of await findAbandoned(ledger, isLeftAlone)) {
      if (driving.size >= maxRuns) return;
      // Looking takes its time: what it found may be under way by now.
      if (!isLeftAlone(row)) take(row);
    }
  };

  /** Until the next look, or the moment at which the next timer or schedule is due. */
  const pauseMs = async (schedules: Schedules): Promise<number> => {
    const wakeAt = (await ledger.store.nextWake()) ?? Number.POSITIVE_INFINITY;
    const toWakeMs = Math.min(wakeAt, schedules.nextMs() ?? wakeAt) - nowMs();
    return toWakeMs > 0 && toWakeMs < TICK_MS ? toWakeMs : TICK_MS;
  };

  const pause = (signal: AbortSignal, ms: number): Promise<void> =>
    new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        resolve();
      };
      wake = done;
      const timer = setTimeout(done, ms);
      signal.addEventListener("abort", done);
      if (signal.aborted) done();
    });

  return {
    tick,
    run: async (signal) => {
      stop = signal;
      await reclaim();
      const schedules = await openSchedules(onTrouble);
      const tidying = everySoOften(tidy, tidyEveryMs);
      let tidied: Promise<void> | undefined;
      try {
        while (!signal.aborted) {
          tidying.ifDue(signal);
          await schedules.fire();
          await tick();
          await pause(signal, await pauseMs(schedules));
          // Not before: what is taken over first comes first.
          tidied ??= tidyOnce(signal);
        }
      } finally {
        await Promise.all([...driving.values(), tidied, tidying.ended()]);
      }
    },
    drain: async (signal) => {
      stop = signal;
      await reclaim();
      const schedules = await openSchedules(onTrouble);
      for (;;) {
        if (!signal.aborted) await schedules.fire();
        if (!signal.aborted) await tick();
        if (driving.size === 0) return tidyOnce(signal);
        await Promise.race(driving.values());
      }
    },
  };
};

/** Work beside the runs, which do not wait for it: at most once in `everyMs` of time that passes, whatever clocks say, and never twice at a time. */
const everySoOften = (work: (signal: AbortSignal) => Promise<void>, everyMs: number) => {
  let lastMs = performance.now();
  let going: Promise<void> | undefined;
  return {
    ifDue: (signal: AbortSignal): void => {
      if (going !== undefined || performance.now() - lastMs < everyMs) return;
      lastMs = performance.now();
      going = work(signal).finally(() => {
        going = undefined;
      });
    },
    ended: async (): Promise<void> => going,
  };
};
