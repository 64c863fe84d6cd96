import { sql } from "drizzle-orm";
import { blob, index, integer, primaryKey, sqliteTable, text, unique } from "drizzle-orm/sqlite-core";
import type { ErrorCode } from "../core/errors.js";
import type { EventType, Role } from "../core/events.js";
import type { RunStatus } from "../core/run.js";
import type { SyncState } from "./store.js";

/** The shape of the file below. A migration that changes it raises it here and in `meta`. */
export const SCHEMA_VERSION = 7;

/** The list row of a run: all that lists show and all that an append must look up before it writes. */
export const runs = sqliteTable(
  "runs",
  {
    /** Order of creation; times of two runs may be equal, and clocks go backwards. */
    created: integer("created").primaryKey(),
    runId: text("run_id").notNull().unique(),
    lastSeq: integer("last_seq").notNull(),
    lastHash: text("last_hash").notNull(),
    createdAt: text("created_at").notNull(),
    updatedAt: text("updated_at").notNull(),
    status: text("status").$type<RunStatus>().notNull(),
    goal: text("goal").notNull(),
    sessionKey: text("session_key").notNull(),
    stepsTotal: integer("steps_total").notNull(),
    stepsCompleted: integer("steps_completed").notNull(),
    blocker: text("blocker"),
    runnable: integer("runnable", { mode: "boolean" }).notNull(),
    /** Milliseconds since 1970 by the ledger's clock. */
    wakeAt: integer("wake_at"),
  },
  (table) => [
    index("runs_by_status").on(table.status, table.created),
    index("runs_by_session").on(table.sessionKey, table.created),
    // A worker asks for these every tick; finished runs must not make that slower.
    index("runs_runnable").on(table.created).where(sql`runnable = 1`),
    // Asked every tick as well; most runs wait for no timer.
    index("runs_waking").on(table.wakeAt).where(sql`wake_at IS NOT NULL`),
  ],
);

/** The journal. Triggers in the migration refuse to change or delete a row of it. */
export const events = sqliteTable(
  "events",
  {
    position: integer("position").primaryKey({ autoIncrement: true }),
    runId: text("run_id")
      .notNull()
      .references(() => runs.runId),
    seq: integer("seq").notNull(),
    type: text("type").$type<EventType>().notNull(),
    version: integer("version").notNull(),
    at: text("at").notNull(),
    actorName: text("actor_name").notNull(),
    actorRole: text("actor_role").$type<Role>().notNull(),
    sessionKey: text("session_key").notNull(),
    attempt: integer("attempt"),
    payload: text("payload").notNull(),
    prevHash: text("prev_hash").notNull(),
    hash: text("hash").notNull(),
  },
  (table) => [
    unique("events_run_seq").on(table.runId, table.seq),
    // How many intents an agent was let through with, in all runs; no other event is in it.
    index("events_let_through").on(table.actorName, table.at).where(sql`type = 'policy_checked'`),
  ],
);

/**
 * One row a run, as long as the run is here: an epoch that was forgotten could be given out twice. It goes with a finished run
 * that is taken out; should that come back, no late write of a former holder fits behind its end.
 */
export const leases = sqliteTable("leases", {
  runId: text("run_id")
    .primaryKey()
    .references(() => runs.runId),
  /** Null after a release. */
  owner: text("owner"),
  epoch: integer("epoch").notNull(),
  /** Milliseconds since 1970 by SQLite's clock. */
  expiresAt: integer("expires_at").notNull(),
});

/** The last fold of a run; older ones can be folded again and are not kept. */
export const snapshots = sqliteTable("snapshots", {
  runId: text("run_id")
    .primaryKey()
    .references(() => runs.runId),
  seq: integer("seq").notNull(),
  hash: text("hash").notNull(),
  shape: integer("shape").notNull(),
  body: text("body").notNull(),
});

/** What the journal says of each is in its `checkpoint_sealed`; here are the bytes alone. */
export const checkpoints = sqliteTable(
  "checkpoints",
  {
    runId: text("run_id")
      .notNull()
      .references(() => runs.runId),
    id: text("id").notNull(),
    bytes: blob("bytes", { mode: "buffer" }).notNull(),
  },
  (table) => [primaryKey({ columns: [table.runId, table.id] })],
);

/** Runs whose journal this program could not read, and where it stopped: lists name them, workers leave them alone. */
export const quarantines = sqliteTable("quarantines", {
  runId: text("run_id")
    .primaryKey()
    .references(() => runs.runId),
  seq: integer("seq").notNull(),
  code: text("code").$type<ErrorCode>().notNull(),
});

/** Where imported runs come from. */
export const origins = sqliteTable("origins", {
  runId: text("run_id")
    .primaryKey()
    .references(() => runs.runId),
  ledgerId: text("ledger_id").notNull(),
  importedAt: text("imported_at").notNull(),
});

/** What is left of runs that were taken out: enough to know an archived one again, and to never mistake another for it. */
export const removals = sqliteTable("removals", {
  runId: text("run_id").primaryKey(),
  lastSeq: integer("last_seq").notNull(),
  lastHash: text("last_hash").notNull(),
  removedAt: text("removed_at").notNull(),
  archive: text("archive"),
});

/** Runs that a host drives, by the host's own names, and how far its table has followed the journal. */
export const mirrors = sqliteTable(
  "mirrors",
  {
    runId: text("run_id")
      .primaryKey()
      .references(() => runs.runId),
    projection: text("projection").notNull(),
    hostId: text("host_id").notNull(),
    /** By the host's clock: the order of its lists. */
    createdAt: text("created_at").notNull(),
    state: text("state").$type<SyncState>().notNull(),
    syncedSeq: integer("synced_seq").notNull(),
    error: text("error"),
    at: text("at").notNull(),
  },
  (table) => [
    unique("mirrors_by_host_id").on(table.projection, table.hostId),
    index("mirrors_in_order").on(table.projection, table.createdAt, table.hostId),
  ],
);

/** What people said of differences between a host's table and the journal. */
export const explanations = sqliteTable("explanations", {
  /** Of the difference: another one is another digest. */
  digest: text("digest").primaryKey(),
  projection: text("projection").notNull(),
  actorName: text("actor_name").notNull(),
  actorRole: text("actor_role").$type<Role>().notNull(),
  reason: text("reason").notNull(),
  at: text("at").notNull(),
});

/** What each client key led to. A key that made a run outlives it, or the same call would make another one. */
export const keys = sqliteTable(
  "keys",
  {
    scope: text("scope").notNull(),
    key: text("key").notNull(),
    runId: text("run_id").notNull(),
    digest: text("digest").notNull(),
    firstSeq: integer("first_seq").notNull(),
    lastSeq: integer("last_seq").notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.scope, table.key] }),
    // Whoever erases a run asks for its keys, which may be few among very many.
    index("keys_by_run").on(table.runId),
  ],
);

/**
 * The keys of sealed runs, each wrapped under the ledger's key. One outlives its run: the archive of that is sealed by it, and
 * whoever erases the run destroys the key alone.
 */
export const runKeys = sqliteTable("run_keys", {
  runId: text("run_id").primaryKey(),
  ledgerId: text("ledger_id").notNull(),
  keyId: text("key_id").notNull(),
  wrappedBy: text("wrapped_by").notNull(),
  /** Null: destroyed. */
  wrapped: text("wrapped"),
  erasedAt: text("erased_at"),
});

/** The ledger's key under the root key, and beside it what tokens are made from, under the ledger's key. */
export const keyTree = sqliteTable("key_tree", {
  name: text("name").$type<"ledger" | "tokens">().primaryKey(),
  keyId: text("key_id").notNull(),
  wrappedBy: text("wrapped_by").notNull(),
  wrapped: text("wrapped").notNull(),
});

/** `ledger_id` and `schema_version`, both written by the migrations. */
export const meta = sqliteTable("meta", {
  key: text("key").primaryKey(),
  value: text("value").notNull(),
});
