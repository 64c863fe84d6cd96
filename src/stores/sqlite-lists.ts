import {
  and,
  asc,
  type Column,
  count,
  desc,
  eq,
  gt,
  inArray,
  isNotNull,
  isNull,
  lt,
  not,
  or,
  type SQL,
  sql,
} from "drizzle-orm";
import type { BetterSQLite3Database } from "drizzle-orm/better-sqlite3";
import { leases, mirrors, quarantines, runKeys, runs } from "./schema-sqlite.js";
import { live } from "./sqlite-leases.js";
import { GOAL_FUNCTION, type KeptRunRow } from "./sqlite-sealed.js";
import { runRow } from "./sqlite-statements.js";
import type { DueQuery, ListQuery, RunQuery } from "./store.js";

/** Lists come with any mix of filters, so this one is built for each question. */
export const listRuns = (
  db: BetterSQLite3Database,
  query: ListQuery,
  after: number | undefined,
): KeptRunRow[] =>
  db
    .select(runRow)
    .from(runs)
    .leftJoin(quarantines, eq(quarantines.runId, runs.runId))
    .leftJoin(runKeys, eq(runKeys.runId, runs.runId))
    .where(asked(query, after))
    .orderBy(query.due === undefined ? desc(runs.created) : asc(runs.created))
    .limit(query.limit)
    .offset(query.offset ?? 0)
    .all();

/** Who holds the runs for which something can be done by then: few, however many runs there are. */
export const holdersOfDue = (db: BetterSQLite3Database, by: number): string[] =>
  db
    .selectDistinct({ owner: leases.owner })
    .from(runs)
    .innerJoin(leases, eq(leases.runId, runs.runId))
    .where(and(isDue(by), live))
    .all()
    .flatMap(({ owner }) => owner ?? []);

export const countRuns = (db: BetterSQLite3Database, query: RunQuery, after: number | undefined): number =>
  db
    .select({ runs: count() })
    .from(runs)
    .leftJoin(quarantines, eq(quarantines.runId, runs.runId))
    .leftJoin(runKeys, eq(runKeys.runId, runs.runId))
    .where(asked(query, after))
    .get()?.runs ?? 0;

const asked = (query: RunQuery, after: number | undefined): SQL | undefined =>
  and(
    query.statuses && inArray(runs.status, [...query.statuses]),
    query.sessionKey === undefined ? undefined : eq(runs.sessionKey, query.sessionKey),
    query.runnable ? isRunnable : undefined,
    query.claimable ? claimable : undefined,
    query.due && and(isDue(query.due.by), isHeldBy(query.due.heldBy)),
    query.planned === undefined ? undefined : query.planned ? not(isPlanless) : isPlanless,
    query.mirrored === undefined ? undefined : query.mirrored ? isMirrored : not(isMirrored),
    query.quarantined ? isNotNull(quarantines.runId) : undefined,
    query.waiting ? isNotNull(runs.blocker) : undefined,
    query.text === undefined ? undefined : or(contains(goal, query.text), contains(runs.runId, query.text)),
    after === undefined ? undefined : (query.due === undefined ? lt : gt)(runs.created, after),
  );

/** Opened where it is sealed. */
const goal = sql`CASE WHEN ${runKeys.runId} IS NULL THEN ${runs.goal} ELSE ${sql.raw(GOAL_FUNCTION)}(
  ${runs.goal}, ${runKeys.runId}, ${runKeys.ledgerId}, ${runKeys.keyId}, ${runKeys.wrappedBy}, ${runKeys.wrapped}) END`;

/** Not LIKE, which has letters of its own. */
const contains = (column: Column | SQL, text: string): SQL =>
  sql`instr(lower(${column}), lower(${text})) > 0`;

const nobodyHolds = sql`${quarantines.runId} IS NULL
  AND NOT EXISTS (SELECT 1 FROM ${leases} WHERE ${leases.runId} = ${runs.runId} AND ${live})`;

/** The 1 is written out, because the index on it is found by its text. */
const isRunnable = sql`${runs.runnable} = 1`;

/** Each half by its own index, for waiting runs by the thousand must not make a tick slower. */
const isDue = (by: number): SQL => sql`${runs.created} IN (
  SELECT ${runs.created} FROM ${runs} WHERE ${isRunnable}
  UNION ALL SELECT ${runs.created} FROM ${runs} WHERE ${runs.wakeAt} <= ${by})`;

const isHeldBy = (owners: DueQuery["heldBy"]): SQL | undefined =>
  owners === "nobody"
    ? nobodyHolds
    : and(
        isNull(quarantines.runId),
        sql`EXISTS (SELECT 1 FROM ${leases}
          WHERE ${leases.runId} = ${runs.runId} AND ${live} AND ${inArray(leases.owner, [...owners])})`,
      );

const claimable = sql`${isRunnable} AND ${nobodyHolds}`;

const isPlanless = eq(runs.stepsTotal, 0);

const isMirrored = sql`EXISTS (SELECT 1 FROM ${mirrors} WHERE ${mirrors.runId} = ${runs.runId})`;
