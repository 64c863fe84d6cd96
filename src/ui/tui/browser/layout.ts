import type { Size } from "../kit/line.js";

/** With fewer rows a list needs them all. */
const ROWS_FOR_HEAD = 10;
/** From here there is room for what is chosen beside the list. */
const WIDE = 150;

export const hasHead = ({ rows }: Size): boolean => rows >= ROWS_FOR_HEAD;

/** Rows left for a list below a head of so many lines. */
export const listRows = (size: Size, head: number): number =>
  Math.max(1, size.rows - (hasHead(size) ? head : 0));

/** Columns for what is chosen; 0 where there is no room for it. */
export const paneWidth = (columns: number): number => (columns >= WIDE ? Math.floor(columns * 0.42) : 0);
