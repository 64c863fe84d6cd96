import { type Output, paint, printLine, type Style, safe, say } from "./output.js";

type Plain = {
  readonly text: string;
  readonly style?: Style;
  /** Cut in front, since its end names it too. */
  readonly id?: true;
  /** A number that stands below others. */
  readonly right?: true;
  /** Says the same in fewer letters, for where the table is wider than its terminal. */
  readonly short?: string;
  /** A word or a time, which says nothing any more once it is cut: all else gives way first. */
  readonly whole?: true;
};

/** One cell: text of anybody, made harmless and put on one line here. */
export type Cell = string | Plain;

export type Table = {
  /** Names of the columns; left out for facts, whose first column is the name. */
  readonly head?: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
  /** What to say when there are no rows. */
  readonly empty: string;
  /** The last column goes on below itself instead of being cut: for sentences that say what to do. */
  readonly wrap?: true;
};

/** Between columns. */
const GAP = 2;
/** Text stays readable down to this, an id unique; only then are columns cut that are narrow already. */
const TEXT_MIN = 30;
const ID_MIN = 13;
const CELL_MIN = 4;
/** Eight digits of an id still tell one from all others of a ledger. */
const ID_LEAST = 9;

/**
 * The one table of every command: columns aligned by what a terminal shows, the last one as long as it is. Cut to the
 * terminal's width with "…"; never when it goes into a file or another program.
 */
export const printTable = async (output: Output, { head, rows, empty, wrap }: Table): Promise<void> => {
  if (rows.length === 0) {
    say(output, empty);
    return;
  }
  const full = [...(head === undefined ? [] : [head.map(asHead)]), ...rows].map((row) => row.map(plain));
  const measure = await measureFor(full);
  const { columns = Number.POSITIVE_INFINITY } = output;
  const lines =
    across(naturalWidths(full, measure)) <= columns ? full : full.map((line) => line.map(shorter));
  const widths = fitted(naturalWidths(lines, measure), lines, columns);
  for (const line of lines)
    for (const part of wrap === true ? wrapped(line, widths, measure) : [line])
      printLine(output, laidOut(output, part, widths, measure));
};

/** The last cell in as many lines as its words need; the cells before it stand on the first. */
const wrapped = (
  line: readonly Plain[],
  widths: readonly number[],
  measure: Measure,
): readonly (readonly Plain[])[] => {
  const last = line.at(-1);
  const width = widths[line.length - 1] ?? 0;
  if (last === undefined || measure(last.text) <= width) return [line];
  const parts: string[] = [];
  for (const word of last.text.split(" ")) {
    const longer = parts.length === 0 ? word : `${parts.at(-1)} ${word}`;
    if (parts.length > 0 && measure(longer) <= width) parts[parts.length - 1] = longer;
    else parts.push(word);
  }
  const before = line.slice(0, -1);
  return parts.map((text, at) => [...(at === 0 ? before : before.map(() => BLANK)), { ...last, text }]);
};

const BLANK: Plain = { text: "" };

/** One line of a table whose other lines are not known yet: the widths are given, the last column takes the rest. */
export const printRow = async (
  output: Output,
  cells: readonly Cell[],
  widths: readonly number[],
): Promise<void> => {
  const full = cells.map(plain);
  const { columns = Number.POSITIVE_INFINITY } = output;
  // Decided by what is given, or rows of one table would differ.
  const isTight = across([...widths, TEXT_MIN]) > columns;
  const line = isTight ? full.map(shorter) : full;
  const measure = await measureFor([line]);
  const own = line.map(({ text, short }, at) =>
    isTight && short !== undefined ? measure(text) : Math.max(widths[at] ?? 0, measure(text)),
  );
  printLine(output, laidOut(output, line, fitted(own, [line], columns), measure));
};

const shorter = (cell: Plain): Plain => ({ ...cell, text: cell.short ?? cell.text });

/** Columns of a whole line. */
const across = (widths: readonly number[]): number =>
  widths.reduce((sum, width) => sum + width, GAP * (widths.length - 1));

type Measure = (text: string) => number;

const asHead = (text: string): Plain => ({ text, style: "bold" });

const plain = (cell: Cell): Plain => {
  const { text, ...how } = typeof cell === "string" ? { text: cell } : cell;
  return { ...how, text: safe(text).replace(/\s+/g, " ").trim() };
};

/** Letters of which each takes one column: most tables hold no others, and the rules for those take a while to load. */
const NARROW = /^[\x20-\x7e\u00a1-\u00ac\u00ae-\u02ff\u2010-\u2027]*$/;

const measureFor = async (lines: readonly (readonly Plain[])[]): Promise<Measure> => {
  if (lines.every((line) => line.every(({ text }) => NARROW.test(text)))) return (text) => text.length;
  return (await import("string-width")).default;
};

const naturalWidths = (lines: readonly (readonly Plain[])[], measure: Measure): readonly number[] => {
  const widths: number[] = [];
  for (const line of lines)
    line.forEach(({ text }, at) => {
      widths[at] = Math.max(widths[at] ?? 0, measure(text));
    });
  return widths;
};

/** Long texts give way first, then ids, then whatever is widest; what must stay whole does so last. */
const fitted = (
  natural: readonly number[],
  lines: readonly (readonly Plain[])[],
  columns: number,
): readonly number[] => {
  const widths = [...natural];
  const isId = widths.map((_, at) => lines.some((line) => line[at]?.id === true));
  const isText = widths.map((_, at) => !isId[at] && !lines.some((line) => line[at]?.whole === true));
  let over = across(widths) - columns;
  const shrink = (least: number, may: (at: number) => boolean): void => {
    while (over > 0) {
      const [at, width] = widths.reduce(
        (widest, one, index) => (may(index) && one > widest[1] ? ([index, one] as const) : widest),
        [-1, least] as readonly [number, number],
      );
      if (at === -1) return;
      widths[at] = width - 1;
      over -= 1;
    }
  };
  shrink(TEXT_MIN, (at) => isText[at] === true);
  shrink(ID_MIN, (at) => isId[at] === true);
  shrink(CELL_MIN, (at) => isText[at] === true);
  shrink(ID_LEAST, (at) => isId[at] === true);
  shrink(1, () => true);
  return widths;
};

const laidOut = (
  output: Output,
  line: readonly Plain[],
  widths: readonly number[],
  measure: Measure,
): string =>
  line
    .map(({ text, style, id, right }, at) => {
      const shown = cut(text, widths[at] ?? 0, measure, id === true);
      const painted = style === undefined || shown === "" ? shown : paint(output, style, shown);
      const room = " ".repeat(Math.max(0, (widths[at] ?? 0) - measure(shown)));
      if (right === true) return room + painted;
      return at === line.length - 1 ? painted : painted + room;
    })
    .join(" ".repeat(GAP))
    .trimEnd();

/** By letters as people see them, so that no half of one is left. */
const cut = (text: string, width: number, measure: Measure, inFront: boolean): string => {
  if (measure(text) <= width) return text;
  const letters = [...new Intl.Segmenter().segment(text)].map(({ segment }) => segment);
  if (inFront) letters.reverse();
  let kept = "";
  let used = 1;
  for (const letter of letters) {
    used += measure(letter);
    if (used > width) break;
    kept = inFront ? letter + kept : kept + letter;
  }
  return inFront ? `…${kept}` : `${kept.trimEnd()}…`;
};
