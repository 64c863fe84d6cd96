import type Database from "better-sqlite3";
import { metaText, swapMeta } from "./sqlite-meta.js";
import type { Store } from "./store.js";

/** There are a handful, and each is one text that the ledger reads and seals. */
const PREFIX = "sdk_key:";

/** Each question passes the gate of the store. */
export const sdkKeysOf = (
  sqlite: Database.Database,
  call: <T>(work: () => T) => T,
): Pick<Store, "sdkKey" | "sdkKeyIds" | "swapSdkKey"> => ({
  sdkKey: async (id) => call(() => metaText(sqlite, `${PREFIX}${id}`)),
  sdkKeyIds: async () => call(() => idsIn(sqlite)),
  swapSdkKey: async (id, before, after) => call(() => swapMeta(sqlite, `${PREFIX}${id}`, { before, after })),
});

const idsIn = (sqlite: Database.Database): readonly string[] => {
  const found = sqlite.prepare("SELECT key FROM meta WHERE substr(key, 1, ?) = ? ORDER BY key").pluck();
  return (found.all(PREFIX.length, PREFIX) as string[]).map((key) => key.slice(PREFIX.length));
};
