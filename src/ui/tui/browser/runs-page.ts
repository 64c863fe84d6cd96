import type { ListedRun, RunStatus, RunView } from "../../../index.js";
import { textEntry } from "../kit/entry.js";
import type { Key } from "../kit/keys.js";
import {
  beside,
  cut,
  EMPTY,
  fitLine,
  type Line,
  onGround,
  pad,
  padStart,
  type Size,
  span,
  told,
  wrap,
} from "../kit/line.js";
import { moved, type Place, seen, TOP } from "../kit/list.js";
import { intentsPage } from "./intents-page.js";
import { journalPage } from "./journal-page.js";
import { type CommandName, keyFor } from "./keymap.js";
import { hasHead, listRows, paneWidth } from "./layout.js";
import { mandatesPage } from "./mandates-page.js";
import type { Desk, Page } from "./page.js";
import { refusal } from "./perform.js";
import { summaryLines } from "./run-lines.js";
import { runPage } from "./run-page.js";
import { schedulesPage } from "./schedules-page.js";
import { age, counted, marked, runShown, shortId } from "./words.js";

type Query = {
  readonly statuses?: readonly RunStatus[];
  readonly waiting?: boolean;
  readonly claimable?: boolean;
  readonly planned?: boolean;
};

const OPEN: readonly RunStatus[] = ["planning", "running", "paused"];

/** What Tab goes through. Finished runs wait for nobody, so those that do are found among the others. */
const FILTERS: readonly { readonly name: string; readonly query: Query }[] = [
  { name: "all", query: {} },
  { name: "waiting", query: { statuses: OPEN, waiting: true } },
  { name: "running", query: { statuses: ["running"], planned: true } },
  // A client records them, and nobody here knows whether it is at work.
  { name: "active", query: { statuses: ["running"], planned: false } },
  // Whether somebody is missing or a client comes by itself is said in each row.
  { name: "undriven", query: { statuses: ["planning", "running"], claimable: true } },
  { name: "paused", query: { statuses: ["paused"] } },
  { name: "planning", query: { statuses: ["planning"] } },
  { name: "completed", query: { statuses: ["completed"] } },
  { name: "failed", query: { statuses: ["failed"] } },
];

/** Everything that the list of runs is drawn from. */
type RunsView = {
  readonly filter: number;
  readonly text: string;
  /** Runs in each filter, in their order. */
  readonly counts: readonly number[];
  /** Runs that fit filter and text. */
  readonly total: number;
  readonly place: Place;
  /** The window of the list, from `place.top`. */
  readonly rows: readonly ListedRun[];
  /** The chosen run where there is room to show it, or why it cannot be shown, in lines. */
  readonly chosen: RunView | readonly string[] | null;
};

/** All runs are counted so often also when no event tells of a change: leases end without one. */
const COUNT_AGAIN_MS = 15_000;
/** Lines above the list: filters, a blank, the names of the columns. */
const ABOVE = 3;

/** The list and what is chosen in it. */
type State = RunsView & {
  /** The run that stays chosen whatever comes in above it; null when its place was chosen, not it. */
  readonly chosenId: string | null;
  /** Before anything was read there is nothing to say, not even that there is nothing. */
  readonly isRead: boolean;
  /** What the ledger and the clock were at when all of it was counted: as long as they are there, it needs no counting. */
  readonly countedAt: string;
};

const START: State = {
  filter: 0,
  text: "",
  counts: [],
  total: 0,
  place: TOP,
  rows: [],
  chosen: null,
  chosenId: null,
  isRead: false,
  countedAt: "",
};

export const runsPage = (desk: Desk): Page => {
  let state = START;
  const search = textEntry({
    confirm: "keep",
    changed: (text) => {
      state = filteredBy(state, { text });
    },
  });
  const row = (): ListedRun | undefined => state.rows.find(({ runId }) => runId === state.chosenId);
  return {
    name: "runs",
    load: async (size) => {
      const before = state;
      const read = await readRuns(desk, before, size);
      // What was typed while it was read counts more.
      if (state === before) state = read;
      else desk.refresh();
    },
    title: () => [span("runs")],
    draw: (size) => (state.isRead ? drawRuns(state, size, desk.now()) : []),
    hints: () => ["open", "next", "search", "questions", "journal", "resume", "help", "back"],
    type: search.type,
    typing: search.shown,
    command: (name, key, size) => {
      const next = ordered(state, name, key, listRows(size, ABOVE));
      if (next !== undefined) state = next;
      const chosen = row();
      if (name === "search") search.open(state.text);
      else if (name === "open" && chosen !== undefined) desk.open(runPage(desk, chosen.runId));
      else if (name === "journal" && chosen !== undefined) desk.open(journalPage(desk, chosen.runId));
      else if (name === "intents" && chosen !== undefined) desk.open(intentsPage(desk, chosen.runId));
      else if (name === "schedules") desk.open(schedulesPage(desk));
      else if (name === "mandates") desk.open(mandatesPage(desk));
      else return next !== undefined;
      return true;
    },
    target: () => {
      const chosen = row();
      return chosen === undefined ? undefined : { runId: chosen.runId };
    },
  };
};

/** Undefined for what neither moves nor filters. */
const ordered = (state: State, name: CommandName, key: Key, rows: number): State | undefined => {
  const place = moved(state.place, keyFor(name, key), state.total, rows);
  if (place !== undefined)
    return { ...state, place, chosenId: state.rows[place.at - state.place.top]?.runId ?? null };
  if (name === "back" && state.text !== "") return filteredBy(state, { text: "" });
  if (name !== "next" && name !== "previous") return undefined;
  const by = name === "next" ? 1 : FILTERS.length - 1;
  return filteredBy(state, { filter: (state.filter + by) % FILTERS.length });
};

const filteredBy = (state: State, change: Partial<Pick<State, "filter" | "text">>): State => ({
  ...state,
  ...change,
  place: TOP,
  chosenId: null,
  countedAt: "",
});

const queryOf = ({ filter, text }: State) => ({
  ...FILTERS[filter]?.query,
  ...(text === "" ? {} : { text }),
});

/** A window of the list, whatever its length; what it is a window of is counted again only when that may have changed. */
const readRuns = async (desk: Desk, before: State, size: Size): Promise<State> => {
  const state = await countedNow(desk, before, listRows(size, ABOVE));
  const place = seen(state.place, state.total, listRows(size, ABOVE));
  const rows = await desk.app.list({ ...queryOf(state), limit: listRows(size, ABOVE), offset: place.top });
  const row = rows[place.at - place.top];
  const wide = paneWidth(size.columns) > 0 && row !== undefined && row.quarantine === null;
  // What is erased, or sealed under a key that is away, is listed like any other, and never stands in the way of the others.
  const chosen = wide
    ? await desk.app.view(row.runId).catch((error: unknown) => refusal(error).map(desk.app.redact))
    : null;
  return { ...state, place, rows, chosen, chosenId: row?.runId ?? null, isRead: true };
};

const countedNow = async (desk: Desk, state: State, rows: number): Promise<State> => {
  const { store } = desk.app.ledger;
  const countedAt = `${await store.position()} ${Math.floor(desk.now() / COUNT_AGAIN_MS)}`;
  if (countedAt === state.countedAt) return state;
  const total = await store.count(queryOf(state));
  const place = await placeNow(desk, state, total, rows);
  const counts = await Promise.all(FILTERS.map(({ query }) => store.count(query)));
  return { ...state, total, place, counts, countedAt };
};

/** Where the chosen run is now: as many places from the end as before. */
const placeNow = async (desk: Desk, state: State, total: number, rows: number): Promise<Place> => {
  const { chosenId, place } = state;
  if (chosenId === null) return seen(place, total, rows);
  const after = { ...queryOf(state), afterRunId: chosenId };
  const older = await desk.app.ledger.store.count(after).catch(() => undefined);
  if (older === undefined) return seen(place, total, rows);
  const at = total - older - 1;
  // At the top of the list what is new is seen coming in; further down nothing moves.
  const top = place.top === 0 ? 0 : place.top + at - place.at;
  return seen({ at, top }, total, rows);
};

/** The list of runs, and beside it the chosen one where there is room. */
const drawRuns = (view: RunsView, size: Size, now: number): readonly Line[] => {
  const pane = paneWidth(size.columns);
  if (pane === 0) return listLines(view, size, now);
  const width = size.columns - pane - 3;
  return beside(
    listLines(view, { ...size, columns: width }, now),
    chosenLines(view, { columns: pane, rows: size.rows }, now),
    width,
    size.rows,
  );
};

const chosenLines = ({ chosen }: RunsView, size: Size, now: number): readonly Line[] => {
  if (chosen === null) return [];
  if ("run" in chosen) return summaryLines(chosen, size, now);
  return chosen.flatMap((text) => wrap(text, size.columns)).map((text) => [span(text, "dim")]);
};

const listLines = (view: RunsView, size: Size, now: number): readonly Line[] => {
  const head = hasHead(size) ? [filterLine(view, size.columns), EMPTY, headLine(size.columns)] : [];
  if (view.rows.length === 0) return [...head, ...nothingLines(view)];
  return [
    ...head,
    ...view.rows.map((row, index) => {
      const line = rowLine(row, size.columns, now);
      return view.place.top + index === view.place.at ? onGround(line, "selected", size.columns) : line;
    }),
  ];
};

const filterLine = ({ filter, counts, text, total }: RunsView, columns: number): Line => {
  const names = FILTERS.map(({ name }, index) => ({ name, count: counts[index] ?? 0, index })).filter(
    ({ index, count }) => index === filter || index === 0 || count > 0,
  );
  const words = names.flatMap(({ name, count, index }) => [
    span(name, index === filter ? "strong" : "dim"),
    span(` ${counted(count)}  `, index === filter ? "key" : "faint"),
  ]);
  const searched = text === "" ? [] : [span(`“${told(text)}” `, "key"), span(`${counted(total)}   `, "dim")];
  return fitLine([span(" "), ...searched, ...words], columns);
};

/** Columns from which each part of a row is there. */
const ROOM = { id: 34, steps: 46, word: 56, age: 40 } as const;

/** The longest word of a state. */
const WORD_COLUMNS = 12;

const cells = (
  columns: number,
  row: { mark: Line; id: string; goal: Line; steps: string; word: Line; age: string },
): Line => {
  const right: Line = [
    ...(columns >= ROOM.steps ? [span(padStart(row.steps, 7)), span("  ")] : []),
    ...(columns >= ROOM.word ? [...fitLine(row.word, WORD_COLUMNS), span(" ")] : []),
    ...(columns >= ROOM.age ? [span(padStart(row.age, 4), "dim"), span(" ")] : []),
  ];
  const left: Line = [
    span(" "),
    ...row.mark,
    span(" "),
    ...(columns >= ROOM.id ? [span(pad(row.id, 6), "dim"), span("  ")] : []),
  ];
  const around = [...left, ...right].reduce((sum, { text }) => sum + text.length, 0);
  return [...left, ...fitLine(row.goal, Math.max(1, columns - around)), ...right];
};

const headLine = (columns: number): Line =>
  cells(columns, {
    mark: [span(" ")],
    id: "run",
    goal: [span("goal", "faint")],
    steps: "steps",
    word: [span("status", "faint")],
    age: "age",
  }).map((piece) => ({ ...piece, tone: "faint" }));

const rowLine = (row: ListedRun, columns: number, now: number): Line => {
  const state = runShown(row);
  const asked =
    row.quarantine === null
      ? row.blocker
      : `event ${row.quarantine.seq} cannot be read (${row.quarantine.code})`;
  return cells(columns, {
    mark: [marked(state)],
    id: shortId(row.runId),
    goal: [span(told(row.goal)), ...(asked === null ? [] : [span(`  ${told(asked)}`, "dim")])],
    steps: `${row.stepsCompleted}/${row.stepsTotal}`,
    word: [span(cut(state.word, WORD_COLUMNS), state.tone)],
    age: age(row.updatedAt, now),
  });
};

const nothingLines = ({ filter, text, counts }: RunsView): readonly Line[] => {
  if ((counts[0] ?? 0) === 0)
    return [
      [span(" No runs yet.")],
      EMPTY,
      [span(" Start one in another terminal: ", "dim"), span("runledger run plan.yaml")],
    ];
  const which = FILTERS[filter]?.name ?? "";
  return [
    [span(text === "" ? ` No run here: ${which}.` : ` No run fits “${told(text)}” (${which}).`, "dim")],
  ];
};
