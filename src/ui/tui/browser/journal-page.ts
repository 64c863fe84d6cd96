import { setImmediate as nextTurn } from "node:timers/promises";
import { eventTypes, isActive, type StoredEvent } from "../../../index.js";
import { textEntry } from "../kit/entry.js";
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
import type { Dialog } from "./dialog.js";
import { eventLines, eventPage } from "./event-page.js";
import { type CommandName, keyFor } from "./keymap.js";
import { hasHead, listRows, paneWidth } from "./layout.js";
import type { Desk, Page } from "./page.js";
import { counted, eventMark, eventText, shortId } from "./words.js";

/** Everything that a journal is drawn from. */
type JournalView = {
  readonly type: string | null;
  readonly text: string;
  readonly follow: boolean;
  /** Events that fit the filter; all of the run's without one. */
  readonly count: number;
  /** Events of the run that were looked at, and how many there are. */
  readonly looked: number;
  readonly total: number;
  readonly place: Place;
  /** The window of the journal, from `place.top`. */
  readonly rows: readonly StoredEvent[];
};

/** Events looked at between two keys when a filter goes through a long journal. */
const LOOKED_AT_ONCE = 500;
const ALL_TYPES = "every type";
/** Lines above the list. */
const ABOVE = 2;

/** The journal and what was collected of it. */
type State = JournalView & {
  /** Numbers of the events that fit the filter, as far as they were looked at. */
  readonly hits: readonly number[];
  readonly first: boolean;
};

const START: State = {
  type: null,
  text: "",
  follow: false,
  count: 0,
  looked: 0,
  total: 0,
  place: TOP,
  rows: [],
  hits: [],
  first: true,
};

export const journalPage = (desk: Desk, runId: string): Page => {
  let state = START;
  const filterBy = (change: Partial<Pick<State, "type" | "text">>): void => {
    state = { ...state, ...change, hits: [], looked: 0, place: TOP, follow: false };
  };
  const search = textEntry({ confirm: "keep", changed: (text) => filterBy({ text }) });
  const orders: Partial<Record<CommandName, () => void>> = {
    types: () =>
      desk.ask(
        typeDialog(runId, (type) => {
          filterBy({ type });
          desk.refresh();
        }),
      ),
    follow: () => {
      state = { ...state, follow: !state.follow };
    },
    search: () => search.open(state.text),
    open: () => {
      const event = state.rows[state.place.at - state.place.top];
      if (event !== undefined) desk.open(eventPage(event));
    },
  };
  return {
    name: "journal",
    load: async (size) => {
      const before = state;
      const read = await readJournal(desk, runId, before, listRows(size, ABOVE));
      if (state !== before) desk.refresh();
      else {
        state = read;
        if (isFiltered(read) && read.looked < read.total) void nextTurn().then(desk.refresh);
      }
    },
    title: () => [span(`journal of ${shortId(runId)}`)],
    draw: (size) => (state.first ? [] : drawJournal(state, size)),
    hints: () => ["open", "follow", "types", "search", "copy", "help", "back"],
    type: search.type,
    typing: search.shown,
    command: (name, key, size) => {
      const place = moved(state.place, keyFor(name, key), state.count, listRows(size, ABOVE));
      const order = orders[name];
      if (place !== undefined)
        state = { ...state, place, follow: state.follow && place.at === state.count - 1 };
      else if (name === "back" && isFiltered(state)) filterBy({ type: null, text: "" });
      else if (order !== undefined) order();
      else return false;
      return true;
    },
    target: () => ({ runId }),
  };
};

const typeDialog = (runId: string, chosen: (type: string | null) => void): Dialog => ({
  title: "Only events of one type",
  text: [],
  fields: [{ name: "type", label: "Type", required: true, choices: [ALL_TYPES, ...eventTypes] }],
  twin: ({ type }) => `runledger journal ${runId}${type === ALL_TYPES ? "" : ` --type ${type}`}`,
  confirm: "show them",
  done: ({ type = ALL_TYPES }) => chosen(type === ALL_TYPES ? null : type),
});

const isFiltered = ({ type, text }: State): boolean => type !== null || text !== "";

const fits = ({ type, text }: State, event: StoredEvent): boolean =>
  (type === null || event.type === type) &&
  (text === "" ||
    `${event.type} ${event.actor.name} ${eventText(event)}`.toLowerCase().includes(text.toLowerCase()));

// Sequence numbers have no gaps, so without a filter any part of a journal is read as quickly as any other. With one, the
// numbers of the events that fit are collected piece by piece.
const readJournal = async (desk: Desk, runId: string, before: State, rows: number): Promise<State> => {
  const run = await desk.app.ledger.load(runId);
  const state = isFiltered(before) ? await lookOn(desk, runId, before) : before;
  const count = isFiltered(state) ? state.hits.length : run.seq;
  const follow = state.first ? isActive(run) : state.follow;
  const place = seen(state.first || follow ? { ...state.place, at: count - 1 } : state.place, count, rows);
  const read = { ...state, first: false, follow, count, total: run.seq, place };
  return { ...read, rows: await windowOf(desk, runId, read, rows) };
};

/** One more piece of the journal. */
const lookOn = async (desk: Desk, runId: string, state: State): Promise<State> => {
  const events = await desk.app.ledger.events(runId, state.looked, LOOKED_AT_ONCE);
  const found = events.filter((event) => fits(state, event)).map(({ seq }) => seq);
  return { ...state, hits: [...state.hits, ...found], looked: events.at(-1)?.seq ?? state.looked };
};

const windowOf = async (
  desk: Desk,
  runId: string,
  state: State,
  rows: number,
): Promise<readonly StoredEvent[]> => {
  const { top } = state.place;
  if (!isFiltered(state)) return desk.app.ledger.events(runId, top, rows);
  const found: StoredEvent[] = [];
  for (const seq of state.hits.slice(top, top + rows))
    found.push(...(await desk.app.ledger.events(runId, seq - 1, 1)));
  return found;
};

/** The events of a run, and beside them the whole of the chosen one where there is room. */
const drawJournal = (view: JournalView, size: Size): readonly Line[] => {
  const pane = paneWidth(size.columns);
  if (pane === 0) return listLines(view, size);
  const width = size.columns - pane - 3;
  const event = view.rows[view.place.at - view.place.top];
  const right = event === undefined ? [] : eventLines(event, pane);
  return beside(listLines(view, { ...size, columns: width }), right, width, size.rows);
};

const listLines = (view: JournalView, size: Size): readonly Line[] => {
  const head = hasHead(size) ? [stateLine(view), EMPTY] : [];
  if (view.rows.length === 0)
    return [...head, [span(view.looked < view.total ? " Looking…" : " No such event.", "dim")]];
  return [
    ...head,
    ...view.rows.map((event, index) => {
      const line = eventLine(event, size.columns, String(view.total).length);
      return view.place.top + index === view.place.at ? onGround(line, "selected", size.columns) : line;
    }),
  ];
};

const stateLine = ({ type, text, count, looked, total, follow, place }: JournalView): Line => {
  const filtered = type !== null || text !== "";
  const of = filtered ? `${counted(count)} of ${counted(total)} events` : `${counted(total)} events`;
  return [
    span(` ${counted(Math.min(place.at + 1, count))} `, "strong"),
    span(`of ${of}`, "dim"),
    ...(filtered
      ? [span(`   ${[type ?? "", text === "" ? "" : `“${told(text)}”`].join(" ").trim()}`, "key")]
      : []),
    ...(filtered && looked < total ? [span(`   looked at ${counted(looked)}`, "dim")] : []),
    ...(follow ? [span("   following", "busy")] : []),
  ];
};

/** Columns from which each part of a row is there. */
const ROOM = { time: 50, type: 70, actor: 110 } as const;

const eventLine = (event: StoredEvent, columns: number, digits: number): Line => {
  const left: Line = [
    span(" "),
    span(padStart(String(event.seq), digits), "dim"),
    span("  "),
    ...(columns >= ROOM.time ? [span(event.at.slice(11, 19), "dim"), span("  ")] : []),
    eventMark(event),
    span(" "),
    ...(columns >= ROOM.type ? [span(pad(event.type, 23), "dim"), span(" ")] : []),
    ...(columns >= ROOM.actor ? [span(pad(cut(told(event.actor.name), 16), 16), "dim"), span(" ")] : []),
  ];
  return [...left, span(cut(eventText(event), Math.max(0, columns - lineWidth(left))))];
};
