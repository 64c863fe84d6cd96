import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { cp, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { promisify } from "node:util";
import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { openStore } from "../../src/stores/open.js";
import { groupCommitter } from "../../src/stores/sqlite-append.js";
import { auditOn } from "../../src/stores/sqlite-audit.js";
import { connect } from "../../src/stores/sqlite-connection.js";
import { inOurWords } from "../../src/stores/sqlite-errors.js";
import { holdersOfDue, listRuns } from "../../src/stores/sqlite-lists.js";
import { appendStatements, readStatements } from "../../src/stores/sqlite-statements.js";
import type { Lease, RunQuery, Store } from "../../src/stores/store.js";
import { batchOf } from "./batches.js";
import { root } from "./built.js";
import { storeConformance } from "./conformance.js";

storeConformance("sqlite in memory", {
  open: async () => ({
    store: await openStore(":memory:"),
    another: () => openStore(":memory:"),
    damageBlob: async () => {},
    remove: async () => {},
  }),
  skip: {
    "two connections": "memory belongs to one connection",
    "damaged blobs": "nobody else can reach the bytes",
  },
});

storeConformance("sqlite in a folder", {
  open: async () => {
    const folder = await newFolder();
    return {
      store: await openStore(folder),
      another: () => openStore(folder),
      damageBlob: (hash) =>
        writeFile(join(folder, "blobs", hash.slice(0, 2), hash.slice(2, 4), hash), "junk"),
      remove: () => rm(folder, { recursive: true }),
    };
  },
  skip: {},
});

describe("a ledger in a folder", () => {
  let folder: string;
  let file: string;
  const stores: Store[] = [];
  const opened = async (): Promise<Store> => {
    const store = await openStore(folder);
    stores.push(store);
    return store;
  };
  const tampering = <T>(work: (db: Database.Database) => T): T => {
    const db = new Database(file);
    try {
      return work(db);
    } finally {
      db.close();
    }
  };
  beforeEach(async () => {
    folder = join(await newFolder(), ".runledger");
    file = join(folder, "ledger.db");
  });
  afterEach(async () => {
    for (const store of stores.splice(0)) await store.close();
    await rm(join(folder, ".."), { recursive: true });
  });

  it("commits what is asked of many leases in one turn together, each with an answer of its own", async () => {
    const store = await opened();
    const runs = Array.from({ length: 50 }, (_, at) => `run-${at}`);
    await Promise.all(runs.map((runId) => store.append(batchOf(runId, 0))));
    const pagesWritten = async (work: () => Promise<unknown>): Promise<number> => {
      tampering((db) => db.pragma("wal_checkpoint(TRUNCATE)"));
      await work();
      return Math.floor((await stat(`${file}-wal`)).size / 4_096);
    };
    const claim = (runId: string, owner = "me") => store.claim({ runId, owner, ttlMs: 60_000 });
    const all = ["none", ...runs, "run-0"];
    let claimed: readonly PromiseSettledResult<Lease | undefined>[] = [];
    // Each by itself would write its page again.
    expect(
      await pagesWritten(async () => {
        claimed = await Promise.allSettled(all.map((runId, at) => claim(runId, at > 50 ? "you" : "me")));
      }),
    ).toBeLessThan(25);
    expect(claimed[0]).toMatchObject({ status: "rejected", reason: { code: "run_not_found" } });
    expect(claimed.at(-1)).toEqual({ status: "fulfilled", value: undefined });
    const leases = claimed.flatMap((one) => (one.status === "fulfilled" ? (one.value ?? []) : []));
    expect(leases.map(({ runId, owner, epoch }) => [runId, owner, epoch])).toEqual(
      runs.map((runId) => [runId, "me", 1]),
    );
    expect(await pagesWritten(() => Promise.all(leases.map((one) => store.renew(one, 90_000))))).toBeLessThan(
      25,
    );
    expect(await pagesWritten(() => Promise.all(leases.map((one) => store.release(one))))).toBeLessThan(25);
    expect(await store.leaseOf("run-7")).toBeUndefined();
    const last = claim("run-7", "you");
    await store.close();
    expect(await last).toMatchObject({ owner: "you", epoch: 2 });
  });

  it("is private and ignores itself", async () => {
    await opened();
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    expect(await readFile(join(folder, ".gitignore"), "utf8")).toBe("*\n");
  });

  it("keeps every setting that its promises rest on, on every connection", async () => {
    await opened();
    for (let connection = 0; connection < 2; connection += 1) {
      const { sqlite } = await connect(file);
      const read = (name: string) => sqlite.pragma(name, { simple: true });
      expect(
        ["journal_mode", "synchronous", "foreign_keys", "trusted_schema", "secure_delete"].map(read),
      ).toEqual(["wal", 2, 1, 0, 1]);
      expect(["busy_timeout", "fullfsync", "checkpoint_fullfsync"].map(read)).toEqual([5_000, 1, 1]);
      // Memory that every long run would fill.
      expect(read("cache_size")).toBe(-4_000);
      sqlite.close();
    }
  });

  it("has strict tables only", async () => {
    await opened();
    const loose = tampering((db) =>
      db
        .prepare(
          "SELECT name FROM pragma_table_list WHERE schema = 'main' AND strict = 0 AND name NOT GLOB 'sqlite_*'",
        )
        .pluck()
        .all(),
    );
    expect(loose).toEqual(["__drizzle_migrations"]);
  });

  it("refuses to change, delete or replace an event", async () => {
    const store = await opened();
    await store.append(batchOf("a", 0, { count: 3 }));
    const before = await store.read("a", 0, 10);
    const columns =
      "run_id, seq, type, version, at, actor_name, actor_role, session_key, attempt, payload, prev_hash, hash";
    const copy = (position: string, seq: string) =>
      `INSERT OR REPLACE INTO events (position, ${columns})
       SELECT ${position}, ${columns.replace("seq", seq)} FROM events WHERE seq = 2`;
    for (const statement of [
      "UPDATE events SET payload = '{}' WHERE seq = 2",
      "DELETE FROM events WHERE seq = 2",
      "DELETE FROM events",
      copy("position", "seq"),
      copy("99", "seq"),
      copy("position", "4"),
      copy("99", "5"),
    ]) {
      expect(() => tampering((db) => db.exec(statement)), statement).toThrow("events are append-only");
    }
    expect(await store.read("a", 0, 10)).toEqual(before);
  });

  it("refuses a ledger of a newer version and leaves it as it is", async () => {
    await (await opened()).close();
    tampering((db) =>
      db.exec("UPDATE meta SET value = '99' WHERE key = 'schema_version'; PRAGMA journal_mode = DELETE"),
    );
    const before = readFileSync(file);
    await expect(openStore(folder)).rejects.toMatchObject({
      code: "store_version",
      message: expect.stringMatching(/version 99.*knows \d+\./),
      hint: expect.stringContaining("Update runledger"),
    });
    expect(readFileSync(file).equals(before)).toBe(true);
  });

  it("refuses a file that is no database and leaves it as it is", async () => {
    await (await opened()).close();
    await writeFile(file, "Dear diary, today I learned what a header is. ".repeat(50));
    await expect(openStore(folder)).rejects.toMatchObject({
      code: "store_unavailable",
      message: expect.stringContaining("no database"),
    });
    expect(await readFile(file, "utf8")).toContain("Dear diary");
  });

  it("has migrations that say the same as the schema", async () => {
    const out = join(folder, "..", "drizzle");
    await cp(join(root, "drizzle/sqlite"), out, { recursive: true });
    // drizzle-kit takes no absolute folder.
    const args = [
      "generate",
      "--dialect=sqlite",
      "--schema=src/stores/schema-sqlite.ts",
      `--out=${relative(root, out)}`,
    ];
    const { stdout } = await promisify(execFile)(join(root, "node_modules/.bin/drizzle-kit"), args, {
      cwd: root,
    });
    expect(stdout).toContain("No schema changes");
  });

  it("finds what workers ask for every tick by an index", async () => {
    await opened();
    const { sqlite, db } = await connect(file);
    const prepared = vi.spyOn(sqlite, "prepare");
    const planOf = (ask: () => unknown, ...given: (number | string)[]): string => {
      prepared.mockClear();
      ask();
      const [[question]] = prepared.mock.calls as [[string]];
      return JSON.stringify(sqlite.prepare(`EXPLAIN QUERY PLAN ${question}`).all(...given));
    };
    const list = (query: RunQuery) => () => listRuns(db, { ...query, limit: 10 }, undefined);
    const plans = [
      planOf(list({ due: { by: 1_000, heldBy: "nobody" } }), 1_000, 10),
      planOf(list({ due: { by: 1_000, heldBy: ["one"] } }), 1_000, "one", 10),
      planOf(() => holdersOfDue(db, 1_000), 1_000),
    ];
    for (const plan of plans) {
      expect(plan).toContain("INDEX runs_runnable");
      expect(plan).toContain("INDEX runs_waking");
      expect(plan).toContain("SEARCH runs USING INTEGER PRIMARY KEY");
      expect(plan).not.toContain("SCAN leases");
    }
    expect(planOf(list({ claimable: true }), 10)).toContain("USING INDEX runs_runnable");
    sqlite.close();
  });

  it("finds the keys of a run that is erased by an index", async () => {
    await opened();
    const { sqlite } = await connect(file);
    const plan = sqlite.prepare("EXPLAIN QUERY PLAN UPDATE keys SET digest = '' WHERE run_id = ?").all("a");
    expect(JSON.stringify(plan)).toContain("SEARCH keys USING INDEX keys_by_run");
    sqlite.close();
  });

  it("refuses a ledger that has lost its id", async () => {
    await (await opened()).close();
    tampering((db) => db.exec("DELETE FROM meta WHERE key = 'ledger_id'"));
    await expect(openStore(folder)).rejects.toMatchObject({ code: "store_unavailable" });
  });

  it("gives every ledger an id of its own", async () => {
    const memory = await openStore(":memory:");
    expect(memory.ledgerId).not.toBe((await opened()).ledgerId);
    await memory.close();
  });

  it("commits what arrives in one turn of the event loop once, however many there are", async () => {
    const store = await opened();
    await store.append(batchOf("first", 0));
    const before = commitsIn(`${file}-wal`);
    const afterSomeWork = async (index: number) => {
      for (let awaits = 0; awaits < index; awaits += 1) await null;
      return store.append(batchOf(`r${index}`, 0));
    };
    await Promise.all(Array.from({ length: 50 }, (_, index) => afterSomeWork(index)));
    expect(commitsIn(`${file}-wal`) - before).toBe(1);
    for (let seq = 1; seq < 4; seq += 1) await store.append(batchOf("first", seq));
    expect(commitsIn(`${file}-wal`) - before).toBe(4);
  });

  const unwrittenOf = async (count: number, bytes: number): Promise<number> => {
    const store = await opened();
    const payload = "x".repeat(bytes);
    const appends = [];
    for (let at = 0; at < count; at += 1) {
      const batch = batchOf(`r${at}`, 0);
      appends.push(store.append({ ...batch, events: batch.events.map((event) => ({ ...event, payload })) }));
    }
    // In the same turn: nobody has waited for anything yet.
    const written = tampering((db) => db.prepare("SELECT count(*) FROM events").pluck().get());
    await Promise.all(appends);
    expect(tampering((db) => db.prepare("SELECT count(*) FROM events").pluck().get())).toBe(count);
    return count - Number(written);
  };

  it("lets no more wait than it has room for, and drops nothing, however fast somebody appends", async () => {
    expect(await unwrittenOf(5_000, 10)).toBeLessThanOrEqual(4_096);
  });

  it("counts bytes too: a few large ones are as much as many small ones", async () => {
    const large = 1024 * 1024;
    expect(await unwrittenOf(24, large)).toBeLessThanOrEqual(16);
  });

  it("says that the disk is full, undoes the whole group and can go on", async () => {
    await (await opened()).close();
    const connection = await connect(file);
    const { sqlite, db } = connection;
    const commit = groupCommitter(sqlite, { ...readStatements(db), ...appendStatements(connection) });
    const large = batchOf("large", 0);
    const payload = "x".repeat(1_000_000);
    sqlite.pragma("max_page_count = 60");
    const group = [
      batchOf("a", 0),
      { ...large, events: large.events.map((event) => ({ ...event, payload })) },
    ];
    const failure = caught(() => commit([...group, batchOf("b", 0)]));
    expect(inOurWords(failure)).toMatchObject({
      code: "no_space",
      hint: expect.stringContaining("disk space"),
      details: { sqlite: "SQLITE_FULL" },
    });
    expect(sqlite.inTransaction).toBe(false);
    expect(sqlite.prepare("SELECT count(*) FROM events").pluck().get()).toBe(0);
    expect(commit([batchOf("a", 0)])).toMatchObject([{ done: [{ position: 1 }] }]);
    sqlite.close();
  });
});

it("a schema that is damaged while it is checked is told in our words", async () => {
  const folder = await newFolder();
  const file = join(folder, "ledger.db");
  const store = await openStore(folder);
  await store.close();
  const sqlite = new Database(file);
  const audit = auditOn(sqlite, store, null);
  expect(await audit.faultsInSchema()).toEqual([]);
  // What it has read it would not read again.
  sqlite.pragma("shrink_memory");
  const bytes = await readFile(file);
  await writeFile(file, bytes.fill(0xff, sqlite.pragma("page_size", { simple: true }) as number));
  await expect(audit.faultsInSchema()).rejects.toMatchObject({
    name: "LedgerError",
    details: { sqlite: "SQLITE_CORRUPT" },
  });
  sqlite.close();
  await rm(folder, { recursive: true });
});

const newFolder = (): Promise<string> => mkdtemp(join(tmpdir(), "runledger-store-"));

const caught = (work: () => unknown): unknown => {
  try {
    return work();
  } catch (error) {
    return error;
  }
};

/** Frames of a write-ahead log that end a transaction: those that say how large the database is after it. */
const commitsIn = (walFile: string): number => {
  const wal = readFileSync(walFile);
  const frameBytes = 24 + wal.readUInt32BE(8);
  let commits = 0;
  for (let frame = 32; frame + frameBytes <= wal.length; frame += frameBytes) {
    const ofThisLog = wal.subarray(frame + 8, frame + 16).equals(wal.subarray(16, 24));
    if (ofThisLog && wal.readUInt32BE(frame + 4) > 0) commits += 1;
  }
  return commits;
};
