import { formatDuration } from "../../index.js";
import { timeOf } from "./describe.js";
import type { Cell } from "./table.js";

export const agoOf = (iso: string): string =>
  `${formatDuration(Math.max(0, Date.now() - Date.parse(iso)))} ago`;

/** How long ago a time was. */
export const agoCell = (iso: string): Cell => ({ text: agoOf(iso), whole: true });

/** A time as recorded; how far away it is where a terminal has no room for that. "–" where there is none. */
export const timeCell = (iso: string | null): Cell =>
  iso === null ? "–" : { text: timeOf(iso), short: awayOf(iso), style: "grey", whole: true };

const awayOf = (iso: string): string => {
  const ahead = Date.parse(iso) - Date.now();
  return ahead > 0 ? `in ${formatDuration(ahead)}` : agoOf(iso);
};

/** When something happened that stands in a row of such: where there is little room without its year and what is below seconds. */
export const eventTimeCell = (iso: string): Cell => {
  const text = timeOf(iso);
  return { text, short: text.slice(5, 19), style: "grey", whole: true };
};
