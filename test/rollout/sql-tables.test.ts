import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import Database from "better-sqlite3";
import { describe, expect, onTestFinished, test } from "vitest";
import { openSqlTables } from "../../src/rollout/sql-tables.js";
import { temporaryFolder } from "../helpers/ledgers.js";
import { hostRun, hostStep, newRun, projectionSuite } from "./projection-suite.js";

const place = async (): Promise<string> => join(await temporaryFolder(), "host.db");
const opened = async (file: string) => {
  const tables = await openSqlTables({ file });
  onTestFinished(() => tables.close());
  return tables;
};
const bare = (file: string): Database.Database => {
  const db = new Database(file);
  onTestFinished(() => void db.close());
  return db;
};

describe("Workflow tables in SQL", () => {
  projectionSuite(async () => opened(await place()));

  test("are rows that others can ask, in the host's own file", async () => {
    const file = await place();
    const host = bare(file);
    host.exec("CREATE TABLE customers (name TEXT); INSERT INTO customers VALUES ('Ada')");
    await (await opened(file)).save(hostRun("run-1", { descriptor: { a: [1] } }));
    expect(host.prepare("SELECT id, status, descriptor FROM workflow_runs").all()).toEqual([
      { id: "run-1", status: "running", descriptor: '{"a":[1]}' },
    ]);
    expect(host.prepare("SELECT step_id, depends_on FROM workflow_steps ORDER BY ordinal").all()).toEqual([
      { step_id: "build", depends_on: "[]" },
      { step_id: "test", depends_on: '["build"]' },
    ]);
    expect(host.prepare("SELECT name FROM customers").pluck().all()).toEqual(["Ada"]);
  });

  test("show what the host changes by hand", async () => {
    const file = await place();
    const tables = await opened(file);
    await tables.save(hostRun("run-1"));
    bare(file).exec("UPDATE workflow_steps SET status = 'completed' WHERE step_id = 'build'");
    expect((await tables.read("run-1"))?.steps[0]?.status).toBe("completed");
  });

  test("are not made by reading, and a file that is read stays as it is", async () => {
    const file = await place();
    const tables = await opened(file);
    await tables.list({ limit: 1 });
    expect(existsSync(file)).toBe(false);
    bare(file).exec("CREATE TABLE customers (name TEXT)");
    const before = await readFile(file);
    expect(await tables.read("run-1")).toBeUndefined();
    expect(await readFile(file)).toEqual(before);
  });

  test("saved twice are written once", async () => {
    const file = await place();
    const tables = await opened(file);
    await tables.save(hostRun("run-1"));
    const watcher = bare(file);
    const before = watcher.pragma("data_version", { simple: true });
    await tables.save(hostRun("run-1"));
    expect(watcher.pragma("data_version", { simple: true })).toBe(before);
    await tables.save(hostRun("run-1", { status: "paused" }));
    expect(watcher.pragma("data_version", { simple: true })).not.toBe(before);
  });

  test("wait for another process that writes, and hold up nobody meanwhile", async () => {
    const file = await place();
    const tables = await opened(file);
    await tables.save(hostRun("run-1"));
    const other = bare(file);
    other.exec("BEGIN IMMEDIATE");
    let turns = 0;
    const ticking = setInterval(() => {
      turns += 1;
      if (turns === 5) other.exec("COMMIT");
    }, 5);
    onTestFinished(() => clearInterval(ticking));
    await tables.save(hostRun("run-1", { status: "paused" }));
    expect(turns).toBeGreaterThanOrEqual(5);
    expect(await tables.read("run-1")).toMatchObject({ status: "paused" });
  });

  test("give up on a file that stays locked, in words, with nothing half written", async () => {
    const file = await place();
    const tables = await opened(file);
    await tables.save(hostRun("run-1"));
    const other = bare(file);
    other.exec("BEGIN EXCLUSIVE");
    await expect(tables.save(hostRun("run-2"))).rejects.toMatchObject({
      code: "store_unavailable",
      message: expect.stringContaining("host.db cannot be used: database is locked"),
      hint: expect.stringContaining("Find the process"),
    });
    other.exec("COMMIT");
    expect(await tables.read("run-2")).toBeUndefined();
  });

  test("refuse what the schema refuses, and the run stays whole as it was", async () => {
    const tables = await opened(await place());
    await tables.save(hostRun("run-1"));
    const wrong = hostStep("test", { status: "dancing" as "running" });
    await expect(tables.save(hostRun("run-1", { name: "Other", steps: [wrong] }))).rejects.toMatchObject({
      code: "store_unavailable",
    });
    expect(await tables.read("run-1")).toEqual(hostRun("run-1"));
  });

  test("of a newer program are left alone", async () => {
    const file = await place();
    const tables = await opened(file);
    await tables.save(hostRun("run-1"));
    bare(file).exec("UPDATE workflow_meta SET value = '2'");
    await expect(tables.read("run-1")).rejects.toMatchObject({ code: "store_version" });
    await expect(tables.create(newRun())).rejects.toMatchObject({ code: "store_version" });
  });

  test("say so when their folder cannot be made", async () => {
    const file = await place();
    await writeFile(file, "");
    const tables = await opened(join(file, "below", "host.db"));
    await expect(tables.create(newRun())).rejects.toMatchObject({ code: "store_unavailable" });
  });

  test("are no tables in a file that is none", async () => {
    const tables = await opened(join(import.meta.dirname, "sql-tables.test.ts"));
    await expect(tables.read("run-1")).rejects.toMatchObject({ code: "store_unavailable" });
  });
});
