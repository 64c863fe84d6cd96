import {
  apart,
  behind,
  clipLine,
  cut,
  cutLine,
  EMPTY,
  fitLine,
  type Line,
  lineWidth,
  onGround,
  type Size,
  span,
} from "./line.js";

/** A key and what it does here, in a word or two. */
export type Hint = readonly [key: string, does: string];

export type Frame = {
  /** Where we are, from the outside in. */
  readonly title: Line;
  /** What goes on, at the other end of the title. */
  readonly aside: Line;
  readonly body: readonly Line[];
  /** What was last answered; above the keys. */
  readonly answer: readonly Line[];
  /** The most important first: what does not fit is left out. */
  readonly hints: readonly Hint[];
  /** What is being typed, before the keys. */
  readonly entry?: Line;
};

/** Rows that title and keys take. */
const AROUND = 2;

/** What is left for the body. */
export const bodyRows = ({ rows }: Size, answer: readonly Line[]): number =>
  Math.max(1, rows - AROUND - (answer.length > 0 ? answer.length + 1 : 0));

export const framed = ({ title, aside, body, answer, hints, entry }: Frame, size: Size): readonly Line[] => {
  const { columns, rows } = size;
  if (rows <= AROUND) return [onGround([span(" "), ...title], "bar", columns)].slice(0, rows);
  const room = bodyRows(size, answer);
  const filled = Array.from({ length: room }, (_, row) => cutLine(body[row] ?? EMPTY, columns));
  return [
    onGround(apart([span(" "), ...title], [...aside, span(" ")], columns), "bar", columns),
    ...filled,
    ...(answer.length > 0
      ? [rule(columns), ...answer.map((line) => cutLine([span(" "), ...line], columns))]
      : []),
    onGround(hintLine(hints, columns, entry), "bar", columns),
  ].slice(0, rows);
};

export const rule = (width: number): Line => [span("─".repeat(Math.max(0, width)), "faint")];

const hintLine = (hints: readonly Hint[], columns: number, entry: Line = []): Line => {
  const line = [span(" "), ...entry];
  for (const [key, does] of hints) {
    const next = [span(line.length > 1 ? "  " : ""), span(key, "key"), span(` ${does}`, "dim")];
    if (lineWidth([...line, ...next]) > columns) break;
    line.push(...next);
  }
  return line;
};

/** Wider boxes are hard to read. */
const BOX_MAX = 84;

/** Columns inside a box on a screen of this width. */
export const boxWidth = (columns: number): number => Math.max(1, Math.min(BOX_MAX, columns - 2) - 4);

/** A box in the middle of what is shown, which goes on being there around it. */
export const boxed = (
  lines: readonly Line[],
  box: { readonly title: string; readonly content: readonly Line[] },
  { columns }: Size,
): readonly Line[] => {
  const inner = boxWidth(columns);
  const edges = [top(box.title, inner), ...box.content.map((line) => side(line, inner)), bottom(inner)];
  const room = lines.length - AROUND;
  const shown =
    edges.length <= room ? edges : [...edges.slice(0, Math.max(0, room - 1)), bottom(inner, " more ")];
  const from = 1 + Math.max(0, Math.floor((room - shown.length) / 3));
  const left = Math.max(0, Math.floor((columns - inner - 4) / 2));
  return lines.map((line, row) => {
    const edge = shown[row - from];
    return edge === undefined
      ? line
      : [...fitLine(clipLine(line, left), left), ...edge, ...after(line, left + inner + 4)];
  });
};

const top = (title: string, inner: number): Line => {
  const [named] = cutLine([span(title, "strong")], inner - 2);
  const name = named === undefined ? [] : [span(" "), named, span(" ")];
  return [
    span("╭─", "faint"),
    ...name,
    span(`${"─".repeat(Math.max(0, inner + 1 - lineWidth(name)))}╮`, "faint"),
  ];
};
const side = (line: Line, inner: number): Line => [
  span("│ ", "faint"),
  ...fitLine(line, inner),
  span(" │", "faint"),
];
const bottom = (inner: number, more = ""): Line => [
  span(`╰─${cut(more, inner).padEnd(inner + 1, "─")}╯`, "faint"),
];

/** The rest of a line behind so many columns. */
const after = (line: Line, column: number): Line => {
  const rest: Line[number][] = [];
  let at = 0;
  for (const piece of line) {
    const from = Math.max(0, column - at);
    at += lineWidth([piece]);
    if (at <= column) continue;
    rest.push({ ...piece, text: behind(piece.text, from) });
  }
  return rest;
};
