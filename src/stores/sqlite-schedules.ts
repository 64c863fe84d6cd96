import type Database from "better-sqlite3";
import type { ScheduleMark } from "./store.js";

/** They stand beside the ledger's other counts: a table for a handful of rows would be a migration for nothing. */
const keyOf = (name: string): string => `schedule:${name}`;

export const scheduleMark = (sqlite: Database.Database, name: string): ScheduleMark | undefined => {
  const value = sqlite.prepare("SELECT value FROM meta WHERE key = ?").pluck().get(keyOf(name));
  return value === undefined ? undefined : (JSON.parse(String(value)) as ScheduleMark);
};

export const markSchedule = (sqlite: Database.Database, name: string, mark: ScheduleMark): void => {
  sqlite
    .prepare(
      "INSERT INTO meta (key, value) VALUES (@key, @value) ON CONFLICT DO UPDATE SET value = excluded.value",
    )
    .run({ key: keyOf(name), value: JSON.stringify(mark) });
};
