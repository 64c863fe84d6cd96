import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import Database from "better-sqlite3";
import type { EffectOutcome } from "../../src/core/effects.js";
import type { Flaw } from "../../src/ledger/verify/flaws.js";
import { type Verification, type VerifyOptions, verifyLedger } from "../../src/ledger/verify/verify.js";
import { ARCHIVE_FOLDER, readArchive } from "../../src/stores/archive.js";
import { fileCheckpoints } from "../../src/stores/checkpoints.js";
import { auditStore, openStore } from "../../src/stores/open.js";
import { fileReceipts } from "../../src/stores/receipts.js";
import { fileSigningKeys } from "../../src/stores/signing-keys.js";
import type { Store } from "../../src/stores/store.js";
import {
  cancel,
  create,
  intend,
  note,
  person,
  planOf,
  propose,
  settle,
  start,
  stepSpec,
} from "../helpers/cast.js";
import { openedOn } from "../helpers/ledgers.js";
import { randomFrom, sweepSeed } from "../helpers/sweep.js";

/** A ledger with something of everything that `verify` looks at; closed, so that its file alone is all of it. */
export const storied = async (folder: string) => {
  const store = await openStore(folder);
  const { tell, ledger } = openedOn(store);
  const patch = await store.putBlob(Buffer.from("the patch"));
  const reply = await store.putBlob(Buffer.from("a long reply"));
  const plan = planOf([stepSpec("a"), stepSpec("b")]);
  const done: EffectOutcome = { kind: "done", value: { kind: "blob", hash: reply, bytes: 12 } };
  await tell("run_1", create(plan));
  await tell("run_1", start("a"));
  await tell("run_1", intend("a", { key: "order-1" }));
  await tell("run_1", settle("a", done, { key: "order-1" }));
  await tell("run_1", intend("a", { key: "order-2", position: 1 }));
  await tell(
    "run_1",
    settle("a", { kind: "failed", error: "no", happened: false }, { key: "order-2", position: 1 }),
  );
  await tell("run_1", propose("a", "größer als ASCII ✓", { patch }));
  const me = ledger.issue(person);
  await ledger.submit("run_2", create(plan), me, { idempotencyKey: "make it" });
  for (let at = 0; at < 100; at += 1) await tell("run_2", note(`n${at}`, `v${at}`), person);
  await ledger.submit("run_2", { type: "write_note", key: "k", value: "v" }, me, {
    idempotencyKey: "note it",
  });
  await tell("run_3", create(plan));
  await tell("run_3", cancel());
  await store.close();
  return { patch, reply };
};

export const sourcesIn = (
  folder: string,
  store: Pick<Store, "ledgerId" | "appended">,
): VerifyOptions["sources"] => ({
  file: fileCheckpoints(join(folder, "checkpoints")),
  key: () => readFile(join(folder, "ledger.key")).catch(() => null),
  receipts: {
    kept: fileReceipts(join(folder, "receipts"), { of: () => null }),
    keys: fileSigningKeys(join(folder, "receipts", "keys"), store),
    version: "",
  },
  archived: (archive) => readArchive(join(folder, ARCHIVE_FOLDER), archive),
});

export const verified = async (folder: string, runId?: string): Promise<Verification> => {
  const audit = await auditStore(folder);
  try {
    const of = runId === undefined ? {} : { runId };
    return await verifyLedger(audit, {
      ...of,
      signal: new AbortController().signal,
      sources: sourcesIn(folder, audit.store),
    });
  } finally {
    await audit.close();
  }
};

/** Without what keeps honest programs from it. */
export const behindTheBack = <T>(folder: string, work: (db: Database.Database) => T): T => {
  const db = new Database(join(folder, "ledger.db"));
  try {
    db.pragma("foreign_keys = OFF");
    db.pragma("synchronous = OFF");
    const triggers = db
      .prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'")
      .all() as readonly { readonly name: string; readonly sql: string }[];
    for (const { name } of triggers) db.exec(`DROP TRIGGER ${name}`);
    const done = work(db);
    for (const { sql } of triggers) db.exec(sql);
    return done;
  } finally {
    db.close();
  }
};

/** One bit of one value. */
export type Flip = {
  readonly table: string;
  readonly column: string;
  readonly row: Readonly<Record<string, unknown>>;
  readonly bit: number;
};

const TABLES = ["events", "runs", "snapshots", "keys"] as const;
/** A number is flipped so far up: beyond it JavaScript could not tell. */
const INTEGER_BITS = 40;

/** Values that say something, by the name of their column. */
export const columnsOf = (db: Database.Database): ReadonlyMap<string, readonly Omit<Flip, "bit">[]> => {
  const columns = new Map<string, Omit<Flip, "bit">[]>();
  for (const table of TABLES)
    for (const row of db.prepare(`SELECT * FROM ${table}`).all() as Record<string, unknown>[])
      for (const column of Object.keys(row)) {
        const value = { table, column, row };
        if (!saysSomething(value)) continue;
        const name = `${table}.${column}`;
        const all = columns.get(name) ?? [];
        all.push(value);
        columns.set(name, all);
      }
  return columns;
};

/** The same ones for the same seed, `size` of them, as many of each column. */
export const someFlips = (db: Database.Database, size: number): readonly Flip[] => {
  const next = randomFrom(sweepSeed);
  const below = (end: number): number => Math.floor(next() * end);
  const columns = [...columnsOf(db).values()];
  return Array.from({ length: size }, (_, at) => {
    const values = columns[at % columns.length] ?? [];
    const value = values[below(values.length)] as Omit<Flip, "bit">;
    return { ...value, bit: below(bitsOf(value)) };
  });
};

const bitsOf = ({ column, row }: Omit<Flip, "bit">): number => {
  const value = row[column];
  if (typeof value === "string") return Buffer.byteLength(value) * 8;
  // Anything but 1 means no.
  return column === "runnable" ? 1 : INTEGER_BITS;
};

const saysSomething = ({ table, column, row }: Omit<Flip, "bit">): boolean => {
  if (row[column] === null || row[column] === "") return false;
  // The order of lists, which checks see when it changes; another number in the same order is the same list.
  if (column === "created") return false;
  // A snapshot of another shape is one that nobody reads.
  if (column === "shape") return false;
  // What a client asked is not in the journal: of its keys only where they lead can be checked.
  const isClients = table === "keys" && row.scope !== "effect:";
  return !isClients || ["scope", "run_id"].includes(column);
};

/** False when the database has another row of that name, so that it cannot be. */
export const flip = (db: Database.Database, { table, column, row, bit }: Flip): boolean => {
  const keys = table === "events" ? ["position"] : table === "keys" ? ["scope", "key"] : ["run_id"];
  const where = keys.map((key) => `${key} = @${key}`).join(" AND ");
  const to = typeof row[column] === "string" ? "CAST(@flipped AS TEXT)" : "@flipped";
  try {
    const values = { ...row, flipped: flipped(row[column], bit) };
    return db.prepare(`UPDATE ${table} SET ${column} = ${to} WHERE ${where}`).run(values).changes === 1;
  } catch (error) {
    if (String((error as { code?: unknown }).code).startsWith("SQLITE_CONSTRAINT")) return false;
    throw error;
  }
};

const flipped = (value: unknown, bit: number): unknown => {
  if (typeof value === "number") return Number(BigInt(value) ^ (1n << BigInt(bit)));
  const bytes = Buffer.from(String(value));
  bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return bytes;
};

/** Tries each on a copy of its own; answers with those that could be tried, and what was said of each. */
export async function* flippedOneByOne(
  folder: string,
  flips: readonly Flip[],
): AsyncGenerator<readonly [Flip, Verification]> {
  const file = join(folder, "ledger.db");
  const whole = await readFile(file);
  for (const one of flips) {
    await writeFile(file, whole);
    if (behindTheBack(folder, (db) => flip(db, one))) yield [one, await verified(folder)];
  }
  await writeFile(file, whole);
}

/** Whether somebody who reads the flaws finds the place: the run, and for an event its number. */
export const namesPlace = (flaws: readonly Flaw[], { table, column, row }: Flip): boolean => {
  const { run_id: runId, seq } = row;
  // Whose name itself is spoilt is named as an orphan.
  if (column === "run_id" && table !== "events") return flaws.length > 0;
  const at = flaws.filter((flaw) => flaw.runId === runId);
  return table === "events" ? at.some((flaw) => flaw.seq === seq) : at.length > 0;
};
