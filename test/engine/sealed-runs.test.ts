import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import Database from "better-sqlite3";
import { afterEach, describe, expect, test, vi } from "vitest";
import type { AgentFunction, Run, RunLedger } from "../../src/index.js";
import { verifyAt } from "../../src/index.js";
import { planOfSteps, stepBy } from "../helpers/bench.js";
import { began, cancel } from "../helpers/driving.js";
import {
  buggySum,
  FIXED_SUM,
  makeSample,
  onePlan,
  person,
  type Sample,
  SESSION,
} from "../helpers/project.js";

const SECRET = "Operation Nightingale";
const KEY = "0f".repeat(32);

const samples: Sample[] = [];
afterEach(async () => {
  vi.useRealTimers();
  for (const sample of samples.splice(0)) await sample.dispose();
});

const sealedShop = async (more: Readonly<Record<string, string>> = {}): Promise<Sample> => {
  const made = await makeSample(
    { ...buggySum, "runledger.yaml": "durable: { encryption: true }\n" },
    { RUNLEDGER_KEY: KEY, ...more },
  );
  samples.push(made);
  return made;
};

/** Longer than what stands in an event. */
const long = `${SECRET} `.repeat(2_000);

const fixes: AgentFunction = async ({ workspace }, effects) => {
  await effects.effect("read", { class: "pure" }, () => long);
  await writeFile(join(workspace, "src/sum.mjs"), FIXED_SUM);
  return SECRET;
};

const plan = onePlan({}, { goal: SECRET });

const driven = async (app: RunLedger): Promise<Run> => {
  const { runId } = await app.createRun(person(app), { plan, sessionKey: SESSION, originalRequest: SECRET });
  return (await app.drive(runId)).run;
};

const bundleOf = async (app: RunLedger, runId: string): Promise<Buffer> => {
  const lines: string[] = [];
  for await (const line of app.exportRun(runId)) lines.push(line);
  return Buffer.from(lines.join(""));
};

/** What is in the lines of its commits and its receipt, which are the last ones. */
const endOf = (bundle: Buffer): { readonly pack: Buffer; readonly receipt: Buffer } => {
  const [commits, receipt] = bundle
    .toString()
    .trimEnd()
    .split("\n")
    .slice(-2)
    .map((line) => JSON.parse(line));
  expect([commits.line, receipt.line]).toEqual(["commits", "receipt"]);
  return { pack: Buffer.from(commits.pack, "base64"), receipt: Buffer.from(receipt.data, "base64") };
};

async function* whole(bytes: Buffer): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** The files of the ledger that are sealed. */
const sealedBytes = async (dataDir: string): Promise<Buffer> => {
  const entries = await readdir(dataDir, { recursive: true, withFileTypes: true });
  const files = entries.filter(
    (entry) =>
      entry.isFile() &&
      /ledger\.db|\/blobs|\/archive/.test(join(entry.parentPath, entry.name).slice(dataDir.length)),
  );
  const all = await Promise.all(
    files.map(async ({ parentPath, name }) => {
      const bytes = await readFile(join(parentPath, name));
      return name.endsWith(".gz") ? gunzipSync(bytes) : bytes;
    }),
  );
  return Buffer.concat(all);
};

const verified = (shop: Sample, env: Readonly<Record<string, string | undefined>> = {}) =>
  verifyAt({ projectDir: shop.repo, env: { ...shop.env, ...env } });

describe("A sealed run", () => {
  test("is driven to its end with judges, logs, effects and commits, and leaves no word behind", async () => {
    const shop = await sealedShop();
    const app = await shop.open({ coder: fixes });
    const { runId, state } = await driven(app);
    expect(state.status).toBe("completed");
    const { verdict } = await app.logs(runId, "sum");
    const log = await app.ledger.store.getBlob(verdict?.log ?? "", runId);
    expect(Buffer.from(log ?? []).toString()).toContain("prices add up");
    expect(await app.effects(runId, { values: true })).toMatchObject([{ value: long }]);
    const bytes = await sealedBytes(app.dataDir);
    for (const word of [SECRET, "prices add up", "total + price", verdict?.log ?? "?"])
      expect(bytes.includes(Buffer.from(word)), word).toBe(false);
    expect(existsSync(join(app.dataDir, "ledger.key"))).toBe(false);
    expect(await verified(shop)).toMatchObject({ runs: 1, snapshots: 1, flaws: [], unread: [] });
    expect((await verified(shop)).blobs).toBeGreaterThanOrEqual(3);
  });

  test("has its chain checked without the key, and what that cannot tell is named", async () => {
    const shop = await sealedShop();
    const app = await shop.open({ coder: fixes });
    const { runId, seq } = await driven(app);
    const blind = await verified(shop, { RUNLEDGER_KEY: undefined });
    expect(blind).toMatchObject({ runs: 1, events: seq, blobs: 0, flaws: [], unreadInAll: 1 });
    expect(blind.unread).toEqual([{ runId, because: "locked" }]);
    await rm(join(app.dataDir, "blobs", "sealed"), { recursive: true });
    expect((await verified(shop, { RUNLEDGER_KEY: undefined })).flaws).toEqual([]);
    expect((await verified(shop)).flaws.map(({ kind }) => kind)).toContain("blob");
  });

  test("goes elsewhere with its key, goes on there, and is sealed there by another root", async () => {
    const shop = await sealedShop();
    const app = await shop.open({ coder: fixes });
    const { runId, goal } = await driven(app);
    const bundle = await bundleOf(app, runId);
    expect(bundle.includes(Buffer.from(SECRET))).toBe(false);
    const other = await sealedShop({ RUNLEDGER_KEY: "a1".repeat(32) });
    const there = await other.open();
    const { run } = await there.importRun(person(there), whole(bundle));
    expect(run).toMatchObject({ goal, state: { status: "completed" } });
    expect(await there.list({ limit: 1 })).toMatchObject([{ seal: "open", goal: SECRET }]);
    expect(await there.effects(runId, { values: true })).toMatchObject([{ value: long }]);
    expect((await verified(other)).flaws).toEqual([]);
    const [header, onwards] = [bundle, await bundleOf(there, runId)].map((each) =>
      JSON.parse(each.toString().split("\n")[0] ?? ""),
    );
    expect(onwards.seal).toEqual(header.seal);
    const forged = bundle.toString().replace(header.seal.key, Buffer.alloc(32, 7).toString("base64"));
    const third = await (await sealedShop()).open();
    await expect(third.importRun(person(third), whole(Buffer.from(forged)))).rejects.toMatchObject({
      code: "key_unavailable",
    });
  });

  test("is archived without its key, comes back to its ledger after a rotation, and to no other one", async () => {
    const shop = await sealedShop();
    const app = await shop.open({ coder: fixes });
    const { seq } = await driven(app);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 2 * 3_600_000 });
    const [pruned] = (await app.prune({ keep: 0 })).runs;
    const archive = gunzipSync(await readFile(pruned?.archive ?? ""));
    const { pack, receipt } = endOf(archive);
    expect(pack.subarray(0, 4).toString("latin1")).not.toBe("PACK");
    for (const clear of ["keyId", "payload", "PUBLIC KEY"])
      expect(receipt.toString("latin1")).not.toContain(clear);
    expect((await sealedBytes(app.dataDir)).includes(Buffer.from(SECRET))).toBe(false);
    const rotating = await makeRotated(shop);
    const { run, arrived } = await rotating.importRun(person(rotating), whole(archive));
    expect({ arrived, seq: run.seq, goal: run.goal }).toEqual({ arrived: true, seq, goal: SECRET });
    expect(
      shop.git("--git-dir", join(rotating.dataDir, "store.git"), "cat-file", "-t", run.head ?? "?"),
    ).toBe("commit\n");
    const elsewhere = await (await sealedShop()).open();
    await expect(elsewhere.importRun(person(elsewhere), whole(archive))).rejects.toMatchObject({
      code: "key_unavailable",
      hint: expect.stringContaining("runledger export"),
    });
  });

  test("gives its fork what it needs, which keeps it when the first one is erased", async () => {
    const shop = await sealedShop();
    const app = await shop.open({ coder: fixes });
    const { runId } = await driven(app);
    const events = await app.ledger.events(runId, 0, 100);
    const settled = events.find(({ type }) => type === "effect_settled");
    const put = vi.spyOn(app.ledger.store, "putBlob");
    const fork = await app.fork(person(app), { runId, seq: settled?.seq ?? 0 });
    // Of the first one there is the patch of its proposal too, and what its judge printed.
    expect(put.mock.calls.filter(([, runId]) => runId === fork.runId)).toHaveLength(1);
    await app.erase(person(app), runId);
    expect(await app.effects(fork.runId, { values: true })).toMatchObject([{ value: long }]);
    expect(await app.blockedSideEffectKeys(fork.runId)).toEqual(new Set());
    expect((await verified(shop)).flaws).toEqual([]);
  });

  test("goes on to its end when the run that started it was erased by a version that let that happen", async () => {
    const shop = await sealedShop();
    const app = await shop.open({
      coder: async (_task, effects) =>
        (await effects.child("sub", onePlan({ owner_agent: "mender" }))).status,
      mender: async (task, effects) => {
        await effects.promise("sign-off");
        return fixes(task, effects);
      },
    });
    const parent = await driven(app);
    const [childId = ""] = (await app.children(parent.runId)).map(({ runId }) => runId);
    const reason = "not needed";
    await app.ledger.submit(parent.runId, { type: "cancel_run", reason }, person(app));
    const { lastHash = "" } = (await app.ledger.store.runRow(parent.runId)) ?? {};
    await app.ledger.store.erase(parent.runId, { lastHash, at: new Date().toISOString() });
    const [promise] = await app.promises(childId);
    const token = await app.promiseToken(person(app), childId, promise?.id ?? "");
    await app.resolvePromise(person(app), childId, { promise: promise?.id ?? "", token, value: true });
    expect((await app.drive(childId)).run).toMatchObject({
      parentTold: true,
      state: { status: "completed" },
    });
  });
});

/** With another root key, as after a rotation. */
const makeRotated = async (shop: Sample): Promise<RunLedger> => {
  const { openRunLedger } = await import("../../src/index.js");
  const next = "b2".repeat(32);
  const first = await openRunLedger({ projectDir: shop.repo, env: { ...shop.env, RUNLEDGER_NEW_KEY: next } });
  await first.rotateKeys(person(first));
  await first.close();
  const app = await openRunLedger({ projectDir: shop.repo, env: { ...shop.env, RUNLEDGER_KEY: next } });
  const { dispose } = shop;
  samples.splice(samples.indexOf(shop), 1, { ...shop, dispose: () => app.close().then(dispose) });
  return app;
};

describe("Erasing", () => {
  test("leaves the chain, and nothing else: no output, no log, no commit, no archive that anybody can read", async () => {
    const shop = await sealedShop();
    const app = await shop.open({ coder: fixes });
    const { runId, seq } = await driven(app);
    const bundle = await bundleOf(app, runId);
    expect(await app.erase(person(app), runId)).toEqual({ runId, archive: null });
    const warned = vi.spyOn(process, "emitWarning");
    for (const ask of [
      app.view,
      (id: string) => app.logs(id, "sum"),
      app.effects,
      (id: string) => bundleOf(app, id),
    ])
      await expect(ask(runId)).rejects.toMatchObject({ code: "run_erased" });
    // The refusal says it all.
    expect(warned).not.toHaveBeenCalled();
    warned.mockRestore();
    expect(await app.list({ limit: 1 })).toMatchObject([{ runId, goal: "(erased)", seal: "erased" }]);
    expect(await readdir(join(app.dataDir, "blobs", "sealed"))).toEqual([]);
    expect(shop.git("--git-dir", join(app.dataDir, "store.git"), "for-each-ref")).toBe("");
    expect(await verified(shop)).toMatchObject({ events: seq, flaws: [], unread: [{ because: "erased" }] });
    // Again: whatever was cut off is finished, and a bundle of before brings it back to nobody.
    await app.erase(person(app), runId);
    await expect(app.importRun(person(app), whole(bundle))).rejects.toMatchObject({ code: "run_erased" });
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 2 * 3_600_000 });
    expect((await app.prune({ keep: 0 })).runs).toMatchObject([{ runId, archive: null }]);
  });

  test("reaches into the archive of a run that was pruned", async () => {
    const shop = await sealedShop();
    const app = await shop.open({ coder: fixes });
    const { runId } = await driven(app);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 2 * 3_600_000 });
    const [pruned] = (await app.prune({ keep: 0 })).runs;
    const archive = pruned?.archive ?? "";
    expect(await app.erase(person(app), runId)).toEqual({ runId, archive });
    // Nothing brings it back, and nobody is told that an archive would.
    await expect(app.view(runId)).rejects.toMatchObject({ code: "run_erased" });
    await expect(
      app.importRun(person(app), whole(gunzipSync(await readFile(archive)))),
    ).rejects.toMatchObject({
      code: "run_erased",
    });
  });

  test("waits until whoever waits for the run was told, and leaves its family without a flaw", async () => {
    const shop = await sealedShop();
    const child = planOfSteps(stepBy("sub", "true", { owner_agent: "reviewer" }));
    const app = await shop.open({
      coder: async (_task, effects) => {
        const ended = [await effects.child("first", child), await effects.child("second", child)];
        return ended.map(({ status }) => status).join();
      },
      reviewer: async (_task, effects) => `${await effects.promise("never")}`,
    });
    const runId = await began(app, planOfSteps(stepBy("a", "true")));
    for (const at of [0, 1]) {
      await app.drive(runId);
      const childId = (await app.children(runId))[at]?.runId ?? "";
      await app.ledger.submit(childId, cancel, person(app));
      await expect(app.erase(person(app), childId)).rejects.toMatchObject({
        code: "run_not_finished",
        hint: `runledger resume ${childId}`,
      });
    }
    expect((await app.drive(runId)).run.state.status).toBe("completed");
    const [first] = await app.children(runId);
    await app.erase(person(app), first?.runId ?? "");
    expect((await verified(shop)).flaws).toEqual([]);
    await app.erase(person(app), runId);
    expect((await verified(shop)).flaws).toEqual([]);
  });

  test("says that it is not finished while somebody reads the key in the log, and is, the next time", async () => {
    const shop = await sealedShop();
    const app = await shop.open({ coder: fixes });
    const { runId } = await driven(app);
    const reader = new Database(join(app.dataDir, "ledger.db"), { readonly: true });
    const read = reader.prepare("SELECT wrapped FROM run_keys WHERE run_id = ?").pluck();
    const inAnyFile = async (key: string) => (await sealedBytes(app.dataDir)).includes(Buffer.from(key));
    reader.exec("BEGIN");
    const key = String(read.get(runId));
    await expect(app.erase(person(app), runId)).rejects.toMatchObject({
      code: "store_unavailable",
      message: "The key is destroyed; the log beside the database still has it.",
    });
    expect(await inAnyFile(key)).toBe(true);
    await expect(app.view(runId)).rejects.toMatchObject({ code: "run_erased" });
    expect(shop.git("--git-dir", join(app.dataDir, "store.git"), "for-each-ref")).toBe("");
    reader.exec("COMMIT");
    reader.close();
    await app.erase(person(app), runId);
    expect(await inAnyFile(key)).toBe(false);
  });

  test("that was killed once the key was gone is finished by gc", async () => {
    const shop = await sealedShop();
    const app = await shop.open({ coder: fixes });
    const { runId } = await driven(app);
    const { lastHash = "" } = (await app.ledger.store.runRow(runId)) ?? {};
    await mkdir(join(app.dataDir, "logs", runId), { recursive: true });
    await app.ledger.store.erase(runId, { lastHash, at: new Date().toISOString() });
    const refs = () => shop.git("--git-dir", join(app.dataDir, "store.git"), "for-each-ref");
    expect(refs()).toContain(runId);
    expect((await app.collectGarbage({ dryRun: true })).logs).toEqual([runId]);
    expect(refs()).toContain(runId);
    await app.collectGarbage();
    expect((await app.collectGarbage()).logs).toEqual([]);
    expect(refs()).toBe("");
  });

  test("is for finished, sealed runs, and for people", async () => {
    const shop = await sealedShop();
    const app = await shop.open({ coder: fixes });
    const { runId } = await app.createRun(person(app), { plan, sessionKey: SESSION, originalRequest: "try" });
    await expect(app.erase(person(app), runId)).rejects.toMatchObject({ code: "run_not_finished" });
    const machine = app.issue({ name: "o", role: "orchestrator", sessionKey: SESSION });
    await expect(app.erase(machine, runId)).rejects.toMatchObject({ code: "access_denied" });
    await expect(app.erase(person(app), "run_none")).rejects.toMatchObject({ code: "run_not_found" });
    await expect(app.rotateKeys(machine)).rejects.toMatchObject({ code: "access_denied" });
    expect((await app.ledger.load(runId)).goal).toBe(SECRET);
  });

  test.each([
    ["", false],
    [", also of a run that was pruned before", true],
  ])(
    "answers later calls under a business key that they are skipped, their result erased%s",
    async (_of, prunes) => {
      const shop = await sealedShop();
      let charged = 0;
      const refused: unknown[] = [];
      const charge: AgentFunction = async ({ workspace }, effects) => {
        const once = (onAmbiguous: "fail" | "skip") =>
          effects.effect("charge", { class: "guarded", onAmbiguous, key: "order-1" }, () => {
            charged += 1;
            return long;
          });
        await once("fail").catch((error) => refused.push(error));
        await once("skip");
        await writeFile(join(workspace, "src/sum.mjs"), FIXED_SUM);
        return "done";
      };
      const app = await shop.open({ coder: charge });
      const first = await driven(app);
      const second = await driven(app);
      const known = { status: "known", value: long };
      expect(await app.effects(second.runId, { values: true })).toMatchObject([known, known]);
      vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 2 * 3_600_000 });
      if (prunes) expect((await app.prune({ keep: 1 })).runs).toMatchObject([{ runId: first.runId }]);
      await app.erase(person(app), first.runId);
      expect(await app.effects(second.runId, { values: true })).toMatchObject([known, known]);
      expect(refused).toEqual([]);
      const third = await driven(app);
      const told = (await app.effects(third.runId, { values: true })).at(-1);
      expect(refused).toMatchObject([
        {
          code: "effect_result_gone",
          details: { status: "skipped" },
          message: expect.stringContaining("erased"),
        },
      ]);
      expect(told).toMatchObject({ status: "known", origin: { runId: first.runId }, erased: true });
      expect(told).not.toHaveProperty("value");
      expect(charged).toBe(1);
      expect((await verified(shop)).flaws).toEqual([]);
    },
  );
});
