import { existsSync } from "node:fs";
import { readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { sha256 } from "../../src/core/canonical.js";
import { openChildren } from "../../src/core/children.js";
import type { EffectOutcome } from "../../src/core/effects.js";
import { endChild, endOrphan, tellParent } from "../../src/engine/children.js";
import { unnamedBlobs } from "../../src/ledger/housekeeping.js";
import { probeJournals } from "../../src/ledger/quarantine.js";
import { verifyLedger } from "../../src/ledger/verify/verify.js";
import { auditStore, lookAtStore, openStore } from "../../src/stores/open.js";
import { behindTheBack, sourcesIn } from "../faults/damaged.js";
import {
  CHILD,
  cancel,
  create,
  forkOf,
  intend,
  note,
  person,
  planOf,
  SESSION,
  settle,
  start,
  startChild,
  stepSpec,
} from "../helpers/cast.js";
import { openedIn, openedOn, temporaryFolder } from "../helpers/ledgers.js";
import { openedSealed, sealingOf } from "../helpers/sealed.js";
import { batchOf } from "../stores/batches.js";

const SECRET = "Operation Nightingale";
/** After which a blob that nobody names is thrown away. */
const LONG_MS = 1_000 * 3_600_000;
const plan = { ...planOf([stepSpec("a")]), goal: SECRET };

/** Two sealed runs with something of everything that is kept; the second one is over. */
const storied = async (folder: string) => {
  const opened = await openedSealed(folder);
  const { tell, store } = opened;
  await tell("run_1", create(plan));
  for (let at = 0; at < 100; at += 1) await tell("run_1", note(`n${at}`, `${SECRET} ${at}`), person);
  await tell("run_2", create(plan));
  await tell("run_2", note("k", SECRET), person);
  const hash = await store.putBlob(Buffer.from(`${SECRET} in a log`), "run_2");
  await tell("run_2", cancel());
  return { ...opened, hash };
};

const everyByte = async (folder: string): Promise<Buffer> => {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return Buffer.concat(
    await Promise.all(files.map(({ parentPath, name }) => readFile(join(parentPath, name)))),
  );
};

const erased = async ({ store }: Pick<Awaited<ReturnType<typeof storied>>, "store">, runId: string) => {
  const { lastHash } = (await store.runRow(runId)) ?? expect.unreachable();
  await store.erase(runId, { lastHash, at: "2026-01-05T00:00:00.000Z" });
  await store.removeBlobsOf(runId);
};

describe("A sealed run", () => {
  test("is read back as it was told, and none of its words stands in any file", async () => {
    const folder = await temporaryFolder();
    const { ledger, store, hash } = await storied(folder);
    expect((await ledger.load("run_1")).notes.n99).toBe(`${SECRET} 99`);
    const again = await openedSealed(folder);
    expect(await again.ledger.load("run_1")).toEqual(await ledger.load("run_1"));
    expect((await again.ledger.events("run_2", 0, 10)).map(({ type }) => type)).toContain("note_written");
    expect((await again.ledger.feed(0, 500)).length).toBe((await store.position()) as number);
    expect(await store.readSnapshot("run_1")).toMatchObject({ seq: 100 });
    expect(Buffer.from((await store.getBlob(hash, "run_2")) ?? []).toString()).toContain(SECRET);
    expect((await everyByte(folder)).includes(Buffer.from("Nightingale"))).toBe(false);
    expect((await everyByte(folder)).includes(Buffer.from(hash))).toBe(false);
    expect((await stat(join(folder, "ledger.key"))).mode & 0o777).toBe(0o600);
  });

  test("is listed and found by its goal, beside plain ones", async () => {
    const folder = await temporaryFolder();
    const plain = await openedIn(folder);
    await plain.tell("run_0", create(planOf([stepSpec("a")])));
    const { ledger, store } = await storied(folder);
    const shown = (await ledger.list({ limit: 9 })).map(({ runId, goal, seal }) => [runId, goal, seal]);
    expect(shown).toEqual([
      ["run_2", SECRET, "open"],
      ["run_1", SECRET, "open"],
      ["run_0", planOf([]).goal, "plain"],
    ]);
    const found = await store.list({ limit: 9, text: "operation night" });
    expect(found.map(({ runId }) => runId)).toEqual(["run_2", "run_1"]);
    expect(await store.count({ text: "operation night" })).toBe(2);
  });

  test("is sealed when it goes on from a sealed one, also where no new run is", async () => {
    const folder = await temporaryFolder();
    await storied(folder);
    const off = await openedSealed(folder, { isOn: false });
    await off.tell("run_3", forkOf("run_1"));
    await off.tell("run_4", create(plan));
    const seals = (await off.ledger.list({ limit: 2 })).map(({ runId, seal }) => [runId, seal]);
    expect(seals).toEqual([
      ["run_4", "plain"],
      ["run_3", "open"],
    ]);
  });
});

describe("Whoever writes into the file of a sealed run", () => {
  /** As a forger does it who knows the chain, and so all that needs no key. */
  const forge = (folder: string, change: (rows: Row[]) => Row[]): void =>
    behindTheBack(folder, (db) => {
      const rows = db.prepare("SELECT * FROM events WHERE run_id = 'run_1' ORDER BY seq").all() as Row[];
      let prev = "0".repeat(64);
      for (const row of change(rows)) {
        const header = {
          actor: { name: row.actor_name, role: row.actor_role },
          ...{ at: row.at, attempt: row.attempt, prevHash: prev, runId: row.run_id },
          ...{ seq: row.seq, sessionKey: row.session_key, type: row.type, version: row.version },
        };
        const hash = sha256(`${JSON.stringify(header)}\n${row.payload}`);
        db.prepare(
          "UPDATE events SET payload = ?, actor_name = ?, prev_hash = ?, hash = ? WHERE position = ?",
        ).run(...[row.payload, row.actor_name, prev, hash, row.position]);
        prev = hash;
      }
      db.prepare("UPDATE runs SET last_hash = ? WHERE run_id = 'run_1'").run(prev);
      db.prepare("DELETE FROM snapshots WHERE run_id = 'run_1'").run();
    });
  type Row = Record<string, string | number> & { payload: string; seq: number };
  const at = (rows: Row[], seq: number): Row => rows[seq - 1] ?? expect.unreachable();
  const with4 = (over: (row: Row, rows: Row[]) => Partial<Row>) => (rows: Row[]) =>
    rows.map((row) => (row.seq === 4 ? ({ ...row, ...over(row, rows) } as Row) : row));

  test.each([
    ["another row's words", with4((_row, rows) => ({ payload: at(rows, 5).payload }))],
    ["plain words", with4(() => ({ payload: '{"key":"n1","value":"forged"}' }))],
    ["another speaker", with4(() => ({ actor_name: "mallory" }))],
    [
      "one byte of the words",
      with4(({ payload }) => ({
        payload: payload.slice(0, -8) + (payload.at(-8) === "A" ? "B" : "A") + payload.slice(-7),
      })),
    ],
  ])("is refused with run and seq for %s, chain and list forged along", async (_name, change) => {
    const folder = await temporaryFolder();
    await (await storied(folder)).store.close();
    forge(folder, change);
    await rm(join(folder, "ledger.anchor"));
    const { ledger } = await openedSealed(folder);
    await expect(ledger.load("run_1")).rejects.toMatchObject({
      code: "journal_tampered",
      details: { runId: "run_1", seq: 4 },
    });
    expect((await ledger.events("run_1", 0, 10)).map(({ seq }) => seq)).toEqual([1, 2, 3]);
  });

  test("gains nothing by giving a run the key of another one, or by swapping what lists and snapshots say", async () => {
    const folder = await temporaryFolder();
    await (await storied(folder)).store.close();
    behindTheBack(folder, (db) => {
      db.exec("UPDATE runs SET goal = (SELECT goal FROM runs WHERE run_id = 'run_2') WHERE run_id = 'run_1'");
      db.exec("UPDATE snapshots SET body = (SELECT body FROM snapshots WHERE run_id = 'run_2'), seq = 1");
    });
    const { ledger, store } = await openedSealed(folder);
    expect((await store.runRow("run_1"))?.goal).toBe("(damaged)");
    expect((await ledger.load("run_1")).goal).toBe(SECRET);
    await store.close();
    behindTheBack(folder, (db) => {
      for (const column of ["wrapped", "key_id"])
        db.exec(`UPDATE run_keys SET ${column} = (SELECT ${column} FROM run_keys WHERE run_id = 'run_2')`);
    });
    const swapped = await openedSealed(folder);
    await expect(swapped.ledger.load("run_1")).rejects.toMatchObject({ code: "key_unavailable" });
  });
});

describe("Without its root key", () => {
  test("a ledger says which key it lacks; plain runs are read, and new ones made", async () => {
    const folder = await temporaryFolder();
    const plain = await openedIn(folder);
    await plain.tell("run_0", create(planOf([stepSpec("a")])));
    await storied(folder);
    await rename(join(folder, "ledger.key"), join(folder, "elsewhere"));
    const { ledger, tell, store } = await openedSealed(folder, { isOn: false });
    await expect(ledger.load("run_1")).rejects.toMatchObject({
      code: "key_unavailable",
      message: expect.stringMatching(/^The root key [0-9a-f]{16} of this ledger is not here\.$/),
      hint: expect.stringContaining("ledger.key"),
    });
    const shown = (await ledger.list({ limit: 9 })).map(({ goal, seal }) => [goal, seal]);
    expect(shown).toEqual([
      ["(locked)", "locked"],
      ["(locked)", "locked"],
      [planOf([]).goal, "plain"],
    ]);
    expect((await ledger.load("run_0")).seq).toBeGreaterThan(0);
    await tell("run_9", create(plan));
    expect(existsSync(join(folder, "ledger.key"))).toBe(false);
    expect(store.seals.facts()).toMatchObject({ root: { state: "missing" }, runs: { sealed: 2, plain: 2 } });
    // A run that should be sealed is not made plain, nor under a root that the ledger does not know.
    const on = await openedSealed(folder);
    await expect(on.tell("run_10", create(plan))).rejects.toMatchObject({ code: "key_unavailable" });
    await rm(join(folder, "ledger.key"), { force: true });
    await rename(join(folder, "elsewhere"), join(folder, "ledger.key"));
    expect((await ledger.load("run_1")).goal).toBe(SECRET);
  });

  test("another key opens nothing, from wherever it comes", async () => {
    const folder = await temporaryFolder();
    const env = { RUNLEDGER_KEY: "11".repeat(32) };
    const { tell } = await openedSealed(folder, { env });
    await tell("run_1", create(plan));
    expect((await (await openedSealed(folder, { env })).ledger.load("run_1")).goal).toBe(SECRET);
    const printed = { command: ["printf", "%s", Buffer.from("11".repeat(32), "hex").toString("base64")] };
    expect((await (await openedSealed(folder, printed)).ledger.load("run_1")).goal).toBe(SECRET);
    const others = [
      { env: { RUNLEDGER_KEY: "22".repeat(32) } },
      { env: { RUNLEDGER_KEY: "too short" } },
      { command: ["printf", "%s", "22".repeat(32)] },
      { command: ["false"] },
      { command: ["no-such-program-here"] },
      {},
    ];
    for (const other of others) {
      const { ledger } = await openedSealed(folder, other);
      await expect(ledger.load("run_1")).rejects.toMatchObject({ code: "key_unavailable" });
      expect((await ledger.list({ limit: 1 }))[0]?.seal).toBe("locked");
    }
  });

  test("a look in passing shows what it can, and asks nobody", async () => {
    const folder = await temporaryFolder();
    await storied(folder);
    const look = await lookAtStore(folder);
    expect((await look?.list({ limit: 1 }))?.[0]).toMatchObject({ goal: "(locked)", seal: "locked" });
    await look?.close();
    const opened = await lookAtStore(folder, sealingOf(folder));
    expect((await opened?.list({ limit: 1 }))?.[0]).toMatchObject({ goal: SECRET, seal: "open" });
    await opened?.close();
  });
});

describe("What is asked of many sealed runs", () => {
  test("is asked once a run for all of its blobs, when what nobody names is looked for", async () => {
    const { store } = await storied(await temporaryFolder());
    store.seals.keepAhead("run_gone", "run_1");
    for (let at = 0; at < 20; at += 1)
      for (const runId of ["run_1", "run_2", "run_gone"])
        await store.putBlob(Buffer.from(`output ${at}`), runId);
    const asked = vi.spyOn(store, "runRow");
    const unnamed = await unnamedBlobs(store, Date.now() + LONG_MS);
    expect(unnamed.map(({ runId }) => runId)).toEqual(Array.from({ length: 20 }, () => "run_gone"));
    expect(asked.mock.calls.flat().sort()).toEqual(["run_1", "run_2", "run_gone"]);
  });

  test("is asked once of all keys, when each run of many cannot be opened", async () => {
    const folder = await temporaryFolder();
    await (await storied(folder)).store.close();
    behindTheBack(folder, (db) =>
      db.exec("UPDATE run_keys SET wrapped = substr(wrapped, 5) || substr(wrapped, 1, 4)"),
    );
    const audit = await auditStore(folder, sealingOf(folder));
    const facts = vi.spyOn(audit.store.seals, "facts");
    const { signal } = new AbortController();
    const { flaws } = await verifyLedger(audit, { signal, sources: sourcesIn(folder, audit.store) });
    await audit.close();
    expect(flaws.filter(({ message }) => message === "Its key is not as it was kept.")).toHaveLength(2);
    expect(facts).toHaveBeenCalledTimes(1);
  });
});

describe("A family", () => {
  const familyOf = async () => {
    const opened = await openedSealed(await temporaryFolder());
    const { tell, ledger, engine } = opened;
    await tell("parent", create(plan));
    await tell("parent", start("a"));
    await tell("parent", startChild("a"));
    const parent = { runId: "parent", seq: 4, stepId: "a", attempt: 1, position: 0, depth: 1 };
    await ledger.submit(CHILD, create(plan, { child: { parent, sessionKey: SESSION } }), engine);
    /** By another process, after whoever is about to say this has looked. */
    const erasedBefore = (type: string, runId: string) => {
      const { submit } = ledger;
      vi.spyOn(ledger, "submit").mockImplementation(async (to, command, ...rest) => {
        if (command.type === type && to === runId) await erased(opened, runId);
        return submit(to, command, ...rest);
      });
    };
    return { ...opened, erasedBefore };
  };

  test("goes on without a parent that is erased while its child tells it of its end", async () => {
    const { ledger, engine, tell, erasedBefore } = await familyOf();
    await tell("parent", cancel());
    await tell(CHILD, cancel());
    erasedBefore("finish_child", "parent");
    await tellParent({ ledger, engine }, CHILD);
    expect(await ledger.load(CHILD)).toMatchObject({ parentTold: true });
  });

  test("goes on without a child that is erased while its parent ends it, or is told of its end", async () => {
    const { ledger, engine, tell, erasedBefore } = await familyOf();
    await tell("parent", cancel());
    await tell(CHILD, cancel());
    erasedBefore("tell_parent", CHILD);
    await endChild({ ledger, engine }, "parent", CHILD);
    expect(openChildren(await ledger.load("parent"))).toEqual([]);
    const other = await familyOf();
    await other.tell("parent", cancel());
    other.erasedBefore("cancel_run", CHILD);
    await endChild(other, "parent", CHILD);
    expect(openChildren(await other.ledger.load("parent"))).toEqual([]);
  });

  test("leaves a child alone whose parent is erased while somebody looks whether it still waits", async () => {
    const opened = await familyOf();
    const { ledger } = opened;
    await opened.tell("parent", cancel());
    const { load } = ledger;
    vi.spyOn(ledger, "load").mockImplementation(async (runId) => {
      if (runId === "parent") await erased(opened, "parent");
      return load(runId);
    });
    await endOrphan({ ledger }, CHILD);
    expect((await ledger.load(CHILD)).state.status).toBe("running");
  });
});

describe("An erased run", () => {
  test("is nowhere in any file, not even wrapped, and every reader says so, also who knew it before", async () => {
    const folder = await temporaryFolder();
    const first = await storied(folder);
    const other = await openedSealed(folder);
    await other.ledger.load("run_2");
    const key = behindTheBack(folder, (db) =>
      db.prepare("SELECT wrapped FROM run_keys WHERE run_id = 'run_2'").pluck().get(),
    ) as string;
    await erased(first, "run_2");
    for (const { ledger } of [first, other]) {
      const gone = { code: "run_erased", details: { runId: "run_2", erasedAt: "2026-01-05T00:00:00.000Z" } };
      await expect(ledger.load("run_2")).rejects.toMatchObject(gone);
      await expect(ledger.events("run_2", 0, 9)).rejects.toMatchObject({ code: "run_erased" });
      expect((await ledger.list({ limit: 1 }))[0]).toMatchObject({
        goal: "(erased)",
        blocker: null,
        seal: "erased",
      });
      expect((await ledger.load("run_1")).goal).toBe(SECRET);
    }
    await expect(other.tell("run_2", note("k", "v"), person)).rejects.toMatchObject({ code: "run_erased" });
    expect((await everyByte(folder)).includes(Buffer.from(key))).toBe(false);
    expect(await readdir(join(folder, "blobs", "sealed"))).toEqual([]);
    await erased(first, "run_2");
  });

  test("leaves no snapshot, and no word in the row that lists it", async () => {
    const folder = await temporaryFolder();
    const { store } = await storied(folder);
    const left = () =>
      behindTheBack(folder, (db) => ({
        snapshots: db.prepare("SELECT count(*) FROM snapshots WHERE run_id = 'run_1'").pluck().get(),
        goal: db.prepare("SELECT goal FROM runs WHERE run_id = 'run_1'").pluck().get(),
      }));
    expect(left()).toEqual({ snapshots: 1, goal: expect.stringMatching(/./) });
    await erased({ store }, "run_1");
    expect(left()).toEqual({ snapshots: 0, goal: "" });
  });

  test("leaves a feed that goes on behind it", async () => {
    const { ledger, store } = await storied(await temporaryFolder());
    await erased({ store }, "run_2");
    const seen: number[] = [];
    for (let after = 0; after < (await store.position()); ) {
      const read = await ledger.feed(after, 50).catch((error) => error);
      if (Array.isArray(read)) seen.push(...read.map(({ position }) => position));
      after = Array.isArray(read) ? (read.at(-1)?.position ?? after + 1) : read.details.position;
    }
    expect(seen).toHaveLength(102);
  });

  test("must have been sealed, and be as it was looked at", async () => {
    const folder = await temporaryFolder();
    const plain = await openedIn(folder);
    await plain.tell("run_0", create(planOf([stepSpec("a")])));
    const { store } = await storied(folder);
    await expect(erased({ store }, "run_0")).rejects.toMatchObject({ code: "run_not_sealed" });
    await expect(store.erase("run_2", { lastHash: "0".repeat(64), at: "" })).rejects.toMatchObject({
      code: "seq_conflict",
    });
    expect((await store.runRow("run_2"))?.seal).toBe("open");
  });
});

describe("Changing the keys", () => {
  test("reaches every run, however many there are", async () => {
    const folder = await temporaryFolder();
    const { store } = await openedSealed(folder);
    // More than are read at once.
    const runs = Array.from({ length: 1_002 }, (_, at) => `run_${at}`);
    await Promise.all(
      runs.map((runId) => store.append({ ...batchOf(runId, 0), cipher: store.seals.forNew(runId) })),
    );
    expect(store.seals.rotate().runs).toBe(runs.length);
    const again = await openedSealed(folder);
    expect(runs.filter((runId) => again.store.seals.of(runId) === null)).toEqual([]);
  });

  test("leaves what is sealed as it is, and the former root opens nothing any more", async () => {
    const folder = await temporaryFolder();
    const { store } = await storied(folder);
    const other = await openedSealed(folder);
    await other.ledger.load("run_1");
    const tokens = store.seals.tokenKey();
    const former = await readFile(join(folder, "ledger.key"));
    const sealed = behindTheBack(folder, (db) => db.prepare("SELECT payload FROM events").pluck().all());
    const rotated = store.seals.rotate();
    expect(rotated).toMatchObject({ runs: 2 });
    expect(rotated.rootId).not.toBe(rotated.formerRootId);
    expect(await readFile(join(folder, "ledger.key"))).not.toEqual(former);
    expect((await readdir(folder)).filter((name) => name.startsWith("ledger.key"))).toEqual(["ledger.key"]);
    expect(behindTheBack(folder, (db) => db.prepare("SELECT payload FROM events").pluck().all())).toEqual(
      sealed,
    );
    // Who was at work meanwhile goes on, and so do the tokens that were given out.
    await other.tell("run_1", note("after", "rotation"), person);
    await other.tell("run_3", create(plan));
    const fresh = await openedSealed(folder);
    expect((await fresh.ledger.load("run_1")).notes.after).toBe("rotation");
    expect((await fresh.ledger.load("run_3")).goal).toBe(SECRET);
    expect(Buffer.from(fresh.store.seals.tokenKey())).toEqual(Buffer.from(tokens));
    const with_ = (key: Buffer) => ({ env: { RUNLEDGER_KEY: key.toString("hex") } });
    const old = await openedSealed(folder, with_(former));
    await expect(old.ledger.load("run_1")).rejects.toMatchObject({ code: "key_unavailable" });
  });

  test("can take the root out of its file", async () => {
    const folder = await temporaryFolder();
    await (await storied(folder)).store.close();
    const next = "33".repeat(32);
    const { store } = await openedSealed(folder, { env: { RUNLEDGER_NEW_KEY: next } });
    store.seals.rotate();
    const moved = await openedSealed(folder, { env: { RUNLEDGER_KEY: next } });
    expect((await moved.ledger.load("run_1")).goal).toBe(SECRET);
    expect(() => moved.store.seals.rotate()).toThrow(/not in the ledger's file/);
    const left = await openedSealed(folder);
    await expect(left.ledger.load("run_1")).rejects.toMatchObject({ code: "key_unavailable" });
  });

  test("is all or nothing: one key that cannot be opened keeps all as they are", async () => {
    const folder = await temporaryFolder();
    await (await storied(folder)).store.close();
    behindTheBack(folder, (db) => db.exec("UPDATE run_keys SET wrapped = 'AAAA' WHERE run_id = 'run_2'"));
    const { ledger, store } = await openedSealed(folder);
    expect(() => store.seals.rotate()).toThrow(/no key was changed/);
    expect((await ledger.load("run_1")).goal).toBe(SECRET);
    expect((await (await openedSealed(folder)).ledger.load("run_1")).goal).toBe(SECRET);
  });

  test("tokens of before stay right when a ledger is sealed for the first time", async () => {
    const folder = await temporaryFolder();
    const store = await openStore(folder, sealingOf(folder, { isOn: false }));
    const before = Buffer.from(store.seals.tokenKey());
    expect(before).toEqual(await readFile(join(folder, "ledger.key")));
    await store.close();
    const { tell, store: sealed } = await openedSealed(folder);
    await tell("run_1", create(plan));
    expect(Buffer.from(sealed.seals.tokenKey())).toEqual(before);
  });
});

describe("A business key", () => {
  test("of an erased run is still taken", async () => {
    const { tell, store } = await openedSealed(await temporaryFolder());
    const done: EffectOutcome = { kind: "done", value: { kind: "inline", json: '"paid"' } };
    await tell("run_1", create(plan));
    await tell("run_1", start("a"));
    await tell("run_1", intend("a", { key: "order-1" }));
    await tell("run_1", settle("a", done, { key: "order-1" }));
    await tell("run_1", cancel());
    await erased({ store }, "run_1");
    await tell("run_2", create(plan));
    await tell("run_2", start("a"));
    await expect(tell("run_2", intend("a", { key: "order-1" }))).rejects.toMatchObject({
      code: "effect_key_used",
    });
  });
});

test("A store in memory seals too, and a root key from outside leaves no file", async () => {
  const folder = await temporaryFolder();
  const store = await openStore(":memory:", sealingOf(folder, { env: { RUNLEDGER_KEY: "44".repeat(32) } }));
  const { tell, ledger } = openedOn(store);
  await tell("run_1", create(plan));
  const hash = await store.putBlob(Buffer.from(SECRET), "run_1");
  expect(await store.getBlob(hash)).toBeUndefined();
  expect(Buffer.from((await store.getBlob(hash, "run_1")) ?? []).toString()).toBe(SECRET);
  expect(await store.listBlobs()).toMatchObject([{ runId: "run_1" }]);
  expect(await ledger.list({ limit: 1 })).toMatchObject([{ goal: SECRET, seal: "open" }]);
  expect(store.seals.tokenKey()).toHaveLength(32);
  expect(await readdir(folder)).toEqual([]);
  await store.close();
});

test("doctor says that the root key is gone, where runs are sealed under it", async () => {
  const folder = await temporaryFolder();
  const { store, ledger } = await storied(folder);
  expect(await probeJournals(ledger)).toBe("Every journal that was read could be read.");
  await store.close();
  await rename(join(folder, "ledger.key"), join(folder, "elsewhere"));
  await expect(probeJournals((await openedSealed(folder)).ledger)).rejects.toMatchObject({
    code: "key_unavailable",
  });
});
