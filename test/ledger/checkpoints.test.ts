import { gunzipSync } from "node:zlib";
import { expect, test } from "vitest";
import type { CheckpointContent } from "../../src/core/checkpoints.js";
import { CHECKPOINTS_KEPT, CHECKPOINTS_THINNED_MIN } from "../../src/core/limits.js";
import { createCheckpoints } from "../../src/ledger/checkpoints/checkpoints.js";
import { type CheckpointParts, checkCheckpoint, isSigned } from "../../src/ledger/checkpoints/read.js";
import { memoryCheckpoints } from "../../src/stores/checkpoints.js";
import { sample } from "../helpers/bench.js";
import { began } from "../helpers/driving.js";
import { PLAN_OF_LIVES, runOfLives } from "../helpers/lives.js";
import { person } from "../helpers/project.js";

test("whoever asks for blocked keys while a checkpoint is taken makes nothing count twice", async () => {
  const shop = await sample({ "a.txt": "1\n" });
  const app = await shop.open({
    coder: async (_task, effects) => {
      await effects.effect("pay", { class: "guarded", key: "k-1", onAmbiguous: "fail" }, () => 1);
      return effects.promise<string>("sign-off");
    },
  });
  const runId = await began(app, PLAN_OF_LIVES);
  await app.drive(runId);
  const memory = memoryCheckpoints();
  const manager = createCheckpoints({
    ledger: app.ledger,
    stores: { memory, sqlite: memory, file: memory },
    keepIn: "memory",
    key: async () => new Uint8Array(32),
    versionOf: () => "1",
  });
  const run = await app.ledger.load(runId);
  // Of a run that it knows up to its first event, so that all of them read on in the same object.
  await manager.blockedKeys({ ...run, seq: 1 });
  const [keys, again, signed] = await Promise.all([
    manager.blockedKeys(run),
    manager.blockedKeys(run),
    manager.sign(runId, { reason: "demand", of: null }, { caller: person(app) }),
  ]);
  expect([[...keys], [...again]]).toEqual([["k-1"], ["k-1"]]);
  const bytes = (await memory.get({ runId, id: signed.id })) ?? expect.unreachable("it was kept");
  const { content } = JSON.parse(gunzipSync(bytes).toString()) as { content: CheckpointContent };
  expect(content).toMatchObject({ receiptsInAll: 1, receipts: [{ key: "k-1" }] });
});

test("the journal names no checkpoint whose bytes could not be kept", async () => {
  const shop = await sample({ "a.txt": "1\n" });
  const app = await shop.open();
  const runId = await began(app, PLAN_OF_LIVES);
  const before = (await app.ledger.load(runId)).seq;
  const full = { ...memoryCheckpoints(), put: () => Promise.reject(new Error("the disk is full")) };
  const manager = createCheckpoints({
    ledger: app.ledger,
    stores: { memory: full, sqlite: full, file: full },
    keepIn: "memory",
    key: async () => new Uint8Array(32),
    versionOf: () => "1",
  });
  const asked = manager.sign(runId, { reason: "demand", of: null }, { caller: person(app) });
  await expect(asked).rejects.toThrow("the disk is full");
  expect((await app.ledger.load(runId)).seq).toBe(before);
});

test("one that is signed counts although those that it thins out could not be deleted", async () => {
  const shop = await sample({ "a.txt": "1\n" });
  const app = await shop.open();
  const runId = await began(app, PLAN_OF_LIVES);
  const stuck = { ...memoryCheckpoints(), remove: () => Promise.reject(new Error("the disk is read-only")) };
  const manager = createCheckpoints({
    ledger: app.ledger,
    stores: { memory: stuck, sqlite: memoryCheckpoints(), file: memoryCheckpoints() },
    keepIn: "memory",
    key: async () => new Uint8Array(32),
    versionOf: () => "1",
  });
  const enough = CHECKPOINTS_KEPT + CHECKPOINTS_THINNED_MIN;
  for (let taken = 0; taken < enough; taken += 1)
    await manager.sign(runId, { reason: "demand", of: null }, { caller: person(app) });
  const all = await manager.list(runId);
  expect(all.map(({ thinned }) => thinned)).toEqual(all.map((_, at) => at < CHECKPOINTS_THINNED_MIN));
  expect(all).toHaveLength(enough);
  expect((await manager.spaceOf(runId)).checkpoints).toBe(enough);
});

test("one that is kept and builds on one that was thinned out is broken, and not itself thinned out", async () => {
  const { app, runId } = await runOfLives(async (effects) => {
    for (const turn of [1, 2]) await effects.checkpoint({ workingMemory: { turn } });
    return effects.promise<string>("sign-off");
  });
  await app.drive(runId);
  const signed = (await app.ledger.events(runId, 0, 99)).filter(isSigned);
  const [first, second] = signed;
  if (first === undefined || second === undefined) expect.unreachable("two turns were signed");
  expect([first.payload.full, second.payload.full]).toEqual([true, false]);
  const store = app.ledger.store.checkpoints;
  const parts: CheckpointParts = {
    stores: { sqlite: store, file: store, memory: store },
    key: async () => app.ledger.store.seals.tokenKey(),
    eventAt: async (id, seq) => (await app.ledger.events(id, seq - 1, 1))[0],
    isKept: async (_runId, id) => id !== first.payload.id,
  };
  expect(await checkCheckpoint(parts, first)).toEqual({ why: "was thinned out", lack: "thinned" });
  expect(await checkCheckpoint(parts, second)).toEqual({
    why: `builds on ${first.payload.id}, which was thinned out`,
    lack: "broken",
  });
});
