import { Cron } from "croner";
import { type Flaw, isRecord, type Place, quoted } from "../core/defects.js";

/**
 * Schedules that would never begin anything, as far as they are no flaws of another kind. A file that has one is read all the
 * same, so that its other schedules go on; it is only not written.
 */
export const neverDue = (
  tree: Readonly<Record<string, unknown>>,
  flaws: readonly Flaw[],
): readonly Flaw[] => {
  if (!isRecord(tree.schedules)) return [];
  const flawed = new Set(flaws.filter(({ at }) => isOfTiming(at)).map(({ at }) => at[1]));
  return Object.entries(tree.schedules).flatMap(([name, one]) => {
    if (flawed.has(name) || !isRecord(one) || typeof one.cron !== "string") return [];
    const expected = whatIsMissing(one.cron, typeof one.timeZone === "string" ? one.timeZone : "UTC");
    return expected === undefined
      ? []
      : [{ at: ["schedules", name, "cron"], found: quoted(one.cron), expected }];
  });
};

const isOfTiming = ([group, , key]: Place): boolean =>
  group === "schedules" && (key === undefined || key === "cron" || key === "timeZone");

/** As those who begin runs read it: five fields, without seconds. */
const whatIsMissing = (cron: string, timezone: string): string | undefined => {
  try {
    const next = new Cron(cron, { timezone, paused: true, mode: "5-part" }).nextRun(new Date(0));
    return next === null ? "a day that comes, unlike the 30th of February" : undefined;
  } catch (error) {
    const said = error instanceof Error ? error.message.replace(/^CronPattern: /, "") : String(error);
    return `minute, hour, day of the month, month and day of the week, such as "0 9 * * 1-5" (${said.replace(/\.$/, "")})`;
  }
};
