import { and, asc, eq, gt, inArray, isNotNull, type SQL, sql } from "drizzle-orm";
import { events, quarantines, runKeys, runs } from "./schema-sqlite.js";
import type { SqliteConnection } from "./sqlite-connection.js";
import { holdersOfDue } from "./sqlite-lists.js";
import { eventColumns, eventsOf } from "./sqlite-statements.js";
import { lastPosition } from "./sqlite-tally.js";
import type { Store } from "./store.js";

/** Questions about all runs at once; each passes the gate of the store. */
export const countedIn = (
  { sqlite, db }: SqliteConnection,
  call: <T>(work: () => T) => T,
): Pick<Store, "feedOf" | "appended" | "standings" | "holdersOfDue"> => ({
  feedOf: async (types, afterPosition, limit) =>
    call(() =>
      eventsOf(
        db
          .select(eventColumns)
          .from(events)
          .where(and(gt(events.position, afterPosition), inArray(events.type, [...types])))
          .orderBy(asc(events.position))
          .limit(limit)
          .values(),
      ),
    ),
  holdersOfDue: async (by) => call(() => holdersOfDue(db, by)),
  appended: async () => call(() => lastPosition(sqlite)),
  standings: async () =>
    call(() =>
      db
        .select({
          runId: runs.runId,
          status: runs.status,
          updatedAt: runs.updatedAt,
          waiting: isSo(isNotNull(runs.blocker)),
          quarantined: isSo(isNotNull(quarantines.runId)),
          erased: isSo(isNotNull(runKeys.erasedAt)),
        })
        .from(runs)
        .leftJoin(quarantines, eq(quarantines.runId, runs.runId))
        .leftJoin(runKeys, eq(runKeys.runId, runs.runId))
        .orderBy(asc(runs.created))
        .all(),
    ),
});

const isSo = (condition: SQL): SQL<boolean> => sql`${condition}`.mapWith(Boolean) as SQL<boolean>;
