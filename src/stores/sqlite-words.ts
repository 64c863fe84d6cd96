import type Database from "better-sqlite3";
import type { Store } from "./store.js";

/** They stand beside the ledger's other counts, as marks of schedules do. */
const PREFIX = "word:";

/** Each is one statement, so that of two who swap at the same moment one hears that it came too late. */
export const wordsOf = (
  sqlite: Database.Database,
  call: <T>(work: () => T) => T,
): Pick<Store, "word" | "swapWord"> => ({
  word: async (name) =>
    call(() => {
      const value = sqlite.prepare("SELECT value FROM meta WHERE key = ?").pluck().get(`${PREFIX}${name}`);
      return value === undefined ? undefined : String(value);
    }),
  swapWord: async (name, before, after) =>
    call(() => {
      const key = `${PREFIX}${name}`;
      const swapped =
        before === undefined
          ? sqlite
              .prepare("INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT DO NOTHING")
              .run(key, after)
          : sqlite.prepare("UPDATE meta SET value = ? WHERE key = ? AND value = ?").run(after, key, before);
      return swapped.changes === 1;
    }),
});
