import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { openStore } from "../../src/stores/open.js";
import { batchOf } from "./batches.js";
import { type Built, buildStores, root } from "./built.js";

let built: Built;
let folder: string;

beforeAll(async () => {
  built = await buildStores();
});
afterAll(() => built.remove());
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "runledger-store-"));
});
afterEach(() => rm(folder, { recursive: true }));

describe("several processes on one ledger", () => {
  it("append to it together, and lose and double no event", async () => {
    const names = ["p1", "p2", "p3", "p4"];
    const reports = (await Promise.all(
      names.map((name) => built.run("append-many.mjs", [folder, name, "25"])),
    )) as { ledgerId: string; acknowledged: { runId: string; seq: number; payload: string }[] }[];

    const store = await openStore(folder);
    const kept = (await store.feed(0, 1_000)).map(({ runId, seq, payload }) => ({ runId, seq, payload }));
    await store.close();
    expect(new Set(reports.map(({ ledgerId }) => ledgerId))).toEqual(new Set([store.ledgerId]));
    const acknowledged = reports.flatMap((report) => report.acknowledged);
    expect(acknowledged).toHaveLength(200);
    expect(sorted(kept)).toEqual(sorted(acknowledged));
    const shared = kept.filter(({ runId }) => runId === "shared").map(({ seq }) => seq);
    expect(shared).toEqual(Array.from({ length: 100 }, (_, index) => index + 1));
  });

  it("make new ledgers at the same moment without harm", async () => {
    const perThread = (await built.run("open-together.mjs", [folder])) as string[][];
    for (let ledger = 0; ledger < 10; ledger += 1) {
      const ids = new Set(perThread.map((ends) => ends[ledger]));
      expect([...ids]).toEqual([expect.stringMatching(/^[0-9a-f]{32}$/)]);
    }
  });

  it("wait for each other's transactions", async () => {
    const store = await openStore(folder);
    const file = join(folder, "ledger.db");
    const script = join(root, "test/stores/fixtures/hold-lock.mjs");
    const holder = spawn(process.execPath, [script, file, "300"], { stdio: ["ignore", "pipe", "inherit"] });
    const ended = once(holder, "exit");
    await once(holder.stdout, "data");
    await store.append(batchOf("a", 0));
    const db = new Database(file);
    expect(db.prepare("SELECT value FROM meta WHERE key = 'mark'").pluck().get()).toBe(
      "made while others waited",
    );
    db.close();
    expect(await ended).toEqual([0, null]);
    await store.close();
  });

  it("give up on a process that never lets go, and go on when it does", async () => {
    const store = await openStore(folder);
    const stuck = new Database(join(folder, "ledger.db"));
    stuck.exec("BEGIN IMMEDIATE");
    const outcomes = await Promise.allSettled([store.append(batchOf("a", 0)), store.append(batchOf("b", 0))]);
    expect(outcomes).toMatchObject([
      { reason: { code: "store_unavailable", hint: expect.stringContaining("ledger.db") } },
      { reason: { code: "store_unavailable" } },
    ]);
    stuck.exec("ROLLBACK");
    stuck.close();
    await store.append(batchOf("a", 0));
    expect(await store.feed(0, 10)).toHaveLength(1);
    await store.close();
  });
});

const straceRuns = spawnSync("strace", ["-o", "/dev/null", "true"]).status === 0;

describe.skipIf(!straceRuns)(
  "the syncs of a process (counted by strace, which not every machine has or allows)",
  () => {
    it("are one for each append that was acknowledged, and no more", async () => {
      const syncs = async (appends: number): Promise<number> => {
        const log = join(folder, `${appends}.strace`);
        const counted = `set -- strace -f -e trace=fsync,fdatasync -o '${log}' "$@"`;
        await built.run("append-in-turn.mjs", [join(folder, `${appends}`), `${appends}`], counted);
        return (await readFile(log, "utf8")).match(/ (fsync|fdatasync)\(/g)?.length ?? 0;
      };
      // What opening and closing cost is in both.
      expect((await syncs(120)) - (await syncs(20))).toBe(100);
    });
  },
);

describe("a disk that refuses", () => {
  type Report = {
    readonly acknowledged: number;
    readonly refusal: { readonly code: string; readonly sqlite: string; readonly hint: string };
    readonly afterwards: { readonly read: unknown; readonly append: unknown; readonly claim: unknown };
  };

  it("stops the store, and what was acknowledged is kept", async () => {
    // No file may grow beyond this many blocks of 512 bytes: a write fails as on a broken disk.
    const report = (await built.run("append-until-refused.mjs", [folder], "ulimit -f 2000")) as Report;
    expect(report.refusal).toMatchObject({ code: "store_unavailable", sqlite: "SQLITE_IOERR_WRITE" });
    const stopped = { code: "store_unavailable", message: expect.stringContaining("stopped") };
    expect(report.afterwards).toMatchObject({ read: stopped, append: stopped, claim: stopped });
    expect(report.acknowledged).toBeGreaterThan(5);
    const store = await openStore(folder);
    expect(await store.runRow("a")).toMatchObject({ lastSeq: report.acknowledged });
    expect(await store.read("a", 0, 10_000)).toHaveLength(report.acknowledged);
    await store.close();
  });

  it("gives no lease whose commit failed", async () => {
    const report = await built.run("claim-until-refused.mjs", [folder], "ulimit -f 400");
    expect(report).toMatchObject({ code: "store_unavailable", epoch: expect.any(Number) });
    const store = await openStore(folder);
    expect(await store.leaseOf("a")).toMatchObject({ epoch: (report as { epoch: number }).epoch });
    await store.close();
  });
});

describe("a driver that does not fit", () => {
  /** A package of the driver's name; its code must not even be loaded when the version does not fit. */
  const withDriver = async (version: string, code: string): Promise<unknown> => {
    const modules = join(built.folder, "node_modules");
    await rm(modules, { recursive: true });
    await mkdir(join(modules, "better-sqlite3"), { recursive: true });
    for (const other of ["drizzle-orm", "@noble", "zod"])
      await symlink(join(root, "node_modules", other), join(modules, other));
    const manifest = { name: "better-sqlite3", version, main: "index.js" };
    await writeFile(join(modules, "better-sqlite3", "package.json"), JSON.stringify(manifest));
    await writeFile(join(modules, "better-sqlite3", "index.js"), code);
    try {
      return await built.run("open-once.mjs", [folder]);
    } finally {
      await rm(modules, { recursive: true });
      await symlink(join(root, "node_modules"), modules);
    }
  };

  it.skipIf(Number.parseInt(process.versions.node, 10) >= 22)(
    "is refused before it is loaded, with what to do (skipped on Node 22 and newer, where it fits)",
    async () => {
      expect(await withDriver("13.2.0", "process.exit(139);")).toMatchObject({
        code: "store_unavailable",
        message: expect.stringContaining("13.2.0"),
        hint: expect.stringContaining("better-sqlite3@12"),
      });
    },
  );

  it("asks for a rebuild when its native part is missing", async () => {
    const code =
      "module.exports = class { constructor() { throw new Error('Could not locate the bindings file.'); } };";
    expect(await withDriver("12.11.1", code)).toMatchObject({
      code: "store_unavailable",
      hint: expect.stringContaining("npm rebuild better-sqlite3"),
    });
  });
});

const sorted = (rows: readonly { runId: string; seq: number }[]) =>
  [...rows].sort((a, b) => (a.runId === b.runId ? a.seq - b.seq : a.runId < b.runId ? -1 : 1));
