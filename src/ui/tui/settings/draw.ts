import type { SettingRow } from "../../../index.js";
import { bodyRows, boxed, boxWidth, framed, type Hint, rule } from "../kit/frame.js";
import {
  beside,
  cut,
  EMPTY,
  fitLine,
  type Line,
  onGround,
  type Size,
  span,
  told,
  widthOf,
  wrap,
} from "../kit/line.js";
import { seen } from "../kit/list.js";
import { typingLine } from "../kit/typing.js";
import { type Editor, editOf, type Item, isNamedGroup, nameAsked, sectionOf, trialRow } from "./state.js";
import { twinOf } from "./twin.js";

/** From here on there is room for what is chosen beside the list. */
const TWO_PANES = 120;
const LIST_PANE = 72;
/** Below the list: enough for the key, its twin, one defect and what it is about. */
const DETAIL_ROWS_MIN = 5;
const DETAIL_ROWS_MAX = 8;

export const drawEditor = (editor: Editor, size: Size): readonly Line[] => {
  const answer = answerOf(editor, size.columns - 2);
  const lines = framed(
    {
      title: [span("Settings", "strong"), span(` › ${sectionOf(editor)}`, "dim")],
      aside: asideOf(editor, size.columns),
      body: bodyOf(editor, { columns: size.columns, rows: bodyRows(size, answer) }),
      answer,
      hints: HINTS[editor.mode.kind],
    },
    size,
  );
  if (editor.mode.kind === "help") return boxed(lines, { title: "Keys", content: HELP }, size);
  if (editor.mode.kind !== "leaving") return lines;
  const content = [...leavingLines(editor, boxWidth(size.columns)), EMPTY, LEAVING];
  return boxed(lines, { title: "Not saved yet", content }, size);
};

/** Lines of the list that can be seen. */
export const listRows = (editor: Editor, size: Size): number => {
  const rows = bodyRows(size, answerOf(editor, size.columns - 2));
  return size.columns >= TWO_PANES ? rows : rows - detailRows(rows) - 1;
};

const detailRows = (rows: number): number =>
  Math.max(0, Math.min(rows - 2, DETAIL_ROWS_MAX, Math.max(DETAIL_ROWS_MIN, Math.floor(rows / 3))));

const bodyOf = (editor: Editor, { columns, rows }: Size): readonly Line[] => {
  if (columns >= TWO_PANES) {
    const width = columns - LIST_PANE - 4;
    return beside(
      listLines(editor, { columns: LIST_PANE, rows }),
      detailLines(editor, width),
      LIST_PANE,
      rows,
    );
  }
  const below = detailRows(rows);
  const list = listLines(editor, { columns, rows: rows - below - 1 });
  const details = detailLines(editor, columns - 2).slice(0, below);
  return [...list, rule(columns), ...details.map((line) => [span(" "), ...line])];
};

const listLines = ({ items, place }: Editor, { columns, rows }: Size): Line[] => {
  const { top } = seen(place, items.length, rows);
  return Array.from({ length: rows }, (_, row) => {
    const item = items[top + row];
    if (item === undefined) return EMPTY;
    const line = itemLine(item, columns);
    return top + row === place.at ? onGround(line, "selected", columns) : line;
  });
};

const itemLine = (item: Item, width: number): Line => {
  if (item.kind === "heading") return [span(` ${item.title}`, "strong")];
  const { row } = item;
  const origin = row.changed ? "unsaved" : (row.origin.split(" ")[0] ?? "");
  const room = width - MARK - ORIGIN;
  const title = Math.min(TITLE_MAX, Math.floor(room / 2));
  return [
    markOf(row),
    ...fitLine([span(titleOf(row, title - 1))], title),
    ...fitLine([valueSpan(row)], room - title - 1),
    span(" "),
    ...fitLine([span(origin, row.changed ? "warn" : "dim")], ORIGIN),
  ];
};

const MARK = 3;
const ORIGIN = 8;
const TITLE_MAX = 32;

/** The same titles come again for each agent and each schedule; of a long name less is shown, for the title says what it is. */
const titleOf = ({ key, title }: SettingRow, width: number): string => {
  const [first, name = "", last] = key.split(".");
  if (!isNamedGroup(first) || last === undefined) return cut(title, width);
  const room = Math.max(NAME_LEAST, width - widthOf(title) - widthOf(BETWEEN));
  return cut(`${cut(told(name), room)}${BETWEEN}${title}`, width);
};

const BETWEEN = " · ";
const NAME_LEAST = 4;

const markOf = ({ defects, changed }: SettingRow): Line[number] => {
  if (defects.length > 0) return span(" ! ", "bad");
  return changed ? span(" • ", "warn") : span("   ");
};

const valueSpan = ({ kind, value, text, locked, defects }: SettingRow): Line[number] => {
  const tone = defects.length > 0 ? "bad" : locked === undefined ? "plain" : "dim";
  if (kind === "toggle" && typeof value === "boolean")
    return span(value ? "● on" : "○ off", value && tone === "plain" ? "good" : tone);
  if (kind === "choice") return span(`‹ ${told(text)} ›`, tone);
  return text === "" || value === "" ? span("–", "faint") : span(told(text), tone);
};

/** Everything about what is chosen; the first lines are those that matter most. */
const detailLines = (editor: Editor, width: number): Line[] => {
  const row = trialRow(editor);
  if (row === undefined) return [];
  const { key, bounds, description, defects, locked } = row;
  const limits = [bounds, `default ${told(defaultText(row))}`].filter((text) => text !== "").join(" · ");
  const narrow = widthOf(told(key)) + widthOf(limits) + 2 > width;
  return [
    narrow ? [span(told(key), "strong")] : [span(told(key), "strong"), span(`  ${limits}`, "dim")],
    ...wrapped(twinOf(editOf(editor, row), editor.draft.target), width, "key"),
    ...defects.flatMap((defect) => wrapped(`! ${defect}`, width, "bad")),
    ...wrapped(description, width, "plain"),
    ...(locked === undefined ? [] : wrapped(`Cannot be changed here: ${locked}.`, width, "warn")),
    ...(narrow ? wrapped(limits, width, "dim") : []),
    ...wrapped(originInWords(row), width, "dim"),
  ];
};

const originInWords = ({ changed, origin }: SettingRow): string => {
  if (changed) return "not saved yet";
  return origin === "default" ? "the default" : `from ${origin}`;
};

const wrapped = (text: string, width: number, tone: Line[number]["tone"]): Line[] =>
  wrap(text, width).map((line) => [span(line, tone)]);

const defaultText = ({ default: byDefault }: SettingRow): string => {
  if (byDefault === undefined) return "none";
  return byDefault === "" ? "empty" : typeof byDefault === "string" ? byDefault : JSON.stringify(byDefault);
};

const asideOf = ({ edits, preview, draft }: Editor, columns: number): Line => {
  const file =
    columns < NARROW ? [] : [span(` · ${draft.target === "user" ? "user" : "project"} file`, "dim")];
  if (preview.defects.length > 0) return [span("does not hold yet", "bad"), ...file];
  return edits.length === 0
    ? [span("nothing unsaved", "dim"), ...file]
    : [span(`${edits.length} unsaved`, "warn"), ...file];
};

/** Below this the section and what is unsaved are all there is room for. */
const NARROW = 70;

const answerOf = (editor: Editor, width: number): readonly Line[] => {
  const { mode, said } = editor;
  if (mode.kind === "naming") {
    const question = nameAsked(mode.group);
    return [
      asked(question, typingLine(mode.line, width - widthOf(question) - 3)),
      ...(said === undefined ? [] : [[span(`! ${told(said.text)}`, said.tone)]]),
    ];
  }
  if (mode.kind === "typing") {
    const row = trialRow(editor);
    const room = Math.floor(width / 3);
    const question = row === undefined ? cut(mode.key, room) : titleOf(row, room);
    const [defect] = row?.defects ?? [];
    return [
      asked(question, typingLine(mode.line, width - widthOf(question) - 3)),
      defect === undefined
        ? [span("✔ ", "good"), span(HOW[row?.kind ?? "text"], "dim")]
        : [span(`! ${told(defect)}`, "bad")],
    ];
  }
  return said === undefined ? [] : wrapped(told(said.text), width, said.tone).slice(0, SAID_ROWS);
};

/** What is longer is told by `runledger doctor`. */
const SAID_ROWS = 4;

const asked = (question: string, line: Line): Line => [span(`${question}: `, "key"), ...line];

/** How a value of each kind is typed. */
const HOW: Readonly<Record<SettingRow["kind"], string>> = {
  toggle: "true or false",
  choice: "one of them",
  number: "a whole number",
  duration: "a duration such as 90s, 2m, 1h30m",
  size: "a size such as 512MiB, 4GiB, 10GB",
  text: "text; nothing leaves it out",
  words: "a list such as [a, b]; nothing leaves it out",
  commands: "a list of commands such as [[npm, ci]]",
};

const HINTS: Readonly<Record<Editor["mode"]["kind"], readonly Hint[]>> = {
  list: [
    ["enter", "change"],
    ["s", "save"],
    ["u", "undo"],
    ["q", "leave"],
    ["?", "keys"],
    ["x", "leave out"],
    ["tab", "next section"],
    ["a", "new agent"],
    ["c", "new schedule"],
    ["w", "who is told"],
  ],
  typing: [
    ["enter", "take it"],
    ["esc", "as it was"],
  ],
  naming: [
    ["enter", "make it"],
    ["esc", "not now"],
  ],
  help: [["any key", "back"]],
  leaving: [["esc", "stay"]],
};

const helpLine = (keys: string, does: string): Line => [...fitLine([span(keys, "key")], 18), span(does)];

const HELP: readonly Line[] = [
  helpLine("j k ↓ ↑ g G", "move"),
  helpLine("tab  shift-tab", "next, last section"),
  helpLine("enter  space  e", "switch it, or type a value"),
  helpLine("← → h l", "the other choices"),
  helpLine("x", "leave it out of this file"),
  helpLine("a  c  w", "new agent, schedule (by the clock), target (who is told)"),
  helpLine("D", "take the agent, schedule or target out whole"),
  helpLine("u", "undo the last change"),
  helpLine("s", "save all changes, if all of it is valid"),
  helpLine("q  esc", "leave; asks when something is unsaved"),
];

const LEAVING: Line = [
  span("s", "key"),
  span(" save and leave   "),
  span("d", "key"),
  span(" drop them   "),
  span("esc", "key"),
  span(" stay"),
];

/** Edits named before "and so on". */
const EDITS_NAMED = 5;

const leavingLines = ({ edits, draft }: Editor, width: number): Line[] => {
  const named = edits
    .slice(0, EDITS_NAMED)
    .map((edit) => [span(cut(told(twinOf(edit, draft.target)), width), "dim")]);
  const more = edits.length - named.length;
  return more > 0 ? [...named, [span(`and ${more} more`, "dim")]] : named;
};
