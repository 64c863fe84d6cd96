import { bodyRows, boxed, boxWidth, framed, type Hint } from "../kit/frame.js";
import { cut, cutLine, type Line, lineWidth, type Size, span, told } from "../kit/line.js";
import { type DialogState, dialogBox } from "./dialog.js";
import { helpLines } from "./help.js";
import { type CommandName, keyMap, keyName } from "./keymap.js";
import type { Answer, Page } from "./page.js";
import { counted } from "./words.js";

/** How much goes on, and how much of it waits for whoever looks. */
export type Pulse = {
  /** Where the ledger was when it was counted. */
  readonly position: number;
  readonly running: number;
  readonly waiting: number;
};

/** Everything around a page. */
export type Surroundings = {
  readonly pages: readonly Page[];
  readonly project: string;
  readonly pulse: Pulse;
  /** Runs that are driven from here. */
  readonly driven: number;
  readonly answer: Answer | null;
  readonly dialog: DialogState | null;
  /** The first line of the help that is seen; null when none is. */
  readonly help: number | null;
};

/** What a page has for itself. */
export const pageSize = (answer: Answer | null, size: Size): Size => ({
  ...size,
  rows: bodyRows(size, answerLines(answer, size.columns)),
});

/** The whole screen. */
export const drawBrowser = (page: Page, around: Surroundings, size: Size): readonly Line[] => {
  const { pages, project, pulse, driven, answer, dialog, help } = around;
  const entry = page.typing?.(size.columns);
  const aside = asideOf(pulse, driven, size.columns);
  const body = page.draw(pageSize(answer, size));
  const lines = framed(
    {
      title: titleOf(pages, project, size.columns - lineWidth(aside)),
      aside,
      body: body.length > 0 || answer?.tone === "bad" ? body : [READING],
      answer: answerLines(answer, size.columns),
      hints: entry?.hints ?? page.hints().map(hintOf),
      ...(entry === undefined ? {} : { entry: entry.line }),
    },
    size,
  );
  if (dialog !== null) return boxed(lines, dialogBox(dialog, size), size);
  if (help === null) return lines;
  const keys = helpLines(page.name, boxWidth(size.columns));
  return boxed(
    lines,
    {
      title: "Keys · j k scroll, any other closes",
      content: keys.slice(Math.min(help, Math.max(0, keys.length - HELP_LEFT))),
    },
    size,
  );
};

/** A page draws nothing before it was read. */
const READING: Line = [span(" Reading…", "dim")];

/** Lines of the help that stay however far it is scrolled. */
const HELP_LEFT = 4;

const hintOf = (name: CommandName): Hint => {
  const { keys, label } = keyMap[name];
  return [keyName(keys[0]), label];
};

/** From the outside in; where all of it does not fit, the outer ones are left out. */
const titleOf = (pages: readonly Page[], project: string, columns: number): Line => {
  const name = [
    span("runledger", "strong"),
    ...(columns >= NAMED ? [span(`  ${told(project)}`, "dim")] : []),
  ];
  const crumbs = pages.map((page) => [span(" › ", "faint"), ...cutLine(page.title(), CRUMB_MAX)]);
  for (let from = 0; from < crumbs.length; from += 1) {
    const line = [...name, ...crumbs.slice(from).flat()];
    if (lineWidth(line) < columns - 3) return line;
  }
  return [...name, ...(crumbs.at(-1) ?? [])];
};

/** A goal may be long; its beginning says which one it is. */
const CRUMB_MAX = 30;
/** Columns from which the project is named too. */
const NAMED = 44;

/** Columns from which it is said in words. */
const WORDED = 80;

const asideOf = ({ running, waiting }: Pulse, driven: number, columns: number): Line => {
  const said = (count: number, mark: string, words: string): string =>
    columns >= WORDED ? `${mark}${counted(count)} ${words}` : `${mark || "● "}${counted(count)}`;
  const parts = [
    ...(driven > 0 ? [span(said(driven, "▶ ", "driven here"), "busy")] : []),
    ...(running > 0 ? [span(said(running, "", "running"), "dim")] : []),
    ...(waiting > 0
      ? [span(said(waiting, "◆ ", waiting === 1 ? "waits for you" : "wait for you"), "warn")]
      : []),
  ];
  return parts.flatMap((part, index) => (index === 0 ? [part] : [span("  "), part]));
};

const MARKS = { busy: "…", good: "✔", bad: "✘", plain: "·" } as const;
/** More of an answer would cover what it is about. */
const ANSWER_LINES = 4;

const answerLines = (answer: Answer | null, columns: number): readonly Line[] =>
  (answer?.lines ?? [])
    .slice(0, ANSWER_LINES)
    .map((text, index) => [
      index === 0 && answer !== null
        ? span(`${MARKS[answer.tone]} `, answer.tone === "plain" ? "dim" : answer.tone)
        : span("  "),
      span(cut(told(text), columns - 3), index === 0 ? "plain" : "dim"),
    ]);
