import { isDeepStrictEqual } from "node:util";
import {
  ID_CHARS,
  isId,
  type LedgerError,
  namedGroups,
  type SettingEdit,
  type SettingRow,
  type SettingsDraft,
  type SettingsPreview,
  settingGroups,
} from "../../../index.js";
import type { Key } from "../kit/keys.js";
import { moved, type Place, seen, TOP } from "../kit/list.js";
import { type Typing, typed, typing } from "../kit/typing.js";

/** One line of the list. */
export type Item =
  | { readonly kind: "heading"; readonly title: string }
  | { readonly kind: "row"; readonly row: SettingRow };

export type Mode =
  | { readonly kind: "list" }
  | { readonly kind: "help" }
  /** Unsaved changes, and somebody wants to go. */
  | { readonly kind: "leaving" }
  /** A value is being typed; its edit is tried at every key. */
  | {
      readonly kind: "typing";
      readonly key: string;
      readonly line: Typing;
      readonly trial: SettingsPreview;
      /** What is asked when it is taken. */
      readonly then: readonly Asked[];
    }
  | { readonly kind: "naming"; readonly group: NamedGroup; readonly line: Typing };

export type Editor = {
  readonly draft: SettingsDraft;
  readonly edits: readonly SettingEdit[];
  /** The edits before each change, the newest last. */
  readonly past: readonly (readonly SettingEdit[])[];
  readonly preview: SettingsPreview;
  readonly items: readonly Item[];
  readonly place: Place;
  readonly mode: Mode;
  /** What was last said; gone with the next key. */
  readonly said: { readonly tone: "good" | "bad" | "dim"; readonly text: string } | undefined;
};

type NamedGroup = (typeof namedGroups)[number];
/** A key to be typed, and the text that stands there at first. */
type Asked = readonly [key: string, text: string];

/** Of which there are several: what one is called, what is made under a new name, and what is asked of it at once. */
const MADE: Readonly<
  Record<
    NamedGroup,
    { readonly one: string; readonly a: string; readonly value: string; readonly asks: readonly Asked[] }
  >
> = {
  agents: { one: "agent", a: "an agent", value: "{ kind: command, run: [] }", asks: [["run", "[]"]] },
  schedules: {
    one: "schedule",
    a: "a schedule",
    value: '{ cron: "@daily", plan: "" }',
    asks: [
      ["cron", "@daily"],
      ["plan", ""],
    ],
  },
  notify: { one: "target", a: "a target", value: "{ run: [] }", asks: [["run", "[]"]] },
};

export const nameAsked = (group: NamedGroup): string => `Name of the new ${MADE[group].one}`;

/** What the keys alone cannot do. */
export type Wish = "save" | "leave" | "save and leave";
export type Step = { readonly editor: Editor; readonly wish?: Wish };

export const openEditor = (draft: SettingsDraft): Editor => {
  const preview = draft.preview([]);
  const items = itemsOf(preview);
  return {
    draft,
    edits: [],
    past: [],
    preview,
    items,
    place: { at: firstRow(items), top: 0 },
    mode: { kind: "list" },
    said: undefined,
  };
};

const chosenRow = ({ items, place }: Editor): SettingRow | undefined => {
  const item = items[place.at];
  return item?.kind === "row" ? item.row : undefined;
};

/** The row as it would be with what is being typed. */
export const trialRow = (editor: Editor): SettingRow | undefined => {
  const { mode } = editor;
  return mode.kind === "typing" ? mode.trial.rows.find(({ key }) => key === mode.key) : chosenRow(editor);
};

/** The section of what is chosen. */
export const sectionOf = ({ items, place }: Editor): string => {
  const heading = items.slice(0, place.at + 1).findLast(({ kind }) => kind === "heading");
  return heading?.kind === "heading" ? heading.title : "";
};

/** The text of an edit that would make the value what it is shown as. */
export const editOf = ({ edits }: Editor, { key, text }: SettingRow): SettingEdit =>
  edits.findLast((edit) => edit.key === key) ?? { key, value: text };

/** `rows` are the lines of the list that can be seen. */
export const press = (before: Editor, key: Key, rows: number): Step => {
  const editor = { ...before, said: undefined };
  switch (editor.mode.kind) {
    case "help":
      return { editor: { ...editor, mode: { kind: "list" } } };
    case "leaving":
      return pressLeaving(editor, key);
    case "typing":
      return { editor: pressTyping(editor, editor.mode, key) };
    case "naming":
      return { editor: pressNaming(editor, editor.mode, key) };
    default:
      return pressList(editor, key, rows);
  }
};

/** The file was written: what was changed is now what is there. */
export const savedEditor = (editor: Editor, draft: SettingsDraft): Editor => {
  const count = editor.edits.length;
  const fresh = openEditor(draft);
  const text = `${count} ${count === 1 ? "change is" : "changes are"} in ${draft.file}.`;
  return { ...fresh, place: seenIn(fresh.items, editor.place), said: { tone: "good", text } };
};

export const failedEditor = (editor: Editor, { message }: LedgerError): Editor => ({
  ...editor,
  mode: { kind: "list" },
  said: { tone: "bad", text: message },
});

const pressList = (editor: Editor, key: Key, rows: number): Step => {
  switch (key) {
    case "?":
      return { editor: { ...editor, mode: { kind: "help" } } };
    case "q":
    case "escape":
    case "ctrl+c":
      return editor.edits.length === 0
        ? { editor, wish: "leave" }
        : { editor: { ...editor, mode: { kind: "leaving" } } };
    case "s":
    case "ctrl+s":
      return wishToSave(editor, "save");
    case "u":
      return { editor: undone(editor) };
    case "a":
      return { editor: { ...editor, mode: { kind: "naming", group: "agents", line: typing() } } };
    case "c":
      return { editor: { ...editor, mode: { kind: "naming", group: "schedules", line: typing() } } };
    case "w":
      return { editor: { ...editor, mode: { kind: "naming", group: "notify", line: typing() } } };
    case "tab":
    case "shift+tab":
      return { editor: { ...editor, place: otherSection(editor, key === "tab" ? 1 : -1) } };
    default:
      return { editor: pressOnRow(editor, key) ?? walked(editor, key, rows) };
  }
};

const wishToSave = (editor: Editor, wish: Wish): Step => {
  const [defect] = editor.preview.defects;
  if (editor.edits.length === 0) return { editor: told(editor, "dim", "Nothing has changed.") };
  if (defect !== undefined)
    return { editor: { ...told(editor, "bad", `Not saved. ${defect}`), mode: { kind: "list" } } };
  return { editor, wish };
};

const pressLeaving = (editor: Editor, key: Key): Step => {
  const list: Editor = { ...editor, mode: { kind: "list" } };
  if (key === "s") return wishToSave(list, "save and leave");
  if (key === "d" || key === "ctrl+c") return { editor: list, wish: "leave" };
  return { editor: list };
};

/** Undefined for a key that does nothing to the row. */
const pressOnRow = (editor: Editor, key: Key): Editor | undefined => {
  const row = chosenRow(editor);
  if (row === undefined || !["enter", " ", "e", "left", "right", "h", "l", "x", "D"].includes(key))
    return undefined;
  if (row.locked !== undefined)
    return told(editor, "bad", `${row.key} cannot be changed here: ${row.locked}.`);
  if (key === "x") return edited(editor, { key: row.key, value: undefined });
  if (key === "D") return namedRemoved(editor, row);
  const back = key === "left" || key === "h";
  if (row.kind === "toggle") return edited(editor, { key: row.key, value: String(row.value !== true) });
  if (row.kind === "choice") return edited(editor, { key: row.key, value: nextOption(row, back ? -1 : 1) });
  if (!["enter", " ", "e"].includes(key)) return undefined;
  // No quotes to be removed first where there is no text yet.
  return tried(editor, row.key, typing(row.value === "" ? "" : row.text));
};

const nextOption = ({ options, value }: SettingRow, by: number): string => {
  const at = options.indexOf(String(value));
  return options[(at + by + options.length) % options.length] ?? "";
};

/** Of which there are several, so that their names are told. */
export const isNamedGroup = (group: string | undefined): boolean =>
  namedGroups.some((named) => named === group);

const namedRemoved = (editor: Editor, { key }: SettingRow): Editor => {
  const [first, name] = key.split(".");
  return isNamedGroup(first) && name !== undefined
    ? edited(editor, { key: `${first}.${name}`, value: undefined })
    : told(
        editor,
        "dim",
        "Only agents, schedules and targets can be taken out whole; x leaves one value out.",
      );
};

const pressTyping = (editor: Editor, mode: Extract<Mode, { kind: "typing" }>, key: Key): Editor => {
  const { line, trial } = mode;
  if (key === "escape" || key === "ctrl+c") return { ...editor, mode: { kind: "list" } };
  if (key === "enter") {
    const row = trial.rows.find((one) => one.key === mode.key);
    // It says already what is wrong, and what was typed stays to be mended.
    if (row !== undefined && row.defects.length > 0) return editor;
    return asking(edited({ ...editor, mode: { kind: "list" } }, editTyped(mode.key, line)), mode.then);
  }
  const next = typed(line, key);
  return next === undefined ? editor : tried(editor, mode.key, next, mode.then);
};

/** The first of these is chosen and typed, then the others. A name that cannot be one has no rows: saving says what is wrong. */
const asking = (editor: Editor, [first, ...then]: readonly Asked[]): Editor => {
  if (first === undefined) return editor;
  const [key, text] = first;
  const at = editor.items.findIndex((item) => item.kind === "row" && item.row.key === key);
  if (at === -1) return editor;
  return tried({ ...editor, place: { ...editor.place, at } }, key, typing(text), then);
};

/** Nothing typed is nothing said: the key is left out of the file. */
const editTyped = (key: string, { text }: Typing): SettingEdit => ({
  key,
  value: text.trim() === "" ? undefined : text,
});

const tried = (editor: Editor, key: string, line: Typing, then: readonly Asked[] = []): Editor => {
  const trial = editor.draft.preview(withEdit(editor.edits, editTyped(key, line)));
  return { ...editor, mode: { kind: "typing", key, line, trial, then } };
};

const pressNaming = (editor: Editor, mode: Extract<Mode, { kind: "naming" }>, key: Key): Editor => {
  const { group, line } = mode;
  if (key === "escape" || key === "ctrl+c") return { ...editor, mode: { kind: "list" } };
  if (key !== "enter") {
    const next = typed(line, key);
    return next === undefined ? editor : { ...editor, mode: { ...mode, line: next } };
  }
  const name = line.text.trim();
  const refused = refusedName(editor, group, name);
  if (refused !== undefined) return told(editor, "bad", refused);
  const { value, asks } = MADE[group];
  const under = `${group}.${name}`;
  const made = edited({ ...editor, mode: { kind: "list" } }, { key: under, value });
  return asking(
    made,
    asks.map(([last, text]) => [`${under}.${last}`, text]),
  );
};

const refusedName = ({ items }: Editor, group: NamedGroup, name: string): string | undefined => {
  const { a } = MADE[group];
  if (name === "") return `${a[0]?.toUpperCase()}${a.slice(1)} needs a name.`;
  // It would be taken for keys inside each other.
  if (name.includes(".")) return `No dots in the name of ${a}.`;
  if (!isId(name)) return `At most ${ID_CHARS} letters, digits, "-" and "_", and no "-" or "_" first.`;
  const isTaken = items.some((item) => item.kind === "row" && item.row.key.startsWith(`${group}.${name}.`));
  return isTaken ? `There is ${a} ${name}.` : undefined;
};

/** A key that is changed again is changed once; what is inside of it is gone with what it was. */
const withEdit = (edits: readonly SettingEdit[], edit: SettingEdit): readonly SettingEdit[] => [
  ...edits.filter(({ key }) => key !== edit.key && !key.startsWith(`${edit.key}.`)),
  edit,
];

const edited = (editor: Editor, edit: SettingEdit): Editor => {
  const next = previewed(editor, withEdit(editor.edits, edit));
  if (isDeepStrictEqual(next.edits, editor.edits)) return told(editor, "dim", "That changes nothing.");
  return { ...next, past: [...editor.past, editor.edits] };
};

const undone = (editor: Editor): Editor => {
  const before = editor.past.at(-1);
  if (before === undefined) return told(editor, "dim", "Nothing to undo.");
  return { ...previewed(editor, before), past: editor.past.slice(0, -1) };
};

/** Edits that bring a key back to what the file says are none. */
const previewed = (editor: Editor, wanted: readonly SettingEdit[]): Editor => {
  const tried = editor.draft.preview(wanted);
  const needed = wanted.filter((edit) => isNeeded(editor, edit, tried));
  const preview = needed.length === wanted.length ? tried : editor.draft.preview(needed);
  const items = itemsOf(preview);
  return { ...editor, edits: needed, preview, items, place: seenIn(items, editor.place) };
};

const isNeeded = ({ draft }: Editor, { key, value }: SettingEdit, { rows }: SettingsPreview): boolean =>
  value === undefined ? draft.says(key) : rows.find((row) => row.key === key)?.changed !== false;

const told = (editor: Editor, tone: "good" | "bad" | "dim", text: string): Editor => ({
  ...editor,
  said: { tone, text },
});

const itemsOf = ({ rows }: SettingsPreview): readonly Item[] =>
  Object.entries(settingGroups).flatMap(([group, title]): Item[] => {
    const own = rows.filter((row) => row.group === group);
    const heading: Item = {
      kind: "heading",
      title: group === "runLedger" ? `Automation → ${title}` : title,
    };
    return own.length === 0 ? [] : [heading, ...own.map((row): Item => ({ kind: "row", row }))];
  });

const firstRow = (items: readonly Item[]): number => items.findIndex(({ kind }) => kind === "row");

const walked = (editor: Editor, key: Key, rows: number): Editor => {
  const { items, place } = editor;
  const next = moved(place, key, items.length, rows);
  if (next === undefined) return editor;
  const onRow = seenIn(items, next, next.at < place.at ? -1 : 1);
  // The heading above the first row is part of the way there.
  const withHeading = items[onRow.at - 1]?.kind === "heading" && onRow.at - 1 < onRow.top;
  return {
    ...editor,
    place: seen(withHeading ? { ...onRow, top: onRow.at - 1 } : onRow, items.length, rows),
  };
};

/** Headings cannot be chosen: the next row that way, or else the other way. */
const seenIn = (items: readonly Item[], place: Place, by: 1 | -1 = 1): Place => {
  let at = Math.max(0, Math.min(place.at, items.length - 1));
  while (items[at]?.kind === "heading") at += by;
  return items[at] === undefined ? { ...place, at: firstRow(items) } : { ...place, at };
};

const otherSection = ({ items, place }: Editor, by: 1 | -1): Place => {
  const starts = items.flatMap((item, at) => (item.kind === "heading" ? [at + 1] : []));
  const now = starts.findLastIndex((at) => at <= place.at);
  const at = starts[(now + by + starts.length) % starts.length] ?? TOP.at;
  return { at, top: at - 1 };
};
