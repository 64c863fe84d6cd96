import stringWidth from "string-width";
import { safe } from "../../cli/output.js";
import type { Ground, Palette, Tone } from "./theme.js";

/** A piece of one line of the screen. Its text is harmless: whatever makes one from outside says `told`. */
export type Span = { readonly text: string; readonly tone: Tone; readonly ground: Ground };
export type Line = readonly Span[];
/** Columns and rows of a terminal. */
export type Size = { readonly columns: number; readonly rows: number };

export const span = (text: string, tone: Tone = "plain"): Span => ({ text, tone, ground: "none" });
export const EMPTY: Line = [];

/** Text of agents, people and files on one line: no control characters, no line breaks. */
export const told = (text: string): string => safe(text).replace(/[\n\t]+/g, " ");

const PLAIN = /^[\x20-\x7e]*$/;

/** Columns that a text takes on a terminal. */
export const widthOf = (text: string): number => (PLAIN.test(text) ? text.length : stringWidth(text));
export const lineWidth = (line: Line): number => line.reduce((sum, { text }) => sum + widthOf(text), 0);

const graphemes = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/** As much of the beginning as fits. */
const start = (text: string, width: number): string => {
  if (PLAIN.test(text)) return text.slice(0, width);
  let taken = "";
  let left = width;
  for (const { segment } of graphemes.segment(text)) {
    left -= widthOf(segment);
    if (left < 0) break;
    taken += segment;
  }
  return taken;
};

/** What is left of it behind so many columns; a blank stands for the half of a wide character. */
export const behind = (text: string, columns: number): string => {
  const before = start(text, columns);
  const missing = columns - widthOf(before);
  if (missing <= 0) return text.slice(before.length);
  const [first] = graphemes.segment(text.slice(before.length));
  const whole = first?.segment ?? "";
  return " ".repeat(Math.max(0, widthOf(whole) - missing)) + text.slice(before.length + whole.length);
};

/** Cut to fit, and it says so. */
export const cut = (text: string, width: number): string => {
  if (widthOf(text) <= width) return text;
  return width < 1 ? "" : `${start(text, width - 1)}…`;
};

export const pad = (text: string, width: number): string =>
  text + " ".repeat(Math.max(0, width - widthOf(text)));
export const padStart = (text: string, width: number): string =>
  " ".repeat(Math.max(0, width - widthOf(text))) + text;

/** The first columns of a line. */
export const clipLine = (line: Line, width: number): Line => {
  const kept: Span[] = [];
  let left = width;
  for (const piece of line) {
    if (left <= 0) break;
    kept.push({ ...piece, text: start(piece.text, left) });
    left -= widthOf(piece.text);
  }
  return kept;
};

/** Cut to fit, and it says so. */
export const cutLine = (line: Line, width: number): Line => {
  if (lineWidth(line) <= width) return line;
  if (width < 1) return EMPTY;
  const kept = clipLine(line, width - 1);
  return [...kept, { ...(kept.at(-1) ?? span("")), text: "…" }];
};

/** Exactly so many columns. */
export const fitLine = (line: Line, width: number): Line => {
  const fitting = cutLine(line, width);
  const rest = width - lineWidth(fitting);
  return rest > 0 ? [...fitting, span(" ".repeat(rest))] : fitting;
};

/** The same line on another ground, over the whole width. */
export const onGround = (line: Line, ground: Ground, width: number): Line =>
  fitLine(line, width).map((piece) => ({ ...piece, ground }));

/** Two ends of one line; where both do not fit, only the left one is there. */
export const apart = (left: Line, right: Line, width: number): Line => {
  const room = width - lineWidth(right);
  return lineWidth(left) < room ? [...fitLine(left, room), ...right] : cutLine(left, width);
};

/** Panes side by side with a rule between them. */
export const beside = (
  left: readonly Line[],
  right: readonly Line[],
  leftWidth: number,
  rows: number,
): Line[] =>
  Array.from({ length: rows }, (_, row) => [
    ...fitLine(left[row] ?? EMPTY, leftWidth),
    span(" │ ", "faint"),
    ...(right[row] ?? EMPTY),
  ]);

/** Broken between words where that is possible; every line fits. */
export const wrap = (text: string, width: number): string[] =>
  safe(text)
    .replaceAll("\t", "    ")
    .split("\n")
    .flatMap((line) => wrapLine(line.trimEnd(), Math.max(1, width)));

const wrapLine = (line: string, width: number): string[] => {
  const lines: string[] = [];
  let rest = line;
  while (widthOf(rest) > width) {
    const piece = start(rest, width) || [...rest].slice(0, 1).join("");
    const blank = piece.lastIndexOf(" ");
    // A word that would leave a line half empty is broken instead.
    const whole = rest[piece.length] === " " ? piece.length : blank > width / 2 ? blank : piece.length;
    lines.push(rest.slice(0, whole).trimEnd());
    rest = rest.slice(whole).trimStart();
  }
  return [...lines, rest];
};

/** The line as a terminal obeys it. */
export const painted = (line: Line, { tones, grounds }: Palette): string =>
  line
    .map(({ text, tone, ground }) => {
      const codes = [tones[tone], grounds[ground]].filter((code) => code !== "").join(";");
      return codes === "" || text === "" ? text : `\u001b[${codes}m${text}\u001b[0m`;
    })
    .join("");
