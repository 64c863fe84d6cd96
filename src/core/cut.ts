/**
 * Stands where a text was cut off. Rules shorten texts and know no secrets, so whoever redacts looks in front of this mark for the
 * beginning of one: what is not redacted yet is cut by `cutShort` alone.
 */
export const CUT_MARK = "…";

/** The beginning of a text that is longer than `chars`, the mark among them; no half of a character is left in front of it. */
export const cutShort = (text: string, chars: number): string =>
  text.length <= chars ? text : `${text.slice(0, chars - 1).replace(HALF, "")}${CUT_MARK}`;

const HALF = /[\uD800-\uDBFF]$/;
