import type Database from "better-sqlite3";
import type { Store } from "./store.js";

/** They stand beside the ledger's other counts: there are a handful, and each is one text that the ledger reads and seals. */
const PREFIX = "sdk_key:";

/** Each question passes the gate of the store. */
export const sdkKeysOf = (
  sqlite: Database.Database,
  call: <T>(work: () => T) => T,
): Pick<Store, "sdkKey" | "sdkKeyIds" | "putSdkKey"> => ({
  sdkKey: async (id) => call(() => textOf(sqlite, id)),
  sdkKeyIds: async () => call(() => idsIn(sqlite)),
  putSdkKey: async (id, text, before) => call(() => put(sqlite, id, text, before)),
});

const textOf = (sqlite: Database.Database, id: string): string | undefined =>
  sqlite.prepare("SELECT value FROM meta WHERE key = ?").pluck().get(`${PREFIX}${id}`) as string | undefined;

const idsIn = (sqlite: Database.Database): readonly string[] => {
  const found = sqlite.prepare("SELECT key FROM meta WHERE substr(key, 1, ?) = ? ORDER BY key").pluck();
  return (found.all(PREFIX.length, PREFIX) as string[]).map((key) => key.slice(PREFIX.length));
};

const put = (sqlite: Database.Database, id: string, text: string, before: string | null): boolean => {
  const at = { key: `${PREFIX}${id}`, text };
  const change =
    before === null
      ? sqlite.prepare("INSERT INTO meta (key, value) VALUES (@key, @text) ON CONFLICT DO NOTHING").run(at)
      : sqlite
          .prepare("UPDATE meta SET value = @text WHERE key = @key AND value = @before")
          .run({ ...at, before });
  return change.changes === 1;
};
