import { cp, readdir } from "node:fs/promises";
import { join } from "node:path";
import Database from "better-sqlite3";
import { describe, expect, test } from "vitest";
import { isLedgerError } from "../../src/core/errors.js";
import { openStore } from "../../src/stores/open.js";
import { beginWait, hostRun, mirror, person, sleepCall } from "../helpers/cast.js";
import { AT } from "../helpers/given.js";
import { openedIn, openedOn, temporaryFolder } from "../helpers/ledgers.js";

/** Made by the program of schema version 1 and never changed since: a completed, two paused and a cancelled run. */
const V1 = join(import.meta.dirname, "../fixtures/ledgers/v1.db");
const COMPLETED = "run_01a1fdce86c177be836584c558c9d36b";

/** Made by the program of schema version 2: a completed run, a running one, its fork, a paused one, and one that was taken out. */
const V2 = join(import.meta.dirname, "../fixtures/ledgers/v2.db");
const [V2_FAILED, V2_FORK, V2_GONE] = [
  "run_01a1ff3f35007f0c8fd4cdc382614556",
  "run_01a1ff3f35867c5c86574ac7c303de98",
  "run_01a1ff3f362178b3bfdf9f57af0c256b",
];

/** Made by the program of schema version 3: a completed run, one with an open effect, and a paused one. */
const V3 = join(import.meta.dirname, "../fixtures/ledgers/v3.db");

// What SQLite leaves beside a file that was opened in place is no part of it, and lies there for whoever opens it next.
test("Ledgers of former versions lie there as they were made, each a file of its own", async () => {
  const names = await readdir(join(V1, ".."));
  expect(names.filter((name) => !/^v\d+\.db$/.test(name))).toEqual([]);
});

const oldLedger = async (file = V1): Promise<string> => {
  const folder = await temporaryFolder();
  await cp(file, join(folder, "ledger.db"));
  return folder;
};

test("A ledger of schema version 2 is brought up to date: its runs are driven here, and take commands and hosts' runs", async () => {
  const { ledger, store, tell, host } = await openedIn(await oldLedger(V2));
  const rows = await ledger.list({ limit: 10 });
  expect(rows.map(({ status }) => status)).toEqual(["paused", "running", "running", "completed"]);
  for (const { runId } of rows) {
    const { source, degraded, report, steps } = await ledger.load(runId);
    expect([source, degraded, report, ...steps.map((step) => step.report)]).toEqual([
      null,
      null,
      null,
      null,
      null,
    ]);
  }
  expect(await ledger.list({ mirrored: false, limit: 10 })).toEqual(rows);
  expect((await ledger.load(V2_FORK)).forkedFrom).toMatchObject({ runId: V2_FAILED, seq: 7 });
  expect(await store.removalOf(V2_GONE)).toMatchObject({ archive: null });
  await tell(V2_FORK, { type: "write_note", key: "k", value: "v" }, person);
  const { createdAt } = hostRun();
  await ledger.submit("hosted", mirror({ id: "hosted" }), host, {
    mirror: { projection: "board", hostId: "hosted", createdAt },
  });
  expect(await store.mirrorOf({ projection: "board", hostId: "hosted" })).toMatchObject({ runId: "hosted" });
});

test("A ledger of schema version 3 is brought up to date: its attempts go on, and can wait", async () => {
  const { ledger, store, tell } = await openedIn(await oldLedger(V3));
  const rows = await ledger.list({ limit: 10 });
  expect(rows.map(({ runId, wakeAt }) => [runId, wakeAt])).toEqual([
    ["run_v3_paused", null],
    ["run_v3_open", null],
    ["run_v3_done", null],
  ]);
  const { run } = await tell("run_v3_open", beginWait("a", { ...sleepCall, position: 1 }));
  expect(run.steps[0]?.effects).toMatchObject({
    recorded: 2,
    open: [{ since: AT }],
    waits: [{ position: 1 }],
  });
  expect(await store.nextWake()).toBe(Date.parse(AT) + sleepCall.ms);
});

describe("A ledger of schema version 1", () => {
  test("is brought up to date when it is opened, and nothing it held is lost or rewritten", async () => {
    const folder = await oldLedger();
    const old = new Database(join(folder, "ledger.db"), { readonly: true });
    const events = old.prepare("SELECT seq, version, payload, hash FROM events ORDER BY position").all();
    old.close();
    const { ledger, store } = await openedIn(folder);
    const now = (await store.feed(0, 1_000)).map(({ seq, version, payload, hash }) => ({
      seq,
      version,
      payload,
      hash,
    }));
    expect(now).toEqual(events);
    const runs = await ledger.list({ limit: 10 });
    expect(runs.map(({ status }) => status)).toEqual(["failed", "paused", "paused", "completed"]);
    for (const { runId, lastSeq } of runs) {
      expect((await ledger.load(runId)).seq).toBe(lastSeq);
      expect((await ledger.load(runId)).forkedFrom).toBeNull();
      expect(await ledger.events(runId, 0, 1_000)).toHaveLength(lastSeq);
    }
    expect(await store.findKey("session:old", "key-1")).toMatchObject({ runId: COMPLETED });
  });

  test("goes on as any other: its runs take commands, and a second opening finds it made", async () => {
    const folder = await oldLedger();
    const { ledger, tell } = await openedIn(folder);
    const [, paused] = await ledger.list({ limit: 2 });
    if (paused === undefined) throw new Error("no paused run");
    await tell(paused.runId, { type: "write_note", key: "k", value: "v" }, person);
    const again = await openStore(folder);
    expect((await openedOn(again).ledger.load(paused.runId)).notes).toEqual({ k: "v" });
    await again.close();
  });

  test("may be opened by several at once", async () => {
    const folder = await oldLedger();
    const stores = await Promise.all(Array.from({ length: 4 }, () => openStore(folder)));
    for (const store of stores) {
      expect(await store.list({ limit: 10 })).toHaveLength(4);
      await store.close();
    }
  });

  test("whose upgrade is cut off at any statement is still the old one, and is upgraded the next time", async () => {
    const folder = await oldLedger();
    // A table of the new version in the way makes the upgrade fail in its middle.
    const meddling = new Database(join(folder, "ledger.db"));
    meddling.exec("CREATE TABLE removals (x)");
    meddling.close();
    const failure = await openStore(folder).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(Error);
    expect(isLedgerError(failure) ? failure.code : "store_unavailable").toBe("store_unavailable");
    const mended = new Database(join(folder, "ledger.db"));
    const value = (sql: string) => mended.prepare(sql).pluck().get();
    expect(value("SELECT value FROM meta WHERE key = 'schema_version'")).toBe("1");
    expect(value("SELECT count(*) FROM sqlite_schema WHERE name = 'origins'")).toBe(0);
    mended.exec("DROP TABLE removals");
    mended.close();
    const { ledger } = await openedIn(folder);
    expect(await ledger.list({ limit: 10 })).toHaveLength(4);
  });
});
