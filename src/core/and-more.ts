import { PATHS_LISTED } from "./limits.js";

/** Names that stand for so many. */
export const andMore = (names: readonly string[], total: number): string =>
  names.join(", ") + (total > names.length ? ` and ${total - names.length} more` : "");

/** The first of them, and how many there are beside. */
export const firstAndMore = (names: readonly string[], most = PATHS_LISTED): string =>
  andMore(names.slice(0, most), names.length);
