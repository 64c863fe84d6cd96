import { readFile } from "node:fs/promises";
import { join } from "node:path";
import Database from "better-sqlite3";
import { describe, expect, test } from "vitest";
import { SEALED } from "../../src/core/sealed.js";
import {
  cancel,
  create,
  intend,
  note,
  orchestrator,
  person,
  planOf,
  start,
  stepSpec,
} from "../helpers/cast.js";
import { temporaryFolder } from "../helpers/ledgers.js";
import { openedSealed } from "../helpers/sealed.js";
import { root } from "./built.js";

type Told = { readonly plain: readonly string[]; readonly sealed: readonly string[] };

const namesIn = (cell: string): readonly string[] =>
  [...cell.matchAll(/`(\w+)`/g)].map(([, name = ""]) => name);

/** The table of the documentation: what of each table of the file is plain, and what is sealed. */
const documented = async (): Promise<ReadonlyMap<string, Told>> => {
  const text = await readFile(join(root, "docs/encryption.md"), "utf8");
  const [, body = ""] = text.split(/^\| table +\| kept as it is +\| sealed +\|\n/m);
  const [rows = ""] = body.split("\n\n");
  return new Map(
    rows
      .split("\n")
      .slice(1)
      .map((row) => {
        const [, table = "", plain = "", sealed = ""] = row.split("|");
        const [name = ""] = namesIn(table);
        return [name, { plain: namesIn(plain), sealed: namesIn(sealed) }] as const;
      }),
  );
};

const WORD = "Nightingale";
const goal = `Operation ${WORD}`;

/** Something in every column that a sealed run can fill. */
const filled = async (): Promise<Database.Database> => {
  const folder = await temporaryFolder();
  const { ledger, store, tell } = await openedSealed(folder);
  const client = ledger.issue(orchestrator);
  const plan = { ...planOf([stepSpec("a", { goal })]), goal };
  await ledger.submit("run_1", create(plan, { goal }), client, { idempotencyKey: "call-1" });
  await tell("run_1", start("a"));
  await tell("run_1", intend("a", { key: "order-1", name: WORD }));
  for (let at = 0; at < 100; at += 1) await tell("run_1", note(`n${at}`, `${goal} ${at}`), person);
  await store.checkpoints.put({ runId: "run_1", id: "cp_1" }, Buffer.from(goal));
  await tell("run_1", cancel());
  return new Database(join(folder, "ledger.db"), { readonly: true });
};

const columnsOf = (db: Database.Database, table: string): readonly string[] =>
  (db.pragma(`table_info(${table})`) as { readonly name: string }[]).map(({ name }) => name);

describe("What of a sealed run is kept plain", () => {
  test("is told in full by docs/encryption.md: every column of every table, and none that there is not", async () => {
    const db = await filled();
    const tables = db
      .prepare(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name",
      )
      .pluck()
      .all() as string[];
    const there = Object.fromEntries(tables.map((table) => [table, [...columnsOf(db, table)].sort()]));
    const told = [...(await documented())].map(([table, { plain, sealed }]) => [
      table,
      [...plain, ...sealed].sort(),
    ]);
    expect(Object.fromEntries(told)).toEqual(there);
  });

  test("is what the table says: no sealed column has a value that reads, and no plain one a word of the run", async () => {
    const db = await filled();
    for (const [table, { plain, sealed }] of await documented()) {
      const rows = db.prepare(`SELECT * FROM ${table}`).all() as Record<string, unknown>[];
      for (const column of plain)
        for (const row of rows) expect(`${row[column]}`, `${table}.${column}`).not.toContain(WORD);
      for (const column of sealed)
        for (const row of rows) expect(isSealed(row[column]), `${table}.${column} ${row[column]}`).toBe(true);
    }
    for (const table of ["events", "runs", "snapshots", "checkpoints", "keys", "run_keys", "key_tree"])
      expect(db.prepare(`SELECT count(*) FROM ${table}`).pluck().get(), table).toBeGreaterThan(0);
  });
});

/** Sealed text, sealed bytes, a wrapped key or a tag: nothing that anybody reads. */
const isSealed = (value: unknown): boolean => {
  if (value === null) return true;
  if (Buffer.isBuffer(value)) return !value.includes(WORD);
  const text = String(value);
  return text.startsWith(SEALED) || /^[\w-]{40,}$/.test(text);
};
