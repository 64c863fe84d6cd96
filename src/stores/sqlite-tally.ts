import type Database from "better-sqlite3";
import type { Tally } from "./store.js";

export const lastPosition = (sqlite: Database.Database): number =>
  Number(sqlite.prepare("SELECT seq FROM sqlite_sequence WHERE name = 'events'").pluck().get() ?? 0);

export const tallyOf = (sqlite: Database.Database): Tally => {
  const [last, events] = [lastPosition(sqlite), countEvents(sqlite)];
  const removed = counted(sqlite) ?? removedAsListed(sqlite);
  return { lastPosition: last, events, removed, firstFree: last === events ? null : firstFree(sqlite) };
};

/** In the transaction that takes them out, before they are gone. */
export const countRemoved = (sqlite: Database.Database, events: number): void => {
  // Ledgers of before did not count.
  const before = counted(sqlite) ?? lastPosition(sqlite) - countEvents(sqlite);
  sqlite
    .prepare(
      "INSERT INTO meta (key, value) VALUES ('events_removed', @value) ON CONFLICT DO UPDATE SET value = @value",
    )
    .run({ value: String(before + events) });
};

const countEvents = (sqlite: Database.Database): number =>
  Number(sqlite.prepare("SELECT count(*) FROM events").pluck().get());

const counted = (sqlite: Database.Database): number | undefined => {
  const value = sqlite.prepare("SELECT value FROM meta WHERE key = 'events_removed'").pluck().get();
  return value === undefined ? undefined : Number(value);
};

const removedAsListed = (sqlite: Database.Database): number =>
  Number(sqlite.prepare("SELECT coalesce(sum(last_seq), 0) FROM removals").pluck().get());

const firstFree = (sqlite: Database.Database): number =>
  Number(
    sqlite
      .prepare(
        `SELECT min(free) FROM (
           SELECT 1 AS free WHERE NOT EXISTS (SELECT 1 FROM events WHERE position = 1)
           UNION ALL SELECT * FROM (
             SELECT here.position + 1 FROM events AS here
             WHERE NOT EXISTS (SELECT 1 FROM events AS next WHERE next.position = here.position + 1)
             ORDER BY here.position LIMIT 1))`,
      )
      .pluck()
      .get(),
  );
