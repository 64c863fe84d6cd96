import type Database from "better-sqlite3";

/** Short texts beside the journal, in the table of the ledger's own counts, each under a prefix of its own. */
export const metaText = (sqlite: Database.Database, key: string): string | undefined => {
  const value = sqlite.prepare("SELECT value FROM meta WHERE key = ?").pluck().get(key);
  return value === undefined ? undefined : String(value);
};

/** One statement, so that of two who swap at the same moment one hears that it came too late; undefined before there was any. */
export const swapMeta = (
  sqlite: Database.Database,
  key: string,
  { before, after }: { readonly before: string | undefined; readonly after: string },
): boolean => {
  const swapped =
    before === undefined
      ? sqlite.prepare("INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT DO NOTHING").run(key, after)
      : sqlite.prepare("UPDATE meta SET value = ? WHERE key = ? AND value = ?").run(after, key, before);
  return swapped.changes === 1;
};
