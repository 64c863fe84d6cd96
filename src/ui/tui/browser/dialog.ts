import { boxWidth } from "../kit/frame.js";
import { isText, type Key } from "../kit/keys.js";
import { cut, EMPTY, type Line, onGround, type Size, span, told, wrap } from "../kit/line.js";
import { type Typing, typed, typing, typingLine } from "../kit/typing.js";

/** One thing that a dialog asks. */
export type Field = {
  readonly name: string;
  readonly label: string;
  readonly required: boolean;
} & ({ readonly choices: readonly string[] } | { readonly start?: string });

/** A question before something is done: what will be done, in words and as a command, and what must still be said. */
export type Dialog = {
  readonly title: string;
  readonly text: readonly string[];
  readonly fields: readonly Field[];
  /** The same for a shell. */
  readonly twin: (values: Values) => string;
  /** What Enter does. */
  readonly confirm: string;
  readonly done: (values: Values) => void;
};
export type Values = Readonly<Record<string, string>>;

type Entry = { readonly typing: Typing; readonly choice: number };
export type DialogState = {
  readonly dialog: Dialog;
  readonly entries: readonly Entry[];
  readonly at: number;
  /** The field that must be filled in before it can go on. */
  readonly missing: string | null;
};

export const opened = (dialog: Dialog): DialogState => ({
  dialog,
  entries: dialog.fields.map((field) => ({
    typing: typing("start" in field ? field.start : ""),
    choice: 0,
  })),
  at: 0,
  missing: null,
});

export const valuesOf = ({ dialog, entries }: DialogState): Values =>
  Object.fromEntries(
    dialog.fields.map((field, index) => {
      const { typing: line = typing(), choice = 0 } = entries[index] ?? {};
      return [field.name, "choices" in field ? (field.choices[choice] ?? "") : line.text.trim()];
    }),
  );

/** Null when it is closed; `send` when it was confirmed. */
export const pressed = (
  state: DialogState,
  key: Key,
): { readonly state: DialogState | null; readonly send: boolean } => {
  if (key === "escape" || key === "ctrl+c") return { state: null, send: false };
  if (key === "enter") return confirmed(state);
  return { state: edited(state, key), send: false };
};

const confirmed = (state: DialogState): { state: DialogState | null; send: boolean } => {
  const { dialog, at } = state;
  if (at < dialog.fields.length - 1) return { state: { ...state, at: at + 1 }, send: false };
  const values = valuesOf(state);
  const empty = dialog.fields.findIndex(({ name, required }) => required && values[name] === "");
  if (empty === -1) return { state: null, send: true };
  return { state: { ...state, at: empty, missing: dialog.fields[empty]?.label ?? null }, send: false };
};

const edited = (state: DialogState, key: Key): DialogState => {
  const { dialog, at, entries } = state;
  const field = dialog.fields[at];
  if (key === "tab" || key === "shift+tab") {
    const step = key === "tab" ? 1 : dialog.fields.length - 1;
    return { ...state, at: (at + step) % Math.max(1, dialog.fields.length) };
  }
  const entry = entries[at];
  if (field === undefined || entry === undefined) return state;
  const next = "choices" in field ? chosen(entry, field.choices, key) : typedIn(entry, key);
  return { ...state, missing: null, entries: entries.with(at, next) };
};

const chosen = (entry: Entry, choices: readonly string[], key: Key): Entry => {
  const moves: Readonly<Record<Key, number>> = { up: -1, k: -1, down: 1, j: 1 };
  const move = moves[key];
  if (move !== undefined)
    return { ...entry, choice: Math.max(0, Math.min(choices.length - 1, entry.choice + move)) };
  // A letter goes to the next choice that begins with it.
  if (!isText(key)) return entry;
  const found = choices.findIndex((choice, index) => index > entry.choice && choice.startsWith(key));
  const first = choices.findIndex((choice) => choice.startsWith(key));
  return { ...entry, choice: found !== -1 ? found : first !== -1 ? first : entry.choice };
};

const typedIn = (entry: Entry, key: Key): Entry => ({
  ...entry,
  typing: typed(entry.typing, key) ?? entry.typing,
});

/** Choices seen at once. */
const CHOICES_SEEN = 8;

/** What agents and judges say may be long: more of it would push what is asked off the screen. */
const TEXT_LINES = 4;

/** As many lines of each text as leave the rest of the box on the screen; what is left out is told by a mark. */
const fitting = (texts: readonly string[], width: number, room: number): readonly string[] => {
  const wrapped = texts.map((text) => wrap(text, width));
  const upTo = (most: number) => wrapped.flatMap((lines) => beginning(lines, width, most));
  for (let most = TEXT_LINES; most > 1; most -= 1) {
    const told = upTo(most);
    if (told.length <= room) return told;
  }
  const shortest = upTo(1);
  return shortest.length <= room ? shortest : [...shortest.slice(0, Math.max(0, room - 1)), MORE];
};

/** Where not even a line of each has room. */
const MORE = "… (the page has more)";

const beginning = (lines: readonly string[], width: number, most: number): readonly string[] =>
  lines.length <= most ? lines : [...lines.slice(0, most - 1), cut(`${lines[most - 1]} …`, width)];

/** Rows of a screen that no box has for its content: its own edges, the title above and the keys below. */
const EDGES = 4;

/** Lines of a dialog, on a screen of that size. */
export const dialogBox = (
  state: DialogState,
  { columns, rows }: Size,
): { readonly title: string; readonly content: readonly Line[] } => {
  const { dialog, at, missing } = state;
  const width = boxWidth(columns);
  const fields = dialog.fields.flatMap((_, index) => [EMPTY, ...fieldLines(state, index, width)]);
  const twin = wrap(dialog.twin(valuesOf(state)), width).map((text) => [span(text, "dim")]);
  const last = at >= dialog.fields.length - 1;
  const keys = [
    span("enter", "key"),
    span(` ${last ? dialog.confirm : "next"}`, "dim"),
    span("   "),
    span("esc", "key"),
    span(" leave it", "dim"),
    ...(missing === null ? [] : [span(`   ${missing} is missing`, "warn")]),
  ];
  const asked = [...fields, EMPTY, ...twin, EMPTY, keys];
  const words = fitting(dialog.text, width, rows - EDGES - asked.length).map((text) => [span(text)]);
  return { title: dialog.title, content: [...words, ...asked] };
};

const fieldLines = ({ dialog, entries, at }: DialogState, index: number, width: number): readonly Line[] => {
  const field = dialog.fields[index];
  const entry = entries[index];
  if (field === undefined || entry === undefined) return [];
  const active = index === at;
  const label = span(`${field.label}${field.required ? "" : " (may be empty)"}`, active ? "key" : "dim");
  if (!("choices" in field))
    return [
      [label],
      active ? [span("› "), ...typingLine(entry.typing, width - 2)] : [span(`  ${told(entry.typing.text)}`)],
    ];
  const top = Math.max(0, Math.min(entry.choice - 3, field.choices.length - CHOICES_SEEN));
  const seen = field.choices.slice(top, top + CHOICES_SEEN).map((choice, offset) => {
    const line = [span(top + offset === entry.choice ? "› " : "  "), span(told(choice))];
    return top + offset === entry.choice ? onGround(line, "selected", width) : line;
  });
  return [[label], ...seen];
};
