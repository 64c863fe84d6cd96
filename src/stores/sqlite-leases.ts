import { and, eq, not, type Placeholder, sql } from "drizzle-orm";
import type { BetterSQLite3Database } from "drizzle-orm/better-sqlite3";
import { TIMEOUT_MAX_MS } from "../core/limits.js";
import { leases } from "./schema-sqlite.js";

const given = (name: string): Placeholder => sql.placeholder(name);

/** By SQLite's clock, in the statement itself: what a worker believes about the time decides nothing. */
const now = sql`CAST(round(unixepoch('subsec') * 1000) AS INTEGER)`;
const inTtl = sql`${now} + ${given("ttlMs")}`;
/** More time than a lease is ever given is left only of a clock that was put back since. */
export const live = sql`(${leases.expiresAt} > ${now} AND ${leases.expiresAt} <= ${now} + ${sql.raw(String(TIMEOUT_MAX_MS))})`;
const sameLease = and(
  eq(leases.runId, given("runId")),
  eq(leases.owner, given("owner")),
  eq(leases.epoch, given("epoch")),
);
const leaseRow = {
  runId: leases.runId,
  owner: sql<string>`${leases.owner}`,
  epoch: leases.epoch,
  expiresAt: leases.expiresAt,
};

/** Each is one statement and so one transaction: who finds the lease free is who takes it. */
export const leaseStatements = (db: BetterSQLite3Database) => ({
  claim: db
    .insert(leases)
    .values({ runId: given("runId"), owner: given("owner"), epoch: 1, expiresAt: inTtl })
    .onConflictDoUpdate({
      target: leases.runId,
      set: {
        owner: sql`excluded.owner`,
        epoch: sql`${leases.epoch} + 1`,
        expiresAt: sql`excluded.expires_at`,
      },
      setWhere: sql`${not(live)}
        OR (${leases.owner} = ${given("brokenOwner")} AND ${leases.epoch} = ${given("brokenEpoch")})`,
    })
    .returning(leaseRow)
    .prepare(),
  renew: db
    .update(leases)
    // Not the later of the two: after a clock was put back, the time of before is as much too late as the jump was wide.
    .set({ expiresAt: inTtl })
    .where(sameLease)
    .returning(leaseRow)
    .prepare(),
  // The row stays, so that the next epoch is a higher one.
  release: db.update(leases).set({ owner: null, expiresAt: 0 }).where(sameLease).prepare(),
  current: db
    .select({ ...leaseRow, live: sql<number>`${live}`.mapWith(Boolean) })
    .from(leases)
    .where(and(eq(leases.runId, given("runId")), sql`${leases.owner} IS NOT NULL`))
    .prepare(),
});
