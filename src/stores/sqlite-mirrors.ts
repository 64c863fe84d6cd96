import { and, desc, eq, getTableColumns, inArray, sql } from "drizzle-orm";
import type { BetterSQLite3Database } from "drizzle-orm/better-sqlite3";
import { explanations, mirrors, runs } from "./schema-sqlite.js";
import type { ExplanationRow, MirrorName, MirrorQuery, MirrorRow, SyncState } from "./store.js";

const given = (name: string) => sql.placeholder(name);

/** What a marker says is so only as long as nothing came after it. */
const state = sql<SyncState>`CASE
  WHEN ${mirrors.state} = 'synced' AND ${mirrors.syncedSeq} < ${runs.lastSeq} THEN 'pending'
  ELSE ${mirrors.state} END`;
const mirrorRow = { ...getTableColumns(mirrors), state, lastSeq: runs.lastSeq };
const ofRun = eq(runs.runId, mirrors.runId);

/** Runs of hosts: who they are to their host, and how far its table has come. */
export const mirrorStatements = (db: BetterSQLite3Database) => ({
  mirrorByRun: db
    .select(mirrorRow)
    .from(mirrors)
    .innerJoin(runs, ofRun)
    .where(eq(mirrors.runId, given("runId")))
    .prepare(),
  mirrorByHostId: db
    .select(mirrorRow)
    .from(mirrors)
    .innerJoin(runs, ofRun)
    .where(and(eq(mirrors.projection, given("projection")), eq(mirrors.hostId, given("hostId"))))
    .prepare(),
  markSync: db
    .update(mirrors)
    .set({
      state: sql`${given("state")}`,
      syncedSeq: sql`${given("syncedSeq")}`,
      error: sql`${given("error")}`,
      at: sql`${given("at")}`,
    })
    .where(eq(mirrors.runId, given("runId")))
    .prepare(),
  count: db
    .select({ state, runs: sql<number>`count(*)` })
    .from(mirrors)
    .innerJoin(runs, ofRun)
    .where(eq(mirrors.projection, given("projection")))
    .groupBy(state)
    .prepare(),
  explain: db
    .insert(explanations)
    .values({
      digest: given("digest"),
      projection: given("projection"),
      actorName: given("actorName"),
      actorRole: given("actorRole"),
      reason: given("reason"),
      at: given("at"),
    })
    .onConflictDoUpdate({
      target: explanations.digest,
      set: {
        actorName: sql`excluded.actor_name`,
        actorRole: sql`excluded.actor_role`,
        reason: sql`excluded.reason`,
        at: sql`excluded.at`,
      },
    })
    .prepare(),
  explanation: db
    .select()
    .from(explanations)
    .where(eq(explanations.digest, given("digest")))
    .prepare(),
});

type Statements = ReturnType<typeof mirrorStatements>;

export const mirrorOf = (statements: Statements, by: MirrorName): MirrorRow | undefined =>
  "runId" in by ? statements.mirrorByRun.get(by) : statements.mirrorByHostId.get(by);

export const listMirrors = (db: BetterSQLite3Database, query: MirrorQuery): MirrorRow[] =>
  db
    .select(mirrorRow)
    .from(mirrors)
    .innerJoin(runs, ofRun)
    .where(
      and(
        eq(mirrors.projection, query.projection),
        query.statuses && inArray(runs.status, [...query.statuses]),
        query.after &&
          sql`(${mirrors.createdAt}, ${mirrors.hostId}) < (${query.after.createdAt}, ${query.after.hostId})`,
      ),
    )
    .orderBy(desc(mirrors.createdAt), desc(mirrors.hostId))
    .limit(query.limit)
    .all();

export const countMirrors = (
  statements: Statements,
  projection: string,
): Readonly<Record<SyncState, number>> => {
  const counts = { synced: 0, pending: 0, degraded: 0 };
  for (const { state, runs } of statements.count.all({ projection })) counts[state] = runs;
  return counts;
};

export const explanationOf = (statements: Statements, digest: string): ExplanationRow | undefined => {
  const row = statements.explanation.get({ digest });
  if (row === undefined) return undefined;
  const { actorName: name, actorRole: role, ...rest } = row;
  return { ...rest, by: { name, role } };
};
