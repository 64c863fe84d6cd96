import type { Key } from "../kit/keys.js";
import { type Line, onGround, type Size, widthOf } from "../kit/line.js";
import { moved, type Place, seen } from "../kit/list.js";
import type { CommandName } from "./keymap.js";

/** A text that is scrolled and searched. */
export type Pane = { readonly top: number; readonly search: string };
export const PANE: Pane = { top: 0, search: "" };

const textOf = (line: Line): string => line.map(({ text }) => text).join("");

/** Undefined for what neither scrolls nor goes to a hit. */
export const steered = (
  pane: Pane,
  name: CommandName,
  key: Key,
  lines: readonly Line[],
  rows: number,
): Pane | undefined => {
  if (name === "nextHit") return hit(pane, lines, 1) ?? pane;
  if (name === "previousHit") return hit(pane, lines, -1) ?? pane;
  return scrolled(pane, key, lines.length, rows);
};

const scrolled = (pane: Pane, key: Key, count: number, rows: number): Pane | undefined => {
  // Half of a list's keys move a choice; here the text itself moves.
  const last = Math.max(0, count - rows);
  if (key === "g" || key === "home") return { ...pane, top: 0 };
  if (key === "G" || key === "end") return { ...pane, top: last };
  const place = moved({ at: pane.top, top: pane.top }, key, last + 1, rows);
  return place === undefined ? undefined : { ...pane, top: Math.min(place.at, last) };
};

/** What is searched, with its first hit from here on in sight. */
export const searched = (pane: Pane, search: string, lines: readonly Line[]): Pane =>
  hit({ top: pane.top - 1, search }, lines, 1) ?? { ...pane, search };

/** The next line with what is searched, in one direction and then from the other end. */
const hit = (pane: Pane, lines: readonly Line[], step: 1 | -1): Pane | undefined => {
  const { search, top } = pane;
  if (search === "") return undefined;
  const count = lines.length;
  for (let away = 1; away <= count; away += 1) {
    const at = (((top + step * away) % count) + count) % count;
    if (hasHit(lines[at] ?? [], search)) return { ...pane, top: at };
  }
  return undefined;
};

const hasHit = (line: Line, search: string): boolean =>
  textOf(line).toLowerCase().includes(search.toLowerCase());

/** The part that is seen; lines with what is searched stand out. */
export const paneLines = (
  { top, search }: Pane,
  lines: readonly Line[],
  { columns, rows }: Size,
): readonly Line[] => {
  const place: Place = seen({ at: top, top }, lines.length, rows);
  const from = Math.max(0, Math.min(place.top, Math.max(0, lines.length - rows)));
  return lines
    .slice(from, from + rows)
    .map((line) =>
      search !== "" && hasHit(line, search)
        ? onGround(line, "selected", Math.min(columns, Math.max(1, widthOf(textOf(line)))))
        : line,
    );
};
