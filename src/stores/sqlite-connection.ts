import { statSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import type Database from "better-sqlite3";
import type { BetterSQLite3Database } from "drizzle-orm/better-sqlite3";
import { LedgerError } from "../core/errors.js";
import { SCHEMA_VERSION } from "./schema-sqlite.js";
import { loadDriver, openFile } from "./sqlite-driver.js";
import { isBusy, isHalfMade } from "./sqlite-errors.js";
import { migrate } from "./sqlite-migrate.js";
import { letShrink } from "./sqlite-space.js";

export type SqliteConnection = {
  readonly sqlite: Database.Database;
  readonly db: BetterSQLite3Database;
};

/** A connection that keeps its promises: every setting that durability rests on is read back, not assumed. */
export const connect = async (file: string): Promise<SqliteConnection> => {
  const driver = await loadDriver();
  // drizzle imports the driver as well, so it must come after the check too.
  const { drizzle } = await import("drizzle-orm/better-sqlite3");
  for (let attempt = 1; ; attempt += 1) {
    const sqlite = openFile(driver, file, { timeout: BUSY_TIMEOUT_MS });
    try {
      // Before anything is written: a newer program may rely on what this one would undo.
      refuseNewerSchema(sqlite);
      letShrink(sqlite);
      applySettings(sqlite);
      bringHome(sqlite, file);
      const db = drizzle(sqlite);
      if (schemaVersion(sqlite) !== SCHEMA_VERSION) await migrate(sqlite);
      return { sqlite, db };
    } catch (error) {
      sqlite.close();
      // Switching a new file to WAL while another opener does the same is refused at once, without the busy timeout.
      if (!isBusy(error) || attempt >= OPENINGS_MAX) throw error;
      await setTimeout(OPENING_PAUSE_MS);
    }
  }
};

/** Reads what is there now; undefined when only another version of this program can, or when it was never finished. */
export const connectToLook = async (file: string): Promise<SqliteConnection | undefined> => {
  const driver = await loadDriver();
  const { drizzle } = await import("drizzle-orm/better-sqlite3");
  const sqlite = openFile(driver, file, { readonly: true, fileMustExist: true, timeout: LOOK_TIMEOUT_MS });
  try {
    if (schemaVersion(sqlite) === SCHEMA_VERSION) return { sqlite, db: drizzle(sqlite) };
  } catch (error) {
    sqlite.close();
    if (isHalfMade(error)) return undefined;
    throw error;
  }
  sqlite.close();
  return undefined;
};

/** Whoever looks in passing does not wait for who works. */
const LOOK_TIMEOUT_MS = 200;

/** Whoever makes the ledger needs a few milliseconds; two seconds of trying again are more than enough. */
const OPENINGS_MAX = 40;
const OPENING_PAUSE_MS = 50;

/** Far longer than any commit of another process takes, and no longer: waiting blocks the heartbeats of leases too. */
const BUSY_TIMEOUT_MS = 5_000;

/**
 * In KiB, of the file's pages kept by each connection. The driver would take 16 MB, filled by every long run in a process that is its
 * host's; what is not among these is still in the system's memory, and an append among 4,000 runs takes as long with either.
 */
const CACHE_KIB = 4_000;

/** Name, what to set, what to read back. The timeout comes first: switching to WAL may already have to wait. */
const SETTINGS: readonly (readonly [name: string, set: string, expected: string | number])[] = [
  ["busy_timeout", String(BUSY_TIMEOUT_MS), BUSY_TIMEOUT_MS],
  ["journal_mode", "WAL", "wal"],
  ["synchronous", "FULL", 2],
  // Elsewhere than on macOS these change nothing; there a plain fsync does not reach the disk.
  ["fullfsync", "ON", 1],
  ["checkpoint_fullfsync", "ON", 1],
  ["foreign_keys", "ON", 1],
  ["trusted_schema", "OFF", 0],
  ["secure_delete", "ON", 1],
  ["cache_size", String(-CACHE_KIB), -CACHE_KIB],
];

const applySettings = (sqlite: Database.Database): void => {
  for (const [name, set, expected] of SETTINGS) {
    sqlite.pragma(`${name} = ${set}`);
    const actual = sqlite.pragma(name, { simple: true });
    const inMemory = sqlite.memory && name === "journal_mode";
    if (actual === expected || inMemory) continue;
    throw new LedgerError("store_unavailable", `SQLite keeps ${name} at ${actual} instead of ${expected}.`, {
      hint: "Put the ledger on a local disk; network folders cannot keep its promises.",
      details: { setting: name, expected, actual },
    });
  }
};

/**
 * Moves what a dead process left in its write-ahead log into the database, and syncs it there. That process may have died of a sync that
 * failed: its last commit can then be read and is not on the disk, no later sync would bring it there, and whatever is committed
 * behind it goes with it when the power does. Where others are at work the log is theirs, and nobody waits.
 */
const bringHome = (sqlite: Database.Database, file: string): void => {
  const log = statSync(`${file}-wal`, { throwIfNoEntry: false });
  if (log !== undefined && log.size > 0) emptyLogAtOnce(sqlite);
};

/** False where somebody else is in it: nobody waits for them. */
export const emptyLogAtOnce = (sqlite: Database.Database): boolean => {
  sqlite.pragma("busy_timeout = 0");
  const busy = sqlite.pragma("wal_checkpoint(TRUNCATE)", { simple: true });
  sqlite.pragma(`busy_timeout = ${BUSY_TIMEOUT_MS}`);
  return busy === 0;
};

const refuseNewerSchema = (sqlite: Database.Database): void => {
  const version = schemaVersion(sqlite);
  if (version <= SCHEMA_VERSION) return;
  throw new LedgerError(
    "store_version",
    `The ledger has schema version ${version}; this program knows ${SCHEMA_VERSION}.`,
    {
      hint: "Update runledger: a newer version has opened this ledger.",
      details: { found: version, known: SCHEMA_VERSION },
    },
  );
};

/** 0 before the first migration. */
const schemaVersion = (sqlite: Database.Database): number => {
  const made = sqlite.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'meta'").get();
  if (made === undefined) return 0;
  return Number(sqlite.prepare("SELECT value FROM meta WHERE key = 'schema_version'").pluck().get());
};
