import * as z from "zod";
import * as limit from "../core/limits.js";
import { ProjectPath, refusedInPaths } from "../core/paths.js";
import { closed, ID, ID_WORDS, isId, textUpTo } from "../core/wire.js";
import { choice, described, matchingNone, toggle, withWords } from "./kinds.js";

/** A run that is begun when the clock says so. */
export type ScheduleSettings = {
  readonly cron: string;
  /** Whose clock: the name of an IANA zone. */
  readonly timeZone: string;
  /** From the project's folder. */
  readonly plan: string;
  /** Instead of the plan's own; "" is none. */
  readonly goal: string;
  /** Of what became due while no worker was there. */
  readonly catchUp: "skip" | "once" | "all";
  readonly enabled: boolean;
};

/** Five fields, or a word for them; whether each is in its bounds is said where it is read. */
const CRON =
  /^(?:@(?:yearly|annually|monthly|weekly|daily|hourly)|[0-9A-Za-z*,/?#-]+(?: [0-9A-Za-z*,/?#-]+){4})$/;
const CRON_CHARS = 200;
const ZONE = /^[A-Za-z][A-Za-z0-9_+/-]*$/;
const ZONE_CHARS = 100;

const isZone = (name: string): boolean => {
  try {
    return ZONE.test(name) && new Intl.DateTimeFormat("en", { timeZone: name }) !== undefined;
  } catch {
    return false;
  }
};

const Schedule = closed({
  cron: described(
    "text",
    {
      title: "When",
      description:
        "Minute, hour, day of the month, month and day of the week, such as 0 9 * * 1-5; or @daily.",
    },
    withWords(
      z
        .string()
        .max(CRON_CHARS)
        .regex(CRON, 'five fields of a cron expression, such as "0 9 * * 1-5", or "@daily"'),
      () => ({ maxLength: CRON_CHARS, pattern: CRON.source }),
    ),
  ),
  timeZone: described(
    "text",
    { title: "Time zone", description: "Whose clock it is, such as Europe/Berlin." },
    withWords(
      z.string().max(ZONE_CHARS).refine(isZone, 'the name of a time zone, such as "Europe/Berlin" or "UTC"'),
      () => ({ maxLength: ZONE_CHARS, pattern: ZONE.source }),
    ),
  ).default("UTC"),
  plan: described(
    "text",
    { title: "Plan", description: "The file with the plan, from the project's folder." },
    withWords(ProjectPath, () => ({ maxLength: limit.TARGET_CHARS, ...matchingNone(refusedInPaths()) })),
  ),
  goal: described(
    "text",
    { title: "Goal", description: "What its runs are to reach, instead of the plan's own goal." },
    withWords(textUpTo(limit.GOAL_CHARS), () => ({ maxLength: limit.GOAL_CHARS })).default(""),
  ),
  catchUp: choice(
    {
      title: "What was missed",
      description:
        "What became due while no worker was there: nothing is begun, the last of it once, or all of it (at most 100).",
    },
    ["skip", "once", "all"],
  ).default("once"),
  enabled: toggle({ title: "Enabled", description: "Off, it begins nothing." }, true),
});

const ScheduleName = withWords(z.string().refine(isId, ID_WORDS), () => ({
  maxLength: limit.ID_CHARS,
  pattern: ID.source,
}));

export const ScheduleKeys = z.record(ScheduleName, Schedule);
