import type Database from "better-sqlite3";
import { keyTree } from "./schema-sqlite.js";
import type { KeptRunKey, SealFacts } from "./seals.js";
import type { SqliteConnection } from "./sqlite-connection.js";

type TreeRow = typeof keyTree.$inferSelect;

const COLUMNS = `run_id AS runId, ledger_id AS ledgerId, key_id AS keyId, wrapped_by AS wrappedBy, wrapped,
  erased_at AS erasedAt`;

const TREE_COLUMNS = "name, key_id AS keyId, wrapped_by AS wrappedBy, wrapped";

/** Of a change of the root that is committed, and whose former root is still to go. */
export type ChangedRoot = { readonly rootId: string; readonly formerRootId: string };

/** Among the ledger's own values: it is there for the moment between a commit and the end of the command. */
const UNSETTLED = "unsettled_root";

export type KeysInFile = ReturnType<typeof keysInFile>;

/** The rows of keys. Each question is prepared when it is first asked. */
export const keysInFile = ({ sqlite, db }: SqliteConnection) => {
  const prepared = new Map<string, Database.Statement>();
  const asked = (text: string): Database.Statement => {
    const known = prepared.get(text);
    if (known !== undefined) return known;
    const statement = sqlite.prepare(text);
    prepared.set(text, statement);
    return statement;
  };
  return {
    key: (runId: string): KeptRunKey | undefined =>
      asked(`SELECT ${COLUMNS} FROM run_keys WHERE run_id = ?`).get(runId) as KeptRunKey | undefined,
    isHere: (runId: string): boolean => asked("SELECT 1 FROM runs WHERE run_id = ?").get(runId) !== undefined,
    /** A run that is here, or was taken out: a key under its name is its own, or it has none. */
    isNamed: (runId: string): boolean =>
      asked(
        "SELECT 1 FROM runs WHERE run_id = @runId UNION ALL SELECT 1 FROM removals WHERE run_id = @runId",
      ).get({ runId }) !== undefined,
    /** What is of no run. */
    dropStray: (runId: string): void => {
      asked(
        `DELETE FROM run_keys WHERE run_id = @runId AND NOT EXISTS (SELECT 1 FROM runs WHERE run_id = @runId)
           AND NOT EXISTS (SELECT 1 FROM removals WHERE run_id = @runId)`,
      ).run({ runId });
    },
    insertKey: (kept: KeptRunKey): void => {
      asked(
        `INSERT INTO run_keys (run_id, ledger_id, key_id, wrapped_by, wrapped, erased_at)
         VALUES (@runId, @ledgerId, @keyId, @wrappedBy, @wrapped, @erasedAt)`,
      ).run(kept);
    },
    destroyKey: (runId: string, at: string): void => {
      asked("UPDATE run_keys SET wrapped = NULL, erased_at = ? WHERE run_id = ?").run(at, runId);
    },
    rewrapKey: ({ runId, wrappedBy, wrapped }: KeptRunKey): void => {
      asked("UPDATE run_keys SET wrapped_by = ?, wrapped = ? WHERE run_id = ?").run(
        wrappedBy,
        wrapped,
        runId,
      );
    },
    /** Those that were not destroyed, so many, in the order of their runs. */
    page: (after: string, limit: number): readonly KeptRunKey[] =>
      asked(
        `SELECT ${COLUMNS} FROM run_keys WHERE run_id > ? AND wrapped IS NOT NULL ORDER BY run_id LIMIT ?`,
      ).all(after, limit) as KeptRunKey[],
    tree: (name: TreeRow["name"]): TreeRow | undefined =>
      asked(`SELECT ${TREE_COLUMNS} FROM key_tree WHERE name = ?`).get(name) as TreeRow | undefined,
    /** Both, as they are at one moment. */
    trees: (): { readonly [N in TreeRow["name"]]: TreeRow | undefined } => {
      const found = asked(`SELECT ${TREE_COLUMNS} FROM key_tree`).all() as TreeRow[];
      const named = (name: TreeRow["name"]): TreeRow | undefined => found.find((row) => row.name === name);
      return { ledger: named("ledger"), tokens: named("tokens") };
    },
    setTree: (row: TreeRow): void => {
      db.insert(keyTree).values(row).onConflictDoUpdate({ target: keyTree.name, set: row }).run();
    },
    unsettled: (): ChangedRoot | undefined => {
      const value = asked("SELECT value FROM meta WHERE key = ?").pluck().get(UNSETTLED);
      return value === undefined ? undefined : (JSON.parse(String(value)) as ChangedRoot);
    },
    setUnsettled: (changed: ChangedRoot | null): void => {
      if (changed === null) asked("DELETE FROM meta WHERE key = ?").run(UNSETTLED);
      else
        asked(
          "INSERT INTO meta (key, value) VALUES (@key, @value) ON CONFLICT DO UPDATE SET value = excluded.value",
        ).run({ key: UNSETTLED, value: JSON.stringify(changed) });
    },
    counts: (): SealFacts["runs"] =>
      asked(
        `SELECT count(run_keys.wrapped) AS sealed, count(run_keys.erased_at) AS erased,
           count(*) - count(run_keys.run_id) AS plain FROM runs LEFT JOIN run_keys USING (run_id)`,
      ).get() as SealFacts["runs"],
  };
};
