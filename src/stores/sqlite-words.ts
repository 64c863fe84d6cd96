import type Database from "better-sqlite3";
import { metaText, swapMeta } from "./sqlite-meta.js";
import type { Store } from "./store.js";

const PREFIX = "word:";

/** Each question passes the gate of the store. */
export const wordsOf = (
  sqlite: Database.Database,
  call: <T>(work: () => T) => T,
): Pick<Store, "word" | "swapWord"> => ({
  word: async (name) => call(() => metaText(sqlite, `${PREFIX}${name}`)),
  swapWord: async (name, before, after) =>
    call(() => swapMeta(sqlite, `${PREFIX}${name}`, { before, after })),
});
