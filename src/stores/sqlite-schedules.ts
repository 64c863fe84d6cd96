import type Database from "better-sqlite3";
import type { ScheduleMark, Store } from "./store.js";

/** They stand beside the ledger's other counts: a table for a handful of rows would be a migration for nothing. */
const PREFIX = "schedule:";

/** Marks of schedules; each question passes the gate of the store. */
export const schedulesOf = (
  sqlite: Database.Database,
  call: <T>(work: () => T) => T,
): Pick<Store, "scheduleMark" | "markSchedule" | "markedSchedules"> => ({
  scheduleMark: async (name) => call(() => markIn(sqlite, name)),
  markSchedule: async (name, mark) => {
    call(() =>
      sqlite
        .prepare(
          "INSERT INTO meta (key, value) VALUES (@key, @value) ON CONFLICT DO UPDATE SET value = excluded.value",
        )
        .run({ key: `${PREFIX}${name}`, value: JSON.stringify(mark) }),
    );
  },
  markedSchedules: async () => call(() => namesIn(sqlite)),
});

const markIn = (sqlite: Database.Database, name: string): ScheduleMark | undefined => {
  const value = sqlite.prepare("SELECT value FROM meta WHERE key = ?").pluck().get(`${PREFIX}${name}`);
  return value === undefined ? undefined : (JSON.parse(String(value)) as ScheduleMark);
};

const namesIn = (sqlite: Database.Database): readonly string[] => {
  const found = sqlite.prepare("SELECT key FROM meta WHERE substr(key, 1, ?) = ? ORDER BY key").pluck();
  return (found.all(PREFIX.length, PREFIX) as string[]).map((key) => key.slice(PREFIX.length));
};
