import { setImmediate as nextTurn } from "node:timers/promises";
import { eventTypes, type StoredEvent } from "../../../index.js";
import type { Key } from "../kit/keys.js";
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
import { type Typing, typed, typing, typingLine } from "../kit/typing.js";
import { eventLines, eventPage } from "./event-page.js";
import type { CommandName } from "./keymap.js";
import type { Desk, Page } from "./page.js";
import { counted, eventMark, eventText, shortId } from "./words.js";

/** Everything that a journal is drawn from. */
export type JournalView = {
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
const ROWS_FOR_HEAD = 10;
const WIDE = 150;

const listRows = ({ rows }: Size): number => Math.max(1, rows - (rows >= ROWS_FOR_HEAD ? ABOVE : 0));
const paneWidth = (columns: number): number => (columns >= WIDE ? Math.floor(columns * 0.42) : 0);

// Sequence numbers have no gaps, so without a filter any part of a journal is read as quickly as any other. With one, the
// numbers of the events that fit are collected piece by piece.
export const journalPage = (desk: Desk, runId: string): Page => {
  let view: JournalView = {
    type: null,
    text: "",
    follow: false,
    count: 0,
    looked: 0,
    total: 0,
    place: TOP,
    rows: [],
  };
  let first = true;
  let hits: number[] = [];
  let entry: Typing | null = null;
  const { ledger } = desk.app;

  const isFiltered = (): boolean => view.type !== null || view.text !== "";
  const fits = (event: StoredEvent): boolean =>
    (view.type === null || event.type === view.type) &&
    (view.text === "" ||
      `${event.type} ${event.actor.name} ${eventText(event)}`
        .toLowerCase()
        .includes(view.text.toLowerCase()));
  /** One more piece of the journal; the rest at the next look. */
  const lookOn = async (): Promise<void> => {
    const events = await ledger.events(runId, view.looked, LOOKED_AT_ONCE);
    hits.push(...events.filter(fits).map(({ seq }) => seq));
    view = { ...view, looked: events.at(-1)?.seq ?? view.looked };
  };
  const windowOf = async (top: number, rows: number): Promise<readonly StoredEvent[]> => {
    if (!isFiltered()) return ledger.events(runId, top, rows);
    const found: StoredEvent[] = [];
    for (const seq of hits.slice(top, top + rows)) found.push(...(await ledger.events(runId, seq - 1, 1)));
    return found;
  };
  const load = async (size: Size): Promise<void> => {
    const run = await ledger.load(runId);
    const rows = listRows(size);
    const filtered = isFiltered();
    if (filtered) await lookOn();
    const count = filtered ? hits.length : run.seq;
    const toEnd = first || view.follow;
    if (first) view = { ...view, follow: run.state.status === "running" };
    first = false;
    const place = seen(toEnd ? { ...view.place, at: count - 1 } : view.place, count, rows);
    view = { ...view, count, total: run.seq, place, rows: await windowOf(place.top, rows) };
    if (filtered && view.looked < run.seq) void nextTurn().then(desk.refresh);
  };
  const filterBy = (change: Partial<Pick<JournalView, "type" | "text">>): void => {
    hits = [];
    view = { ...view, ...change, looked: 0, place: TOP, follow: false };
  };
  const chosen = (): StoredEvent | undefined => view.rows[view.place.at - view.place.top];
  const askType = (): void =>
    desk.ask({
      title: "Only events of one type",
      text: [],
      fields: [{ name: "type", label: "Type", required: true, choices: [ALL_TYPES, ...eventTypes] }],
      twin: ({ type }) => `runledger journal ${runId}${type === ALL_TYPES ? "" : ` --type ${type}`}`,
      confirm: "show them",
      done: ({ type = ALL_TYPES }) => {
        filterBy({ type: type === ALL_TYPES ? null : type });
        desk.refresh();
      },
    });
  const command = (name: CommandName, key: Key, size: Size): boolean => {
    const step = name === "nextHit" ? "j" : name === "previousHit" ? "k" : key;
    const place = moved(view.place, step, view.count, listRows(size));
    if (place !== undefined) {
      view = { ...view, place, follow: view.follow && place.at === view.count - 1 };
      return true;
    }
    const event = chosen();
    if (name === "types") askType();
    else if (name === "follow") view = { ...view, follow: !view.follow };
    else if (name === "search") entry = typing(view.text);
    else if (name === "open" && event !== undefined) desk.open(eventPage(desk, event));
    else if (name === "back" && isFiltered()) filterBy({ type: null, text: "" });
    else return false;
    return true;
  };
  const type = (key: Key): boolean => {
    if (entry === null) return false;
    if (key === "enter") entry = null;
    else if (key === "escape" || key === "ctrl+c") {
      entry = null;
      filterBy({ text: "" });
    } else {
      entry = typed(entry, key) ?? entry;
      if (entry.text !== view.text) filterBy({ text: entry.text });
    }
    return true;
  };
  return {
    name: "journal",
    load,
    title: () => [span("journal of "), span(shortId(runId))],
    draw: (size) => drawJournal(view, size),
    hints: () => ["open", "follow", "types", "search", "copy", "help", "back"],
    type,
    command,
    target: () => ({ runId }),
    typing: (columns) =>
      entry === null
        ? undefined
        : {
            line: [span("/", "key"), ...typingLine(entry, Math.max(4, columns - 30))],
            hints: [
              ["enter", "keep"],
              ["esc", "clear"],
            ],
          },
  };
};

/** The events of a run, and beside them the whole of the chosen one where there is room. */
export const drawJournal = (view: JournalView, size: Size): readonly Line[] => {
  const pane = paneWidth(size.columns);
  if (pane === 0) return listLines(view, size);
  const width = size.columns - pane - 3;
  const event = view.rows[view.place.at - view.place.top];
  const right = event === undefined ? [] : eventLines(event, pane);
  return beside(listLines(view, { ...size, columns: width }), right, width, size.rows);
};

const listLines = (view: JournalView, size: Size): readonly Line[] => {
  const head = size.rows >= ROWS_FOR_HEAD ? [stateLine(view), EMPTY] : [];
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
