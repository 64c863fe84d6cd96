import type Database from "better-sqlite3";
import { anchorState } from "./sqlite-anchor.js";
import { loadDriver, openFile } from "./sqlite-driver.js";
import { inOurWords } from "./sqlite-errors.js";
import { migrate } from "./sqlite-migrate.js";
import { tallyOf } from "./sqlite-tally.js";
import type { Audit, KeptKey, Orphan, Store } from "./store.js";

/** The questions of a check, on a connection of its own that only reads. Begins the one moment that all of it is of. */
export const auditOn = (sqlite: Database.Database, store: Store, anchor: string | null): Audit => {
  sqlite.exec("BEGIN");
  // Reads the anchor, then the database, whose moment begins with that: it holds whatever was acknowledged by then.
  const anchored = anchorState(sqlite, { ledgerId: store.ledgerId, file: anchor }, false);
  return {
    store,
    anchored,
    faultsInFile: async (limit) => read(() => faultsInFile(sqlite, limit)),
    faultsInSchema: () => faultsInSchema(sqlite),
    keys: async (query) => read(() => keysOf(sqlite, query)),
    removals: async (query) => read(() => removalsOf(sqlite, query)),
    tally: async () => read(() => tallyOf(sqlite)),
    orphans: async (limit) => read(() => orphansIn(sqlite, limit)),
    close: () => store.close(),
  };
};

const read = <T>(work: () => T): T => {
  try {
    return work();
  } catch (error) {
    throw inOurWords(error);
  }
};

const faultsInFile = (sqlite: Database.Database, limit: number): readonly string[] => {
  const said = sqlite.prepare(`PRAGMA integrity_check(${limit})`).pluck().all() as string[];
  return said.filter((sentence) => sentence !== "ok");
};

/** What keeps rows from being changed, or being there twice, could be taken off; tables of another shape no statement of ours would fit. */
const faultsInSchema = async (sqlite: Database.Database): Promise<readonly string[]> => {
  const made = openFile(await loadDriver(), ":memory:", {});
  try {
    await migrate(made);
    const [expected, found] = [guardsIn(made), read(() => guardsIn(sqlite))];
    const missing = [...expected].flatMap(([name, sql]) =>
      found.get(name) === sql ? [] : [`Its ${name} is ${found.has(name) ? "another one" : "gone"}.`],
    );
    const more = [...found.keys()].filter((name) => name.startsWith("trigger") && !expected.has(name));
    return [...missing, ...more.map((name) => `Its ${name} is none of ours.`)];
  } finally {
    made.close();
  }
};

/** By type and name; those that a table brings along have no text of their own. */
const guardsIn = (sqlite: Database.Database): ReadonlyMap<string, string | null> => {
  const rows = sqlite
    .prepare(
      "SELECT type, name, sql FROM sqlite_schema WHERE type IN ('trigger', 'index') ORDER BY type, name",
    )
    .all() as readonly { readonly type: string; readonly name: string; readonly sql: string | null }[];
  return new Map(rows.map(({ type, name, sql }) => [`${type} ${name}`, sql]));
};

const keysOf = (
  sqlite: Database.Database,
  { runId, after, limit }: Parameters<Audit["keys"]>[0],
): readonly KeptKey[] =>
  sqlite
    .prepare(
      `SELECT scope, key, run_id AS runId, digest, first_seq AS firstSeq, last_seq AS lastSeq FROM keys
       WHERE (scope, key) > (@scope, @key) AND (@runId IS NULL OR run_id = @runId)
       ORDER BY scope, key LIMIT @limit`,
    )
    .all({ scope: after?.scope ?? "", key: after?.key ?? "", runId: runId ?? null, limit }) as KeptKey[];

const removalsOf = (
  sqlite: Database.Database,
  { afterRunId = "", limit }: Parameters<Audit["removals"]>[0],
): Awaited<ReturnType<Audit["removals"]>> =>
  sqlite
    .prepare(
      `SELECT run_id AS runId, last_seq AS lastSeq, last_hash AS lastHash, removed_at AS removedAt, archive
       FROM removals WHERE run_id > @afterRunId ORDER BY run_id LIMIT @limit`,
    )
    .all({ afterRunId, limit }) as Awaited<ReturnType<Audit["removals"]>>;

const orphansIn = (sqlite: Database.Database, limit: number): readonly Orphan[] => {
  const orphans: Orphan[] = [];
  const event = sqlite.prepare("SELECT run_id AS runId, seq FROM events WHERE position = ?");
  for (const { table, rowid } of sqlite.prepare("PRAGMA foreign_key_check").iterate() as Iterable<{
    readonly table: string;
    readonly rowid: number | null;
  }>) {
    const nameless = { runId: null, seq: null };
    const named = table === "events" ? (event.get(rowid) as Omit<Orphan, "table">) : nameless;
    orphans.push({ table, ...named });
    if (orphans.length === limit) break;
  }
  return orphans;
};
