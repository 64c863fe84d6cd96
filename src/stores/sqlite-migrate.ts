import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type Database from "better-sqlite3";
import { packageFolder } from "./package-folder.js";

/**
 * Applies the migrations that are missing, all of them or none. As drizzle's own migrator does it, but that what went wrong is told:
 * a full disk rolls back by itself, and drizzle then only complains of its own ROLLBACK. Taking the lock first, whoever else makes
 * the same new ledger waits and finds it made.
 */
export const migrate = async (sqlite: Database.Database): Promise<void> => {
  const { readMigrationFiles } = await import("drizzle-orm/migrator");
  const migrations = readMigrationFiles({ migrationsFolder: migrationsFolder() });
  const apply = sqlite.transaction((): void => {
    sqlite.exec(TABLE);
    const newest = sqlite.prepare("SELECT max(created_at) FROM __drizzle_migrations").pluck().get();
    for (const { folderMillis, hash, sql } of migrations) {
      if (newest !== null && Number(newest) >= folderMillis) continue;
      for (const statement of sql) sqlite.exec(statement);
      sqlite
        .prepare("INSERT INTO __drizzle_migrations (hash, created_at) VALUES (?, ?)")
        .run(hash, folderMillis);
    }
  });
  apply.immediate();
};

/** As drizzle makes it: its tools read it too. */
const TABLE = `CREATE TABLE IF NOT EXISTS __drizzle_migrations (
  id SERIAL PRIMARY KEY,
  hash text NOT NULL,
  created_at numeric
)`;

const migrationsFolder = (): string => {
  const here = fileURLToPath(import.meta.url);
  return join(packageFolder("runledger", here), "drizzle", "sqlite");
};
