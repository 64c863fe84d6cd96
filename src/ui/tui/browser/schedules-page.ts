import type { ListedSchedule } from "../../../index.js";
import { cut, EMPTY, type Line, lineWidth, onGround, pad, type Size, span, told } from "../kit/line.js";
import { moved, type Place, seen, TOP } from "../kit/list.js";
import { journalPage } from "./journal-page.js";
import { keyFor } from "./keymap.js";
import { hasHead, listRows } from "./layout.js";
import type { Desk, Page } from "./page.js";
import { runPage } from "./run-page.js";
import { age, many, marked, type Shown, shortId, shownAs } from "./words.js";

const ABOVE = 2;

/** What begins by the clock: when each is due next, and what became of the run that it began last. */
export const schedulesPage = (desk: Desk): Page => {
  let schedules: readonly ListedSchedule[] | undefined;
  let place: Place = TOP;
  const lastRun = (): string | undefined => schedules?.[place.at]?.lastRun?.runId;
  return {
    name: "schedules",
    load: async (size) => {
      schedules = await desk.app.schedules();
      place = seen(place, schedules.length, listRows(size, ABOVE));
    },
    title: () => [span("by the clock")],
    draw: (size) => (schedules === undefined ? [] : drawSchedules(schedules, place, size, desk.now())),
    hints: () => [
      ...(lastRun() === undefined ? [] : (["open", "journal"] as const)),
      "refresh",
      "help",
      "back",
    ],
    command: (name, key, size) => {
      const next = moved(place, keyFor(name, key), schedules?.length ?? 0, listRows(size, ABOVE));
      const runId = lastRun();
      if (next !== undefined) place = next;
      else if (name === "open" && runId !== undefined) desk.open(runPage(desk, runId));
      else if (name === "journal" && runId !== undefined) desk.open(journalPage(desk, runId));
      else return name === "refresh" || name === "schedules";
      return true;
    },
    target: () => undefined,
  };
};

const drawSchedules = (
  schedules: readonly ListedSchedule[],
  place: Place,
  size: Size,
  now: number,
): readonly Line[] => {
  if (schedules.length === 0)
    return [[span(" Nothing begins by the clock here; the settings screen adds a schedule.", "dim")]];
  const rows = schedules
    .slice(place.top, place.top + listRows(size, ABOVE))
    .map((one, index) => [rowOf(one, size.columns, now), place.top + index === place.at] as const)
    .map(([line, isChosen]) => (isChosen ? onGround(line, "selected", size.columns) : line));
  const head: Line = [span(` ${many(schedules.length, "schedule")}`, "strong")];
  return hasHead(size) ? [head, EMPTY, ...rows] : rows;
};

/** Columns from which each part of a row is there. */
const ROOM = { cron: 80, zone: 110 } as const;

const rowOf = (one: ListedSchedule, columns: number, now: number): Line => {
  const shown = stateOf(one);
  const left: Line = [
    span(" "),
    marked(shown),
    span(` ${pad(cut(told(one.name), 16), 16)}`),
    span(` ${pad(nextWords(one, now), 12)}`, one.nextAt === null ? "dim" : "plain"),
    ...(columns >= ROOM.cron ? [span(` ${pad(cut(told(one.cron), 14), 14)}`, "dim")] : []),
    ...(columns >= ROOM.zone ? [span(` ${pad(cut(told(one.timeZone), 18), 18)}`, "dim")] : []),
    ...lastWords(one, now),
  ];
  const words = one.problem ?? one.plan;
  const tone = one.problem === null ? "dim" : "bad";
  return [...left, span(` ${cut(told(words), Math.max(0, columns - lineWidth(left) - 1))}`, tone)];
};

const stateOf = ({ enabled, problem }: ListedSchedule): Shown =>
  shownAs(!enabled ? "off" : problem === null ? "due" : "broken");

const nextWords = ({ enabled, nextAt }: ListedSchedule, now: number): string => {
  if (!enabled) return "not enabled";
  return nextAt === null ? "never" : `next in ${age(new Date(now).toISOString(), Date.parse(nextAt))}`;
};

const lastWords = ({ lastRun }: ListedSchedule, now: number): Line => {
  if (lastRun === null) return [span(` ${pad("no run yet", 26)}`, "dim")];
  const shown = shownAs(lastRun.status);
  const words = `${shortId(lastRun.runId)} ${shown.word}, ${age(lastRun.createdAt, now)} ago`;
  return [span(" "), marked(shown), span(` ${pad(words, 24)}`, shown.tone)];
};
