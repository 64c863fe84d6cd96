import type Database from "better-sqlite3";

/** How many events there are, and how many there were: what is missing without a removal was taken behind our back. */
export type Tally = {
  /** The highest position that was ever given out; runs that were taken out since do not lower it. */
  readonly lastPosition: number;
  readonly events: number;
  /** Events that went with their runs. */
  readonly removed: number;
};

export const lastPosition = (sqlite: Database.Database): number =>
  Number(sqlite.prepare("SELECT seq FROM sqlite_sequence WHERE name = 'events'").pluck().get() ?? 0);

export const tallyOf = (sqlite: Database.Database): Tally => ({
  lastPosition: lastPosition(sqlite),
  events: Number(sqlite.prepare("SELECT count(*) FROM events").pluck().get()),
  removed:
    counted(sqlite) ??
    Number(sqlite.prepare("SELECT coalesce(sum(last_seq), 0) FROM removals").pluck().get()),
});

/** In the transaction that takes them out, before they are gone. */
export const countRemoved = (sqlite: Database.Database, events: number): void => {
  const { lastPosition: last, events: here } = tallyOf(sqlite);
  // Ledgers of before did not count.
  const before = counted(sqlite) ?? last - here;
  sqlite
    .prepare(
      "INSERT INTO meta (key, value) VALUES ('events_removed', @value) ON CONFLICT DO UPDATE SET value = @value",
    )
    .run({ value: String(before + events) });
};

const counted = (sqlite: Database.Database): number | undefined => {
  const value = sqlite.prepare("SELECT value FROM meta WHERE key = 'events_removed'").pluck().get();
  return value === undefined ? undefined : Number(value);
};
