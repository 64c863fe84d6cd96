import { Cron } from "croner";
import { LedgerError } from "../../core/errors.js";

/** When something is due, by whose clock. */
export type Timing = { readonly cron: string; readonly timeZone: string };

/** The first moment behind this one at which it is due; null where there is none. */
export type NextAfter = (afterMs: number) => number | null;

/**
 * Where clocks are put forward, what is due in the hour that is not there is due at its end; where they are put back, a time of
 * day is due the first time it comes, and what is due every so many minutes goes on.
 */
export const nextAfter = ({ cron, timeZone }: Timing): NextAfter => {
  const read = readCron(cron, timeZone);
  return (afterMs) => read.nextRun(new Date(afterMs))?.getTime() ?? null;
};

const readCron = (cron: string, timezone: string): Cron => {
  try {
    const read = new Cron(cron, { timezone, paused: true, mode: "5-part" });
    read.nextRun(new Date(0));
    return read;
  } catch (error) {
    const said = (error instanceof Error ? error.message : String(error)).replace(/^CronPattern: /, "");
    throw new LedgerError(
      "settings_invalid",
      `The cron expression "${cron}" cannot be read: ${said.replace(/\.?$/, ".")}`,
      {
        hint: "Minute, hour, day of the month, month, day of the week: 0 9 * * 1-5",
      },
    );
  }
};

const HOUR_MS = 3_600_000;

/** Those behind `fromMs` up to and with `toMs`, oldest first; of more than `max` the newest. However long that is, it is looked up quickly. */
export const dueBetween = (next: NextAfter, fromMs: number, toMs: number, max: number): readonly number[] => {
  for (let backMs = HOUR_MS; ; backMs *= 2) {
    const startMs = Math.max(fromMs, toMs - backMs);
    const due: number[] = [];
    for (let at = next(startMs); at !== null && at <= toMs; at = next(at)) due.push(at);
    if (due.length >= max || startMs === fromMs) return due.slice(-max);
  }
};
