import {
  and,
  asc,
  type Column,
  eq,
  getTableColumns,
  gt,
  isNotNull,
  max,
  min,
  type Placeholder,
  type SQL,
  sql,
} from "drizzle-orm";
import type { BetterSQLite3Database } from "drizzle-orm/better-sqlite3";
import type { SQLiteTable } from "drizzle-orm/sqlite-core";
import {
  checkpoints,
  events,
  keys,
  leases,
  meta,
  mirrors,
  origins,
  quarantines,
  removals,
  runKeys,
  runs,
  snapshots,
} from "./schema-sqlite.js";
import { compiled, inOrder } from "./sqlite-compiled.js";
import type { SqliteConnection } from "./sqlite-connection.js";
import { live } from "./sqlite-leases.js";
import { proposalCounter } from "./sqlite-proposals.js";
import type { EventRow } from "./store.js";

/** What an append needs. It is the hot path, so the driver runs these without drizzle; see sqlite-compiled.ts. */
export const appendStatements = ({ sqlite, db }: SqliteConnection) => {
  const head = inOrder(
    sqlite,
    db.select(headColumns).from(runs).leftJoin(leases, eq(leases.runId, runs.runId)).where(ofRun),
    ["runId"],
  );
  return {
    head: (runId: string): Head | undefined => headOf(head.values([runId]) as HeadValues | undefined),
    insertRun: compiled(sqlite, db.insert(runs).values(allGiven(runs, "created"))),
    updateRun: compiled(
      sqlite,
      db
        .update(runs)
        .set(allSet(runs, ...FIXED))
        .where(ofRun),
    ),
    /**
     * Takes a run further that is where it is expected to be and is held by whoever speaks, in one statement; changes nothing
     * otherwise. Leaves out what the indexes are made of: most appends change none of it, and each index is one more page to write.
     */
    advanceRun: inOrder(
      sqlite,
      db
        .update(runs)
        .set(allSet(runs, ...FIXED, ...INDEXED))
        .where(and(ofRun, isAsExpected)),
      [
        ...["lastSeq", "lastHash", "updatedAt", "goal", "stepsTotal", "stepsCompleted", "blocker", "runId"],
        ...["expectedSeq", ...INDEXED, "epoch", "epoch"],
      ],
    ),
    insertEvent: inOrder(sqlite, db.insert(events).values(allGiven(events, "position")), [
      ...["runId", "seq", "type", "version", "at", "actorName", "actorRole", "sessionKey", "attempt"],
      ...["payload", "prevHash", "hash"],
    ]),
    insertKey: compiled(sqlite, db.insert(keys).values(allGiven(keys))),
    freeKey: compiled(sqlite, db.delete(keys).where(and(ofKey(), eq(keys.runId, given("runId"))))),
    countProposals: proposalCounter(sqlite),
    insertOrigin: compiled(sqlite, db.insert(origins).values(allGiven(origins))),
    insertMirror: compiled(sqlite, db.insert(mirrors).values(allGiven(mirrors))),
    mirrored: compiled(
      sqlite,
      db
        .select({ runId: mirrors.runId })
        .from(mirrors)
        .where(and(eq(mirrors.projection, given("projection")), eq(mirrors.hostId, given("hostId")))),
    ),
    forgetRemoval: compiled(sqlite, db.delete(removals).where(eq(removals.runId, given("runId")))),
    saveSnapshot: compiled(
      sqlite,
      db
        .insert(snapshots)
        .values(allGiven(snapshots))
        .onConflictDoUpdate({ target: snapshots.runId, set: allExcluded(snapshots, "runId") }),
    ),
  };
};

/** Where a run stands, named as in an event, so that the last event of a batch can take its place. */
export type Head = {
  readonly seq: number;
  readonly hash: string;
  readonly at: string;
  /** Of the lease that holds it; null where nobody does. */
  readonly epoch: number | null;
};

/** What SQLite keeps of a row beside its text, in the table and in the index on run and seq. */
const ROW_BYTES = 60;
/** The run's name is in the index too. */
const rowBytes = sql<number>`coalesce(sum(octet_length(${events.payload}) + 2 * octet_length(${events.runId})
  + octet_length(${events.type}) + octet_length(${events.at}) + octet_length(${events.actorName})
  + octet_length(${events.actorRole}) + octet_length(${events.sessionKey}) + octet_length(${events.prevHash})
  + octet_length(${events.hash}) + ${sql.raw(String(ROW_BYTES))}), 0)`;

/** What happens seldom: runs that are set aside, and runs that go. */
export const housekeepingStatements = (db: BetterSQLite3Database) => ({
  setQuarantine: db
    .insert(quarantines)
    .values(allGiven(quarantines))
    .onConflictDoUpdate({ target: quarantines.runId, set: allExcluded(quarantines, "runId") })
    .prepare(),
  liftQuarantine: db
    .delete(quarantines)
    .where(eq(quarantines.runId, given("runId")))
    .prepare(),
  bytesOfRun: db
    .select({ bytes: rowBytes })
    .from(events)
    .where(eq(events.runId, given("runId")))
    .prepare(),
  anyLease: db.select({ runId: leases.runId }).from(leases).where(live).limit(1).prepare(),
  insertRemoval: db.insert(removals).values(allGiven(removals)).prepare(),
  /** In the order of what refers to what; the events can only follow their removal. */
  leftovers: [
    db.delete(keys).where(eq(keys.scope, given("runId"))),
    ...[leases, snapshots, checkpoints, quarantines, origins, mirrors, events, runs].map((table) =>
      db.delete(table).where(eq(table.runId, given("runId"))),
    ),
  ].map((statement) => statement.prepare()),
});

/** What readers ask. */
export const readStatements = (db: BetterSQLite3Database) =>
  whenAsked({
    ledgerId: () => db.select({ value: meta.value }).from(meta).where(eq(meta.key, "ledger_id")).prepare(),
    eventsOfRun: () =>
      db
        .select(eventColumns)
        .from(events)
        .where(and(eq(events.runId, given("runId")), gt(events.seq, given("afterSeq"))))
        .orderBy(asc(events.seq))
        .limit(given("limit"))
        .prepare(),
    eventsOfAll: () =>
      db
        .select(eventColumns)
        .from(events)
        .where(gt(events.position, given("afterPosition")))
        .orderBy(asc(events.position))
        .limit(given("limit"))
        .prepare(),
    position: () =>
      db
        .select({ position: max(events.position) })
        .from(events)
        .prepare(),
    nextWake: () =>
      db
        .select({ at: min(runs.wakeAt) })
        .from(runs)
        .where(isNotNull(runs.wakeAt))
        .prepare(),
    run: () =>
      db
        .select(runRow)
        .from(runs)
        .leftJoin(quarantines, eq(quarantines.runId, runs.runId))
        .leftJoin(runKeys, eq(runKeys.runId, runs.runId))
        .where(ofRun)
        .prepare(),
    end: () =>
      db.select({ lastSeq: runs.lastSeq, lastHash: runs.lastHash }).from(runs).where(ofRun).prepare(),
    origin: () =>
      db
        .select({ ledgerId: origins.ledgerId, importedAt: origins.importedAt })
        .from(origins)
        .where(eq(origins.runId, given("runId")))
        .prepare(),
    removal: () =>
      db
        .select({
          lastSeq: removals.lastSeq,
          lastHash: removals.lastHash,
          removedAt: removals.removedAt,
          archive: removals.archive,
        })
        .from(removals)
        .where(eq(removals.runId, given("runId")))
        .prepare(),
    created: () => db.select({ created: runs.created }).from(runs).where(ofRun).prepare(),
    key: () =>
      db
        .select({ runId: keys.runId, digest: keys.digest, firstSeq: keys.firstSeq, lastSeq: keys.lastSeq })
        .from(keys)
        .where(ofKey())
        .prepare(),
    snapshot: () =>
      db
        .select({ seq: snapshots.seq, hash: snapshots.hash, shape: snapshots.shape, body: snapshots.body })
        .from(snapshots)
        .where(eq(snapshots.runId, given("runId")))
        .prepare(),
  });

/** By hand and from bare values: replaying a long run is reading rows, and drizzle's own mapping takes as long again. */
export const eventsOf = (values: unknown[][]): EventRow[] =>
  (values as EventValues[]).map(
    ([
      position,
      runId,
      seq,
      type,
      version,
      at,
      name,
      role,
      sessionKey,
      attempt,
      payload,
      prevHash,
      hash,
    ]) => ({
      position,
      runId,
      seq,
      type,
      version,
      at,
      actor: { name, role },
      sessionKey,
      attempt,
      payload,
      prevHash,
      hash,
    }),
  );

/** Each is prepared when it is first asked: a command asks one or two of them, and preparing all takes longer than asking. */
const whenAsked = <Makers extends Readonly<Record<string, () => unknown>>>(makers: Makers) => {
  const statements = {};
  for (const [name, prepare] of Object.entries(makers))
    Object.defineProperty(statements, name, {
      enumerable: true,
      configurable: true,
      get: () => {
        const value = prepare();
        Object.defineProperty(statements, name, { enumerable: true, value });
        return value;
      },
    });
  return statements as { readonly [Name in keyof Makers]: ReturnType<Makers[Name]> };
};

/** What a run keeps from its first event on. */
const FIXED = ["created", "runId", "createdAt"] as const;

/** What indexes of lists are made of. */
const INDEXED = ["status", "sessionKey", "runnable", "wakeAt"] as const;

/** In the order of `HeadValues`. */
const headColumns = {
  seq: runs.lastSeq,
  hash: runs.lastHash,
  at: runs.updatedAt,
  owner: leases.owner,
  epoch: leases.epoch,
};

type HeadValues = [seq: number, hash: string, at: string, owner: string | null, epoch: number | null];

const headOf = (values: HeadValues | undefined): Head | undefined => {
  if (values === undefined) return undefined;
  const [seq, hash, at, owner, epoch] = values;
  return { seq, hash, at, epoch: owner === null ? null : epoch };
};

const given = (name: string): Placeholder => sql.placeholder(name);
const ofKey = () => and(eq(keys.scope, given("scope")), eq(keys.key, given("key")));
const ofRun = eq(runs.runId, given("runId"));
const isAsExpected = sql`${runs.lastSeq} = ${given("expectedSeq")} AND ${runs.status} = ${given("status")}
  AND ${runs.sessionKey} = ${given("sessionKey")} AND ${runs.runnable} = ${given("runnable")} AND ${runs.wakeAt} IS ${given("wakeAt")}
  AND (${given("epoch")} IS NULL OR EXISTS (SELECT 1 FROM ${leases}
    WHERE ${leases.runId} = ${runs.runId} AND ${leases.epoch} = ${given("epoch")} AND ${leases.owner} IS NOT NULL))`;

const { created: _order, ...runColumns } = getTableColumns(runs);
/** A left join without a partner gives null. */
const quarantine = { seq: quarantines.seq, code: quarantines.code };
export const runRow = { ...runColumns, quarantine, key: getTableColumns(runKeys) };

/** In the order of `EventValues`. */
export const eventColumns = {
  position: events.position,
  runId: events.runId,
  seq: events.seq,
  type: events.type,
  version: events.version,
  at: events.at,
  actorName: events.actorName,
  actorRole: events.actorRole,
  sessionKey: events.sessionKey,
  attempt: events.attempt,
  payload: events.payload,
  prevHash: events.prevHash,
  hash: events.hash,
};

type EventColumn = typeof events.$inferSelect;
type EventValues = [
  position: number,
  runId: string,
  seq: number,
  type: EventColumn["type"],
  version: number,
  at: string,
  actorName: string,
  actorRole: EventColumn["actorRole"],
  sessionKey: string,
  attempt: number | null,
  payload: string,
  prevHash: string,
  hash: string,
];

/** A placeholder for every column but those that SQLite fills in, under the column's own name. */
const allGiven = <T extends SQLiteTable, K extends keyof T["$inferInsert"] = never>(
  table: T,
  ...filled: K[]
) =>
  perColumn(table, filled, (name) => given(name)) as Record<Exclude<keyof T["$inferInsert"], K>, Placeholder>;

/** Every column but those that never change takes its new value. */
const allSet = <T extends SQLiteTable>(table: T, ...kept: (keyof T["$inferInsert"])[]) =>
  perColumn(table, kept, (name, column) => sql`${sql.param(given(name), column)}`);

/** The same on a conflict. */
const allExcluded = <T extends SQLiteTable>(table: T, ...kept: (keyof T["$inferInsert"])[]) =>
  perColumn(table, kept, (_, column) => sql`excluded.${sql.identifier(column.name)}`);

const perColumn = <Value extends Placeholder | SQL>(
  table: SQLiteTable,
  without: readonly PropertyKey[],
  make: (name: string, column: Column) => Value,
): Record<string, Value> =>
  Object.fromEntries(
    Object.entries(getTableColumns(table))
      .filter(([name]) => !without.includes(name))
      .map(([name, column]) => [name, make(name, column)]),
  );
