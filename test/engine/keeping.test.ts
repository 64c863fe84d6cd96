import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { readdir, readFile, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import Database from "better-sqlite3";
import { afterEach, describe, expect, test, vi } from "vitest";
import type { AgentFunction, Run, RunLedger } from "../../src/index.js";
import { openPrivateStore } from "../../src/pev/git.js";
import { dropRun } from "../../src/pev/objects.js";
import {
  buggySum,
  FIXED_SUM,
  makeSample,
  onePlan,
  person,
  type Sample,
  SESSION,
} from "../helpers/project.js";

const samples: Sample[] = [];
afterEach(async () => {
  vi.useRealTimers();
  for (const sample of samples.splice(0)) await sample.dispose();
});

const sample = async (): Promise<Sample> => {
  const made = await makeSample(buggySum);
  samples.push(made);
  return made;
};

const fixes: AgentFunction = async ({ workspace }) => {
  await writeFile(join(workspace, "src/sum.mjs"), FIXED_SUM);
  return "fixed";
};

/** Two steps, the second of which is judged by what it writes itself. */
const twoSteps = onePlan().steps.concat([
  {
    id: "readme",
    goal: "Say how",
    owner_agent: "writer",
    depends_on: ["sum"],
    max_retries: 0,
    validator: { type: "command_pass", target: "test -f README.md" },
  } as never,
]);

const create = (app: RunLedger, plan: unknown): Promise<Run> =>
  app.createRun(person(app), { plan, sessionKey: SESSION, originalRequest: "try" });

const driven = async (app: RunLedger, plan: unknown): Promise<Run> =>
  (await app.drive((await create(app, plan)).runId)).run;

const hoursLater = (hours: number): void => {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + hours * 3_600_000 });
};

const bundleOf = async (app: RunLedger, runId: string): Promise<Buffer> => {
  const lines: string[] = [];
  for await (const line of app.exportRun(runId)) lines.push(line);
  return Buffer.from(lines.join(""));
};

async function* inPieces(bytes: Buffer): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 1_000) yield bytes.subarray(at, at + 1_000);
}

describe("A fork", () => {
  test("goes on with the verified work of a run that failed, in a workspace that holds it", async () => {
    const shop = await sample();
    const lazy = await shop.open({ coder: fixes, writer: () => "done" });
    const failed = await driven(lazy, { goal: "two", steps: twoSteps });
    await lazy.ledger.submit(failed.runId, { type: "cancel_run", reason: "no" }, person(lazy));
    let seen = "";
    const app = await shop.open({
      coder: () => Promise.reject(new Error("its work is done")),
      writer: async ({ workspace }) => {
        seen = await readFile(join(workspace, "src/sum.mjs"), "utf8");
        await writeFile(join(workspace, "README.md"), "add up\n");
        return "written";
      },
    });
    const fork = await app.fork(person(app), { runId: failed.runId });
    expect(fork).toMatchObject({ forkedFrom: { runId: failed.runId }, head: failed.head });
    const { action: _none, ...retry } = { action: 0, type: "apply_policy", stepId: "readme" } as const;
    const decision = { action: "retry", fresh: true } as const;
    await app.ledger.submit(fork.runId, { ...retry, decision, reason: "again" }, person(app));
    const resume = { type: "resume_run", reason: "", overrideStale: true } as const;
    if (fork.state.status === "paused") await app.ledger.submit(fork.runId, resume, person(app));
    const { run } = await app.drive(fork.runId);
    expect(run.state.status).toBe("completed");
    expect(seen).toBe(FIXED_SUM);
    expect(await app.patch(fork.runId)).toHaveLength(2);
    expect((await app.ledger.load(failed.runId)).state.status).toBe("failed");
  });

  test("keeps its commits when the other run goes, and is made once for one key", async () => {
    const shop = await sample();
    const app = await shop.open({ coder: fixes });
    const { runId } = await driven(app, onePlan());
    const forking = { runId, seq: 3, idempotencyKey: "once" };
    const fork = await app.fork(person(app), forking);
    expect((await app.fork(person(app), forking)).runId).toBe(fork.runId);
    await expect(app.fork(person(app), { ...forking, seq: 2 })).rejects.toMatchObject({
      code: "idempotency_key_reused",
    });
    hoursLater(2);
    expect((await app.prune({ keep: 0 })).runs).toHaveLength(1);
    await app.collectGarbage();
    const { run } = await app.drive(fork.runId);
    expect(run.state.status).toBe("completed");
  });

  test("that is refused leaves no name behind in the store of commits", async () => {
    const shop = await sample();
    const app = await shop.open({ coder: fixes });
    const { runId, seq } = await driven(app, onePlan());
    const refs = () =>
      shop.git("--git-dir", join(app.dataDir, "store.git"), "for-each-ref", "--format=%(refname)");
    const before = refs();
    for (const wrong of [
      { runId, seq },
      { runId, seq: 999 },
    ])
      await expect(app.fork(person(app), wrong)).rejects.toMatchObject({ name: "LedgerError" });
    await expect(app.fork(person(app), { runId: "run_none" })).rejects.toMatchObject({
      code: "run_not_found",
    });
    expect(refs()).toBe(before);
    expect(await app.ledger.list({ limit: 9 })).toHaveLength(1);
  });
});

describe("A run that is exported and imported", () => {
  /** The same project somewhere else, with a ledger of its own. */
  const elsewhere = async (shop: Sample): Promise<Sample> => {
    const other = await sample();
    other.git("fetch", "--quiet", shop.repo, "main");
    other.git("reset", "--quiet", "--hard", "FETCH_HEAD");
    return other;
  };

  test("is there with its chain, its output and its commits, and says where it came from", async () => {
    const shop = await sample();
    const app = await shop.open({ coder: fixes });
    const { runId } = await driven(app, onePlan());
    const other = await elsewhere(shop);
    const there = await other.open();
    const bundle = await bundleOf(app, runId);
    const done = await there.importRun(person(there), inPieces(bundle));
    expect(done).toMatchObject({ arrived: true, commits: "here", run: { state: { status: "completed" } } });
    const plain = async (from: RunLedger) =>
      (await from.ledger.store.read(runId, 0, 100)).map(({ position: _position, ...row }) => row);
    expect(await plain(there)).toEqual(await plain(app));
    expect((await there.view(runId)).origin).toMatchObject({ ledgerId: app.ledger.store.ledgerId });
    expect((await there.patch(runId)).map(({ bytes }) => String(bytes))).toEqual(
      (await app.patch(runId)).map(({ bytes }) => String(bytes)),
    );
    const { verdict } = await there.logs(runId, "sum");
    expect(verdict?.log && (await there.ledger.store.getBlob(verdict.log))).toBeTruthy();
    expect((await there.apply(runId)).applied).toHaveLength(1);
    const again = await there.importRun(person(there), inPieces(bundle));
    expect(again).toMatchObject({ arrived: false });
    const second = JSON.parse((await bundleOf(there, runId)).toString().split("\n")[0] ?? "");
    expect(second.ledgerId).toBe(app.ledger.store.ledgerId);
  });

  test("changes no commit of a run that is here, and keeps its own although somebody cleans up meanwhile", async () => {
    const shop = await sample();
    const app = await shop.open({ coder: fixes });
    const { runId } = await driven(app, onePlan());
    const bundle = await bundleOf(app, runId);
    const refsOf = (dataDir: string) =>
      execFileSync("git", ["--git-dir", join(dataDir, "store.git"), "for-each-ref"], { encoding: "utf8" });
    const before = refsOf(app.dataDir);
    const head = execFileSync("git", ["-C", shop.repo, "commit-tree", "HEAD^{tree}", "-m", "another"], {
      encoding: "utf8",
    }).trim();
    const doctored = bundle.toString().replace(/"origin":"[0-9a-f]{40}"/, `"origin":"${head}"`);
    await app.importRun(person(app), inPieces(Buffer.from(doctored)));
    expect(refsOf(app.dataDir)).toBe(before);

    const there = await (await elsewhere(shop)).open({ coder: fixes });
    const { append } = there.ledger.store;
    vi.spyOn(there.ledger.store, "append").mockImplementationOnce(async (batch) => {
      const store = await openPrivateStore(join(there.dataDir, "store.git"));
      await dropRun(store, runId);
      return append(batch);
    });
    await there.importRun(person(there), inPieces(bundle));
    expect(refsOf(there.dataDir)).toBe(before);
  });

  test("while it runs is paused where it arrives, and goes on there when a person says so", async () => {
    const shop = await sample();
    const app = await shop.open({ coder: fixes });
    const { runId, seq } = await create(app, onePlan());
    const other = await elsewhere(shop);
    const there = await other.open({ coder: fixes });
    const { run } = await there.importRun(person(there), inPieces(await bundleOf(app, runId)));
    expect(run).toMatchObject({
      seq: seq + 1,
      state: { status: "paused", message: expect.stringContaining("Imported from ledger") },
    });
    await there.worker({ maxRuns: 1, onTrouble: () => undefined }).drain(new AbortController().signal);
    expect((await there.ledger.load(runId)).seq).toBe(seq + 1);
    const resume = { type: "resume_run", reason: "", overrideStale: false } as const;
    await there.ledger.submit(runId, resume, person(there));
    expect((await there.drive(runId)).run.state.status).toBe("completed");
    expect((await app.ledger.load(runId)).seq).toBe(seq);
  });

  test("can be read where its project is not", async () => {
    const shop = await sample();
    const app = await shop.open({ coder: fixes });
    await shop.write({ "only-here.txt": "x\n" });
    shop.commit("only here");
    const { runId } = await driven(app, onePlan());
    const there = await (await sample()).open();
    const done = await there.importRun(person(there), inPieces(await bundleOf(app, runId)));
    expect(done).toMatchObject({ arrived: true, commits: "missing" });
    expect((await there.view(runId)).run.state.status).toBe("completed");
    for (const ask of [there.apply, there.patch])
      await expect(ask(runId)).rejects.toMatchObject({
        code: "no_commits",
        hint: expect.stringMatching(/git fetch/),
      });
  });

  test("is refused by the line that does not fit: output that is not what it is called, commits that are not whole", async () => {
    const shop = await sample();
    const app = await shop.open({ coder: fixes });
    const { runId } = await driven(app, onePlan());
    const there = await (await elsewhere(shop)).open();
    const lines = (await bundleOf(app, runId)).toString().trimEnd().split("\n");
    const altered = (kind: string, change: object) => {
      const at = lines.findIndex((line) => line.startsWith(`{"line":"${kind}"`));
      const line = JSON.stringify({ ...JSON.parse(lines[at] ?? ""), ...change });
      return { at: at + 1, bytes: Buffer.from(lines.with(at, line).join("\n")) };
    };
    for (const [kind, change] of [
      ["blob", { data: "AAAA" }],
      ["event", { seq: 2 }],
      ["commits", { refs: { base: "a".repeat(40) } }],
      ["commits", { refs: {} }],
    ] as const) {
      const { at, bytes } = altered(kind, change);
      await expect(there.importRun(person(there), inPieces(bytes))).rejects.toMatchObject({
        code: "bundle_invalid",
        message: expect.stringMatching(new RegExp(`^Line ${at} `)),
      });
    }
    const { bytes: noPack } = altered("commits", { pack: "" });
    await expect(there.importRun(person(there), inPieces(noPack))).rejects.toMatchObject({
      code: "bundle_invalid",
      message: expect.stringMatching(/^The commits of the bundle are not whole/),
    });
    expect(await there.ledger.list({ limit: 9 })).toEqual([]);
  });

  test("is refused when another history stands under its name", async () => {
    const shop = await sample();
    const app = await shop.open({ coder: fixes });
    const { runId } = await create(app, onePlan());
    const early = await bundleOf(app, runId);
    const there = await (await elsewhere(shop)).open({ coder: fixes });
    await there.importRun(person(there), inPieces(early));
    await app.drive(runId);
    const late = await bundleOf(app, runId);
    const refused = there.importRun(person(there), inPieces(late));
    await expect(refused).rejects.toMatchObject({ code: "run_exists" });
    const executor = there.issue({ name: "coder", role: "executor", sessionKey: SESSION });
    await expect(there.importRun(executor, inPieces(early))).rejects.toMatchObject({ code: "access_denied" });
  });
});

describe("Pruning", () => {
  test("archives the oldest finished runs and removes them; the archive brings one back", async () => {
    const shop = await sample();
    const app = await shop.open({ coder: fixes });
    const [old, newer] = [await driven(app, onePlan()), await driven(app, onePlan())];
    const live = await create(app, onePlan());
    expect((await app.prune({ keep: 0 })).runs).toEqual([]);
    hoursLater(2);
    expect((await app.prune({ keep: 1, dryRun: true })).runs).toMatchObject([
      { runId: old.runId, archive: null },
    ]);
    expect(await app.ledger.list({ limit: 9 })).toHaveLength(3);
    const [gone] = (await app.prune({ keep: 1 })).runs;
    if (gone?.archive == null) throw new Error("nothing archived");
    expect((await app.ledger.list({ limit: 9 })).map(({ runId }) => runId)).toEqual([
      live.runId,
      newer.runId,
    ]);
    await expect(app.ledger.load(old.runId)).rejects.toMatchObject({
      code: "run_not_found",
      hint: `Bring it back: runledger import ${gone.archive}`,
    });
    await app.collectGarbage();
    const { createReadStream } = await import("node:fs");
    const { createGunzip } = await import("node:zlib");
    const bytes = createReadStream(gone.archive).pipe(createGunzip());
    expect(await app.importRun(person(app), bytes)).toMatchObject({ arrived: true, commits: "here" });
    expect(await app.view(old.runId)).toMatchObject({ run: old, origin: null });
    expect(await app.patch(old.runId)).toHaveLength(1);
  });

  test("leaves a run whose archive could not be written where it is", async () => {
    const shop = await sample();
    const app = await shop.open({ coder: fixes });
    const { runId } = await driven(app, onePlan());
    await writeFile(join(app.dataDir, "archive"), "a file in the way");
    hoursLater(2);
    await expect(app.prune({ keep: 0 })).rejects.toThrow();
    expect((await app.ledger.load(runId)).state.status).toBe("completed");
  });
});

describe("Pruning stops at no single run", () => {
  /** Makes an event another one than its hash says, behind the ledger's back. */
  const spoil = (app: RunLedger, runId: string): void => {
    const db = new Database(join(app.dataDir, "ledger.db"));
    db.exec("DROP TRIGGER IF EXISTS events_never_change");
    db.prepare("UPDATE events SET payload = ? WHERE run_id = ? AND seq = 2").run("{}", runId);
    db.prepare("DELETE FROM snapshots WHERE run_id = ?").run(runId);
    db.close();
  };

  test("goes on behind a run that cannot be read, and says which one stays", async () => {
    const shop = await sample();
    const app = await shop.open({ coder: fixes });
    const [bad, good] = [await driven(app, onePlan()), await driven(app, onePlan())];
    spoil(app, bad.runId);
    hoursLater(2);
    const later = await shop.open();
    const stays: unknown[] = [];
    const onStays = (...told: unknown[]) => void stays.push(told);
    expect((await later.prune({ keep: 0, onStays })).runs).toMatchObject([{ runId: good.runId }]);
    expect(stays).toEqual([[bad.runId, expect.objectContaining({ code: "journal_tampered" })]]);
    expect(await later.ledger.list({ limit: 9 })).toMatchObject([
      { runId: bad.runId, quarantine: { seq: 2 } },
    ]);
  });

  test("keeps the archive that is there when what it reads back does not hold", async () => {
    const shop = await sample();
    const app = await shop.open({ coder: fixes });
    const { runId } = await driven(app, onePlan());
    hoursLater(2);
    const [{ archive = null } = {}] = (await app.prune({ keep: 0 })).runs;
    if (archive === null) throw new Error("nothing archived");
    const before = await readFile(archive);
    await app.importRun(person(app), inPieces(gunzipSync(before)));
    // Whoever has it in memory does not read it again.
    spoil(app, runId);
    const stays: string[] = [];
    const onStays = (_run: string, { code }: { code: string }) => void stays.push(code);
    expect((await app.prune({ keep: 0, onStays })).runs).toEqual([]);
    expect(stays).toEqual(["bundle_invalid"]);
    expect((await readFile(archive)).equals(before)).toBe(true);
  });

  test("leaves a run whose commits are not here, so that its archive with them stays", async () => {
    const shop = await sample();
    const app = await shop.open({ coder: fixes });
    const root = shop.git("rev-parse", "HEAD").trim();
    await shop.write({ "only-then.txt": "x\n" });
    shop.commit("only then");
    const { runId } = await driven(app, onePlan());
    hoursLater(2);
    const [{ archive = null } = {}] = (await app.prune({ keep: 0 })).runs;
    if (archive === null) throw new Error("nothing archived");
    const before = await readFile(archive);
    shop.git("reset", "--quiet", "--hard", root);
    shop.git("reflog", "expire", "--expire=now", "--all");
    shop.git("gc", "--quiet", "--prune=now");
    // The store has them no more either: an hour and a cleaning later.
    const store = `--git-dir=${join(app.dataDir, "store.git")}`;
    shop.git(store, "repack", "-a", "-d", "-q");
    shop.git(store, "prune", "--expire=now");
    const back = await app.importRun(person(app), inPieces(gunzipSync(before)));
    expect(back).toMatchObject({ arrived: true, commits: "missing" });
    expect((await app.prune({ keep: 0, dryRun: true })).runs).toEqual([]);
    expect((await app.prune({ keep: 0 })).runs).toEqual([]);
    expect((await app.ledger.load(runId)).state.status).toBe("completed");
    expect((await readFile(archive)).equals(before)).toBe(true);
  });
});

describe("Collecting garbage", () => {
  test("takes what no run needs, and nothing that one does", async () => {
    const shop = await sample();
    const app = await shop.open({ coder: fixes });
    const kept = await driven(app, onePlan());
    const waiting = await driven(app, onePlan({ validator: { type: "command_pass", target: "false" } }));
    const cancelled = await driven(app, onePlan({ validator: { type: "command_pass", target: "false" } }));
    await app.ledger.submit(cancelled.runId, { type: "cancel_run", reason: "no" }, person(app));
    const forgotten = await app.ledger.store.putBlob(Buffer.from("nobody names this"));
    const fresh = await app.ledger.store.putBlob(Buffer.from("somebody is about to"));
    const old = new Date(Date.now() - 49 * 3_600_000);
    const file = join(app.dataDir, "blobs", forgotten.slice(0, 2), forgotten.slice(2, 4), forgotten);
    await utimes(file, old, old);
    const workspaces = async () => (await readdir(join(shop.place, "state/runledger/workspaces"))).length;
    expect(await workspaces()).toBe(2);
    const expected = { blobs: 1, workspaces: [cancelled.runId], logs: [], setups: 0, setupBytes: 0 };
    expect(await app.collectGarbage({ dryRun: true })).toMatchObject({ ...expected, storeBytes: null });
    expect(existsSync(file)).toBe(true);
    expect(await app.collectGarbage()).toMatchObject(expected);
    expect(existsSync(file)).toBe(false);
    expect(await app.ledger.store.getBlob(fresh)).toBeDefined();
    expect(await workspaces()).toBe(1);
    const { verdict } = await app.logs(kept.runId, "sum");
    expect(verdict?.log && (await app.ledger.store.getBlob(verdict.log))).toBeTruthy();
    expect(await app.patch(kept.runId)).toHaveLength(1);
    expect((await app.ledger.load(waiting.runId)).state.status).toBe("paused");
    expect(await app.collectGarbage()).toMatchObject({ blobs: 0, workspaces: [], logs: [] });
  });

  test("spares what is put again while it looks", async () => {
    const app = await (await sample()).open();
    const hash = await app.ledger.store.putBlob(Buffer.from("again"));
    const file = join(app.dataDir, "blobs", hash.slice(0, 2), hash.slice(2, 4), hash);
    const old = new Date(Date.now() - 49 * 3_600_000);
    await utimes(file, old, old);
    const { feed } = app.ledger.store;
    vi.spyOn(app.ledger.store, "feed").mockImplementationOnce(async (...given) => {
      const rows = await feed(...given);
      await app.ledger.store.putBlob(Buffer.from("again"));
      return rows;
    });
    await app.collectGarbage();
    expect(existsSync(file)).toBe(true);
  });
});
