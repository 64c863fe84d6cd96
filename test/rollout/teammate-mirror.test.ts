import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, test, vi } from "vitest";
import {
  createTeammateMirror,
  type MirrorFailure,
  type TeammateCondition,
} from "../../src/rollout/teammate-mirror.js";
import type { Store } from "../../src/stores/store.js";
import * as cast from "../helpers/cast.js";
import { create, planOf, stepSpec } from "../helpers/cast.js";
import { type Opened, openedIn, openedOn } from "../helpers/ledgers.js";

const request = { grantRequestId: "grant-1", agent: "coder", tool: "exec", reason: "needs the shell" };
const blockedOn = (id: string, ...blocked: TeammateCondition["blocked"]): TeammateCondition => ({
  id,
  blocked,
});

/** A store whose appends or reads fail while they are told to. */
const failing = (store: Store) => {
  const fails = { append: false, read: false };
  const broken = async (): Promise<never> => {
    throw new Error("the disk is gone");
  };
  const wrapped: Store = {
    ...store,
    append: (batch) => (fails.append ? broken() : store.append(batch)),
    end: (runId) => (fails.read ? broken() : store.end(runId)),
  };
  return { fails, wrapped };
};

const projection = { name: "table" };
const on = { enabled: true, writeThrough: true };

const world = async (settings = on) => {
  const { store } = await openedIn(":memory:");
  const { fails, wrapped } = failing(store);
  const opened = openedOn(wrapped);
  const told: MirrorFailure[] = [];
  const mirror = createTeammateMirror({
    ledger: opened,
    projection,
    settings,
    onFailure: (failure) => told.push(failure),
  });
  for (const runId of ["run_1", "run_2"]) {
    await opened.tell(runId, create(planOf([stepSpec("a")])));
    await opened.tell(runId, cast.start("a"));
  }
  return { ...opened, mirror, fails, told, store };
};

const mirrored = async ({ ledger }: Opened, runId: string) =>
  (await ledger.events(runId, 0, 100)).flatMap(({ type, payload }) =>
    type.startsWith("teammate_") ? [{ type: type.replace("teammate_approval_", ""), ...payload }] : [],
  );

describe("The mirror of blocked teammates", () => {
  test("tells the journal what the host says, and says what the journal knows", async () => {
    const w = await world();
    const blocked = await w.mirror.tell(blockedOn("run_1", request));
    expect(blocked).toMatchObject([{ ...request, attempt: 1 }]);
    expect(await w.mirror.tell(blockedOn("run_1", request))).toEqual(blocked);
    await w.mirror.tell(blockedOn("run_1", { ...request, reason: "asks again" }));
    expect(await w.mirror.tell({ ...blockedOn("run_1"), answered: { "grant-1": "granted" } })).toEqual([]);
    await w.mirror.tell(blockedOn("run_1", request));
    expect(await mirrored(w, "run_1")).toMatchObject([
      { type: "blocked", attempt: 1 },
      { type: "blocked", attempt: 2, reason: "asks again" },
      { type: "unblocked", outcome: "granted" },
      { type: "blocked", attempt: 1 },
    ]);
    expect(w.told).toEqual([]);
  });

  test("says nothing in other stages, and nothing late when they begin", async () => {
    const settings = { enabled: true, writeThrough: false };
    const w = await world(settings);
    expect(await w.mirror.tell(blockedOn("run_1", request))).toBeNull();
    expect(await w.mirror.reconcile([blockedOn("run_1", request)])).toEqual([]);
    Object.assign(settings, { enabled: false, writeThrough: true });
    expect(await w.mirror.tell(blockedOn("run_1", request))).toBeNull();
    settings.enabled = true;
    await w.mirror.tell(blockedOn("run_2"));
    expect(await mirrored(w, "run_1")).toEqual([]);
    expect(w.mirror.failures()).toEqual({ append_journal: 0, refresh_snapshot: 0 });
  });

  test("keeps the order of the host's words, however fast they come", async () => {
    const w = await world();
    await Promise.all([
      w.mirror.tell(blockedOn("run_1", request)),
      w.mirror.tell({ ...blockedOn("run_1"), answered: { "grant-1": "denied" } }),
      w.mirror.tell(blockedOn("run_1", { ...request, grantRequestId: "grant-2" })),
    ]);
    const { blockedTeammates } = await w.ledger.load("run_1");
    expect(blockedTeammates.map(({ grantRequestId }) => grantRequestId)).toEqual(["grant-2"]);
  });
});

describe("A ledger whose look-ups take their time", () => {
  test("is told an older word before a newer one all the same", async () => {
    const w = await world();
    const turns = [500, 1];
    let asked = 0;
    const slow: Store = {
      ...w.store,
      mirrorOf: async (by) => {
        asked += 1;
        for (let left = turns.shift() ?? 0; left > 0; left -= 1) await turn();
        return w.store.mirrorOf(by);
      },
    };
    const after = openedOn(slow);
    const mirror = createTeammateMirror({ ledger: after, projection, settings: on });
    const older = mirror.tell(blockedOn("run_1", request));
    await vi.waitUntil(() => asked > 0, { interval: 0 });
    await mirror.tell({ ...blockedOn("run_1"), answered: { "grant-1": "granted" } });
    await older;
    expect((await after.ledger.load("run_1")).blockedTeammates).toEqual([]);
  });
});

describe("A mirror that fails", () => {
  test("stops nobody: it counts, tells, and makes good with the host's next word about any run", async () => {
    const w = await world();
    w.fails.append = true;
    expect(await w.mirror.tell(blockedOn("run_1", request))).toBeNull();
    expect(w.told).toMatchObject([{ phase: "append_journal", id: "run_1" }]);
    expect(w.mirror.failures()).toEqual({ append_journal: 1, refresh_snapshot: 0 });
    w.fails.append = false;
    await w.mirror.tell(blockedOn("run_2", request));
    expect(await mirrored(w, "run_1")).toMatchObject([{ type: "blocked", attempt: 1 }]);
  });

  test("keeps an answer that it could not write, until it can", async () => {
    const w = await world();
    await w.mirror.tell(blockedOn("run_1", request));
    w.fails.append = true;
    await w.mirror.tell({ ...blockedOn("run_1"), answered: { "grant-1": "denied" } });
    await w.mirror.tell(blockedOn("run_1"));
    expect(await w.mirror.reconcile()).toEqual(["run_1"]);
    expect(w.mirror.failures().append_journal).toBe(3);
    w.fails.append = false;
    expect(await w.mirror.reconcile()).toEqual([]);
    expect((await mirrored(w, "run_1")).at(-1)).toMatchObject({ type: "unblocked", outcome: "denied" });
  });

  test("knows a journal that was written from a snapshot that could not be read", async () => {
    const w = await world();
    w.fails.read = true;
    expect(await w.mirror.tell(blockedOn("run_1", request))).toBeNull();
    expect(w.mirror.failures()).toEqual({ append_journal: 0, refresh_snapshot: 1 });
    w.fails.read = false;
    expect(await mirrored(w, "run_1")).toHaveLength(1);
    expect(await w.mirror.tell(blockedOn("run_1", request))).toMatchObject([{ attempt: 1 }]);
  });

  test("does not ask for ever for what the ledger refuses", async () => {
    const w = await world();
    await w.tell("run_1", cast.cancel());
    expect(await w.mirror.tell(blockedOn("run_1", request))).toBeNull();
    expect(await w.mirror.tell(blockedOn("run_3", request))).toBeNull();
    expect(await w.mirror.tell(blockedOn("run_2", request, request))).toBeNull();
    expect(w.told.map(({ error }) => (error as { code?: string }).code)).toEqual([
      "run_terminal",
      "run_not_found",
      "invalid_input",
    ]);
    expect(await w.mirror.reconcile()).toEqual([]);
    expect(w.mirror.failures().append_journal).toBe(3);
  });

  test("survives a host whose own telling fails", async () => {
    const opened = await world();
    const mirror = createTeammateMirror({
      ledger: opened,
      projection,
      settings: on,
      onFailure: () => {
        throw new Error("no telephone");
      },
    });
    expect(await mirror.tell(blockedOn("run_none", request))).toBeNull();
    expect(mirror.failures().append_journal).toBe(1);
  });

  test("makes the others good when one run cannot be read", async () => {
    const w = await world();
    for (const id of ["run_1", "run_2"]) await w.mirror.tell(blockedOn(id, request));
    const after = openedOn({
      ...w.store,
      read: (runId, ...rest) =>
        runId === "run_2" ? Promise.reject(new Error("bad block")) : w.store.read(runId, ...rest),
    });
    const told: MirrorFailure[] = [];
    const mirror = createTeammateMirror({
      ledger: after,
      projection,
      settings: on,
      onFailure: (one) => told.push(one),
    });
    expect(await mirror.reconcile([])).toEqual([]);
    expect(told).toMatchObject([{ phase: "refresh_snapshot", id: "run_2" }]);
    expect((await after.ledger.load("run_1")).blockedTeammates).toEqual([]);
  });

  test("survives the death of its process: what the host says of all runs makes everything good", async () => {
    const w = await world();
    await w.mirror.tell(blockedOn("run_1", request));
    await w.mirror.tell(blockedOn("run_2", request));
    const after = openedOn(w.store);
    const mirror = createTeammateMirror({ ledger: after, projection, settings: on });
    const still = { ...request, grantRequestId: "grant-2" };
    expect(await mirror.reconcile([blockedOn("run_2", request, still)])).toEqual([]);
    expect((await mirrored(after, "run_1")).at(-1)).toMatchObject({
      type: "unblocked",
      outcome: "withdrawn",
    });
    expect((await after.ledger.load("run_2")).blockedTeammates).toHaveLength(2);
    expect(await mirrored(after, "run_2")).toHaveLength(2);
  });
});

describe("A run that the host drives", () => {
  test("is named by the host's id, which need not be the ledger's", async () => {
    const w = await world();
    const record = cast.hostRun({ id: "Task 7: ship it" });
    const command = cast.mirror(record);
    const mirror = { projection: "board", hostId: record.id, createdAt: record.createdAt };
    const { run } = await w.ledger.submit("run_9", command, w.host, { mirror });
    const teammates = createTeammateMirror({ ledger: w, projection: { name: "board" }, settings: on });
    expect(await teammates.tell(blockedOn(record.id, request))).toHaveLength(1);
    expect((await w.ledger.list({ limit: 1 }))[0]).toMatchObject({
      runId: run.runId,
      blocker: 'It waits until "coder" (exec, request grant-1) may go on.',
    });
    expect(await teammates.reconcile([blockedOn(record.id, request)])).toEqual([]);
    expect((await w.ledger.load("run_9")).blockedTeammates).toHaveLength(1);
    const ended = await w.tell("run_9", cast.reportRun("completed"));
    expect(ended.run.blockedTeammates).toEqual([]);
  });
});

describe("Whoever is not the rollout", () => {
  test("mirrors nobody", async () => {
    const { ledger } = await world();
    const command = cast.teammates([{}]);
    for (const caller of [cast.orchestrator, cast.person, cast.executor("coder")])
      await expect(ledger.submit("run_1", command, ledger.issue(caller))).rejects.toMatchObject({
        code: "access_denied",
      });
    await expect(ledger.submit("run_1", command, cast.host)).rejects.toMatchObject({ code: "access_denied" });
    expect(() => ledger.issue(cast.host)).toThrow(/not for hand-out/);
  });
});
