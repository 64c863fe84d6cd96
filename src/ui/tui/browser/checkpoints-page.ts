import { formatSize, type ListedCheckpoint, type RunView } from "../../../index.js";
import {
  beside,
  cut,
  EMPTY,
  type Line,
  lineWidth,
  onGround,
  pad,
  padStart,
  type Size,
  span,
  told,
} from "../kit/line.js";
import { moved, type Place, seen, TOP } from "../kit/list.js";
import { journalPage } from "./journal-page.js";
import { keyFor } from "./keymap.js";
import { listRows, paneWidth } from "./layout.js";
import type { Desk, Page } from "./page.js";
import { age, counted, fact, many, marked, type Shown, shownAs } from "./words.js";

/** Its place among all of the run, from 1 on. */
type Numbered = ListedCheckpoint & { readonly number: number };

/** Everything that the page of checkpoints is drawn from; the newest first. */
type State = {
  readonly checkpoints: readonly Numbered[];
  readonly place: Place;
  readonly chosenId: string | null;
  /** What the run said of them when they were read. */
  readonly readAt: string | null;
};

const ABOVE = 2;

/** What a run can go on from, and whether each holds. */
export const checkpointsPage = (desk: Desk, runId: string): Page => {
  let state: State = { checkpoints: [], place: TOP, chosenId: null, readAt: null };
  let view: RunView | undefined;
  return {
    name: "checkpoints",
    load: async (size) => {
      const before = state;
      view = await desk.app.view(runId);
      const read = await readCheckpoints(desk, view, before, listRows(size, ABOVE));
      if (state === before) state = read;
      else desk.refresh();
    },
    title: () => [span("checkpoints")],
    draw: (size) => (state.readAt === null ? [] : drawCheckpoints(state, size, desk.now())),
    hints: () => ["journal", "refresh", "help", "back"],
    command: (name, key, size) => {
      const place = moved(state.place, keyFor(name, key), state.checkpoints.length, listRows(size, ABOVE));
      if (place !== undefined) state = { ...state, place, chosenId: state.checkpoints[place.at]?.id ?? null };
      else if (name === "journal") desk.open(journalPage(desk, runId));
      // Bytes are spoilt without an event that says so.
      else if (name === "refresh") state = { ...state, readAt: null };
      else return false;
      return true;
    },
    target: () => (view === undefined ? { runId } : { runId, view }),
  };
};

/** Each of them is unpacked and checked, so they are read again only when there is another one. */
const readCheckpoints = async (
  { app }: Desk,
  { run }: RunView,
  state: State,
  rows: number,
): Promise<State> => {
  const readAt = `${run.checkpoint?.seq ?? 0} ${run.keptCheckpoints.length} ${run.passedOver.at(-1)?.seq ?? 0}`;
  const checkpoints =
    readAt === state.readAt ? state.checkpoints : numbered(await app.checkpoints(run.runId));
  const at = checkpoints.findIndex(({ id }) => id === state.chosenId);
  const place = seen({ ...state.place, at: at === -1 ? state.place.at : at }, checkpoints.length, rows);
  return { checkpoints, place, chosenId: checkpoints[place.at]?.id ?? null, readAt };
};

const numbered = (checkpoints: readonly ListedCheckpoint[]): readonly Numbered[] =>
  checkpoints.map((one, at) => ({ ...one, number: at + 1 })).reverse();

const stateOf = ({ holds, thinned }: ListedCheckpoint): Shown =>
  shownAs(holds ? "good" : thinned ? "thinned" : "broken");

const drawCheckpoints = (state: State, size: Size, now: number): readonly Line[] => {
  const { checkpoints, place } = state;
  const side = paneWidth(size.columns);
  const width = side === 0 ? size.columns : size.columns - side - 3;
  const rows = listRows(size, ABOVE);
  const list = checkpoints
    .slice(place.top, place.top + rows)
    .map((one, index) => [rowOf(one, width, now), place.top + index === place.at] as const)
    .map(([line, isChosen]) => (isChosen ? onGround(line, "selected", width) : line));
  const none: Line = [span(" No checkpoint yet: an agent takes one at the end of each turn.", "dim")];
  const lines = checkpoints.length === 0 ? [none] : list;
  const left = rows === size.rows ? lines : [headOf(checkpoints), EMPTY, ...lines];
  const chosen = checkpoints[place.at];
  if (side === 0) return left;
  return beside(left, chosen === undefined ? [] : detailLines(chosen, side, now), width, size.rows);
};

const headOf = (checkpoints: readonly Numbered[]): Line => {
  const bytes = checkpoints.reduce((sum, one) => sum + (one.bytes ?? 0), 0);
  const count = (state: string): number => checkpoints.filter((one) => stateOf(one).word === state).length;
  const words = ["broken", "thinned"].flatMap((word) =>
    count(word) === 0 ? [] : [`${count(word)} ${word}`],
  );
  return [
    span(` ${many(checkpoints.length, "checkpoint")}`, "strong"),
    span(`  ${[formatSize(bytes), ...words].join(", ")}`, "dim"),
  ];
};

const attemptOf = ({ of }: ListedCheckpoint): string =>
  of === null
    ? "the run"
    : `${of.stepId}/${of.attempt}${of.candidate === undefined ? "" : `.${of.candidate}`}`;

/** Columns from which each part of a row is there. */
const ROOM = { turn: 60, version: 110 } as const;

const rowOf = (one: Numbered, columns: number, now: number): Line => {
  const shown = stateOf(one);
  const size = one.bytes === null ? "" : formatSize(one.bytes);
  const room = columns >= ROOM.version ? 20 : 10;
  const left: Line = [
    span(" "),
    marked(shown),
    span(` ${padStart(counted(one.number), 4)}`, "dim"),
    span(`  ${padStart(age(one.at, now), 4)}`, "dim"),
    span(`  ${pad(one.reason, 12)}`),
    span(` ${pad(cut(told(attemptOf(one)), room), room)}`),
    ...(columns >= ROOM.turn ? [span(` ${pad(one.turn === 0 ? "" : `turn ${one.turn}`, 8)}`, "dim")] : []),
    span(` ${padStart(size, 8)} ${one.full ? "full " : "delta"}`, "dim"),
    ...(columns >= ROOM.version ? [span(`  ${pad(versionOf(one), 14)}`, "dim")] : []),
  ];
  const words = one.passedOver?.why ?? (one.thinned ? shown.word : (one.why ?? shown.word));
  return [...left, span(`  ${cut(told(words), Math.max(0, columns - lineWidth(left) - 2))}`, shown.tone)];
};

const passedOverFact = ({ why, seq }: NonNullable<ListedCheckpoint["passedOver"]>, columns: number): Line =>
  fact("passed", cut(told(`over at event ${seq}: it ${why}`), columns - 10), "bad");

/** As much of a digest as tells two apart. */
const VERSION_CHARS = 14;

const versionOf = ({ agentVersion }: ListedCheckpoint): string =>
  told(agentVersion ?? "").slice(0, VERSION_CHARS);

/** All that is known of one. */
const detailLines = (one: Numbered, columns: number, now: number): readonly Line[] => {
  const shown = stateOf(one);
  const facts: readonly (readonly [string, string])[] = [
    ["id", one.id],
    ["taken", `${one.at} (${age(one.at, now)} ago), ${one.reason}`],
    ["of", attemptOf(one)],
    ["turn", one.turn === 0 ? "no memory" : `${one.turn}, after ${many(one.calls, "call")}`],
    ["agent", told(one.agentVersion ?? "none")],
    ["event", `${one.seq}, as of event ${one.eventLogPosition}`],
    [
      "stored",
      `${one.full ? "whole" : `as a difference from that of event ${one.former}`}, in ${one.keptIn}`,
    ],
    ["size", one.bytes === null ? "none" : formatSize(one.bytes)],
    ["content", one.contentHash],
  ];
  return [
    [marked(shown), span(` Checkpoint ${one.number}`, "strong")],
    EMPTY,
    ...facts.map(([name, value]) => fact(name, cut(value, columns - 10))),
    fact("state", one.why === null ? "holds" : cut(told(one.why), columns - 10), shown.tone),
    ...(one.passedOver === null ? [] : [passedOverFact(one.passedOver, columns)]),
  ];
};
