import { describe, expect, onTestFinished, test, vi } from "vitest";
import { LedgerError } from "../../src/core/errors.js";
import { isRunId } from "../../src/ledger/run-id.js";
import { type Stage, stages } from "../../src/rollout/stage.js";
import { hostRun, hostStep, person } from "../helpers/cast.js";
import { AT } from "../helpers/given.js";
import { newWorld, settingsOf, type World } from "./hosts.js";

const newRun = (id?: string) => ({
  ...(id === undefined ? {} : { id }),
  kind: "workflow" as const,
  sessionKey: "session-1",
  name: "Ship it",
  request: "please",
  steps: [hostStep("a")],
});
const status = (stepId: string, to: "running" | "completed") =>
  ({ kind: "step_status", stepId, status: to, result: "", error: "" }) as const;
const ledgerStages = stages.filter((stage) => stage !== "off");
const readingStages: readonly Stage[] = ["authoritative_read", "projection_retired"];

const eventTypes = async (world: World, runId: string): Promise<string[]> =>
  (await world.store.read(runId, 0, 1_000)).map(({ type }) => type);

describe("Off", () => {
  test("is the host's own table, called straight through, and nothing is recorded", async () => {
    const world = await newWorld();
    const rollout = world.at("off");
    const { run } = await rollout.create(newRun());
    await rollout.update(run.id, status("a", "running"));
    expect(await rollout.read(run.id)).toEqual(world.table.records.get(run.id));
    expect(world.table.calls).toEqual(["create", "update", "read"]);
    expect(await world.store.feed(0, 10)).toEqual([]);
    await expect(rollout.update("ghost", status("a", "running"))).rejects.toThrow("no such run: ghost");
  });
});

describe("Shadow", () => {
  test("leaves ids and errors to the host, and takes its id for the run's where that can be", async () => {
    const world = await newWorld();
    const rollout = world.at("shadow");
    const { run } = await rollout.create(newRun());
    expect(run.id).toBe("h1");
    expect((await world.store.mirrorOf({ runId: "h1" }))?.hostId).toBe("h1");
    await rollout.create(newRun("task 7 / ü"));
    const row = await world.store.mirrorOf({ projection: "board", hostId: "task 7 / ü" });
    expect(row && isRunId(row.runId)).toBe(true);
    await expect(rollout.create(newRun("h1"))).rejects.toThrow("there already: h1");
    expect(world.troubles).toEqual([]);
  });

  test("takes another id when a run of this ledger has the host's already", async () => {
    const world = await newWorld();
    const { ledger, host } = world.opened;
    await ledger.submit(
      "h1",
      { type: "mirror_run", projection: "elsewhere", record: hostRun({ id: "h1" }), existing: "update" },
      host,
      { mirror: { projection: "elsewhere", hostId: "h1", createdAt: hostRun().createdAt } },
    );
    await world.at("shadow").create(newRun());
    const row = await world.store.mirrorOf({ projection: "board", hostId: "h1" });
    expect(row?.runId).toMatch(/^run_/);
    expect(await world.at("authoritative_read").read("h1")).toEqual(world.table.records.get("h1"));
  });

  test("counts and tells what the ledger could not record, and the next change makes up for it", async () => {
    const world = await newWorld();
    const rollout = world.at("shadow");
    const { run } = await rollout.create(newRun());
    world.ledgerFaults.kind = "fails";
    await rollout.update(run.id, { kind: "step", step: hostStep("b") });
    world.ledgerFaults.kind = "none";
    expect(world.troubles).toMatchObject([
      { side: "ledger", id: "h1", error: { code: "store_unavailable" } },
    ]);
    expect((await rollout.status()).failures).toEqual({ ledger: 1, projection: 0 });
    await rollout.complete(run.id, { status: "completed", result: "done", error: "" });
    expect(await world.at("projection_retired").read("h1")).toEqual(world.table.records.get("h1"));
  });

  test("warns when nobody else wants to be told", async () => {
    const world = await newWorld();
    const warned = vi.spyOn(process, "emitWarning").mockImplementation(() => undefined);
    const rollout = world.at("shadow", { onTrouble: undefined as never });
    world.ledgerFaults.kind = "fails";
    await rollout.create(newRun());
    expect(warned.mock.calls.join()).toContain('The ledger could not record run "h1": The store is closed.');
    warned.mockRestore();
  });

  test("is not disturbed by a listener that fails, nor later by a table that throws at once", async () => {
    const world = await newWorld();
    const warned = vi.spyOn(process, "emitWarning").mockImplementation(() => undefined);
    const onTrouble = (): never => {
      throw new Error("a broken pager");
    };
    world.ledgerFaults.kind = "fails";
    expect((await world.at("shadow", { onTrouble }).create(newRun())).run.id).toBe("h1");
    world.ledgerFaults.kind = "none";
    const save = (): never => {
      throw new Error("not even a promise");
    };
    const rash = world.at("write_through", { onTrouble, projection: { ...world.table, save } });
    expect((await rash.create(newRun("r"))).degraded).toMatchObject({ message: "not even a promise" });
    expect(warned.mock.calls.join()).toContain("a broken pager");
    warned.mockRestore();
  });

  test("makes one run of two hosts' processes that record the same at once", async () => {
    const world = await newWorld();
    world.table.records.set("task 7", hostRun({ id: "task 7" }));
    const both = [world.at("shadow"), world.at("shadow")];
    const replays = await Promise.all(both.map((rollout) => rollout.replay()));
    expect(replays.flatMap(({ failed }) => failed)).toEqual([]);
    expect(await world.store.list({ limit: 10 })).toHaveLength(1);
  });
});

describe("Write-through", () => {
  test("gives the host the ledger's id for its record", async () => {
    const world = await newWorld();
    const { run } = await world.at("write_through").create(newRun());
    expect(run.id).toMatch(/^run_/);
    expect((await world.opened.ledger.load(run.id)).source?.hostId).toBe(run.id);
    expect(world.table.records.get(run.id)).toEqual(run);
  });

  test("keeps a run whose table failed, says so, and says once that it is behind and once that it is not", async () => {
    const world = await newWorld();
    const rollout = world.at("write_through");
    const { run } = await rollout.create(newRun("r"));
    world.tableFaults.kind = "fails";
    const { degraded } = await rollout.update(run.id, status("a", "running"));
    expect(degraded).toMatchObject({ message: "the host's table is locked" });
    await rollout.update(run.id, status("a", "completed"));
    world.tableFaults.kind = "none";
    expect(await rollout.status()).toMatchObject({
      runs: { synced: 0, pending: 0, degraded: 1 },
      degraded: [{ id: "r", error: "the host's table is locked" }],
      failures: { ledger: 0, projection: 2 },
    });
    expect((await rollout.update(run.id, { kind: "step", step: hostStep("b") })).degraded).toBeNull();
    expect(world.table.records.get("r")).toEqual(await world.at("authoritative_read").read("r"));
    expect((await eventTypes(world, "r")).filter((type) => type === "projection_synced")).toHaveLength(2);
    expect((await rollout.status()).runs).toEqual({ synced: 1, pending: 0, degraded: 0 });
  });

  test("names the runs that are degraded, since when and why, a screenful at most", async () => {
    const world = await newWorld();
    let said = "locked";
    const save = () => Promise.reject(new Error(said));
    const rollout = world.at("write_through", { projection: { ...world.table, save } });
    await rollout.create({ ...newRun("r"), createdAt: "2026-01-01T00:00:00.000Z" });
    const [first] = (await rollout.status()).degraded;
    expect(first).toEqual({ id: "r", since: AT, error: "locked" });
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 60_000 });
    onTestFinished(() => void vi.useRealTimers());
    said = "full";
    await rollout.update("r", status("a", "running"));
    expect((await rollout.status()).degraded).toEqual([{ ...first, error: "full" }]);
    for (let index = 0; index < 20; index += 1) await rollout.create(newRun());
    const { runs, degraded } = await rollout.status();
    expect([runs.degraded, degraded.length]).toEqual([21, 20]);
    expect(degraded.map(({ id }) => id)).not.toContain("r");
  });

  test("writes no event for a table that keeps up, however often it is written", async () => {
    const world = await newWorld();
    const rollout = world.at("write_through");
    await rollout.create(newRun("r"));
    for (let turn = 0; turn < 10; turn += 1)
      await rollout.update("r", status("a", turn % 2 === 0 ? "running" : "completed"));
    const types = await eventTypes(world, "r");
    expect(types).toEqual([
      "run_created",
      "step_reported",
      "run_reported",
      ...Array(10).fill("step_reported"),
    ]);
    expect(await world.store.mirrorOf({ runId: "r" })).toMatchObject({ state: "synced", syncedSeq: 13 });
  });

  test("answers the same report twice without a second event", async () => {
    const world = await newWorld();
    const rollout = world.at("write_through");
    const first = await rollout.create({ ...newRun("r"), createdAt: "2026-01-01T00:00:00.000Z" });
    const again = await rollout.create({ ...newRun("r"), createdAt: "2026-01-01T00:00:00.000Z" });
    expect(again).toEqual(first);
    await rollout.complete("r", { status: "failed", result: "", error: "no" });
    const { length } = await eventTypes(world, "r");
    await rollout.complete("r", { status: "failed", result: "", error: "no" });
    expect(await eventTypes(world, "r")).toHaveLength(length);
  });

  test("never makes a run over one that the host had under this id before", async () => {
    const world = await newWorld();
    const old = hostRun({ id: "old", name: "An old one" });
    world.table.records.set("old", old);
    await expect(world.at("write_through").create(newRun("old"))).rejects.toMatchObject({
      code: "run_exists",
    });
    expect(world.table.records.get("old")).toEqual(old);
    expect(await world.at("authoritative_read").read("old")).toEqual(old);
  });

  test("makes no run under the host's own id while the table cannot say whether it has that one", async () => {
    const world = await newWorld();
    const old = hostRun({ id: "old", name: "An old one" });
    world.table.records.set("old", old);
    const read = () => Promise.reject(new Error("the host's table is locked"));
    for (const stage of ["write_through", "authoritative_read"] as const) {
      const rollout = world.at(stage, { projection: { ...world.table, read } });
      await expect(rollout.create(newRun("old"))).rejects.toThrow("the host's table is locked");
    }
    expect(world.table.records.get("old")).toEqual(old);
    expect(await world.store.feed(0, 10)).toEqual([]);
  });

  test("ends a run once: what comes later is refused and reaches neither side", async () => {
    const world = await newWorld();
    const rollout = world.at("write_through");
    await rollout.create(newRun("r"));
    await rollout.complete("r", { status: "cancelled", result: "", error: "not needed" });
    const before = structuredClone(world.table.records.get("r"));
    await expect(rollout.complete("r", { status: "completed", result: "", error: "" })).rejects.toMatchObject(
      {
        code: "run_terminal",
      },
    );
    await expect(rollout.update("r", status("a", "running"))).rejects.toMatchObject({ code: "run_terminal" });
    await expect(rollout.create(newRun("r"))).rejects.toMatchObject({ code: "run_exists" });
    expect(world.table.records.get("r")).toEqual(before);
  });

  test("leaves in the table the last of many writes at once, whichever was first", async () => {
    const world = await newWorld();
    const slow = {
      ...world.table,
      save: async (run: Parameters<typeof world.table.save>[0]) => {
        for (let turns = 10 * (20 - run.steps.length); turns > 0; turns -= 1) await new Promise(setImmediate);
        await world.table.save(run);
      },
    };
    const rollout = world.at("write_through", { projection: slow });
    await rollout.create(newRun("r"));
    await Promise.all(
      Array.from({ length: 12 }, (_, index) =>
        rollout.update("r", { kind: "step", step: hostStep(`s${index}`) }),
      ),
    );
    expect(world.table.records.get("r")).toEqual(await world.at("authoritative_read").read("r"));
    expect(world.table.records.get("r")?.steps).toHaveLength(13);
  });
});

describe("Runs that the host had before", () => {
  const old = hostRun({ id: "old", createdAt: "2025-01-01T00:00:00.000Z", status: "running" });
  for (const stage of ["write_through", "authoritative_read"] as const)
    test(`are taken in with the first change of them at ${stage}`, async () => {
      const world = await newWorld();
      world.table.records.set("old", old);
      await world.at(stage).update("old", status("a", "running"));
      expect(await world.at("projection_retired").read("old")).toMatchObject({
        createdAt: old.createdAt,
        steps: [{ stepId: "a", status: "running" }, { stepId: "z" }],
      });
    });

  test("stay readable at every stage to which a person advances, and keep their place in lists", async () => {
    const world = await newWorld();
    world.table.records.set("old", old);
    await world.at("shadow").create(newRun());
    await expect(world.at("shadow").advance()).rejects.toMatchObject({ code: "rollout_blocked" });
    await world.at("shadow").replay();
    for (const stage of ledgerStages) {
      if (stage !== "projection_retired") await world.at(stage).advance();
      expect(await world.at(stage).read("old")).toEqual(old);
      expect((await world.at(stage).list({ limit: 9 })).map(({ id }) => id)).toEqual(["h2", "old"]);
    }
  });

  test("are unknown to a ledger that never took them in, and only to it", async () => {
    const world = await newWorld();
    await expect(world.at("write_through").update("ghost", status("a", "running"))).rejects.toMatchObject({
      code: "run_not_found",
    });
    expect(await world.at("authoritative_read").read("ghost")).toBeUndefined();
    await expect(world.at("authoritative_read").list({ limit: 1, after: "ghost" })).rejects.toMatchObject({
      code: "run_not_found",
    });
  });
});

describe("Reads", () => {
  for (const stage of readingStages)
    test(`at ${stage} ask the table nothing`, async () => {
      const world = await newWorld();
      const rollout = world.at(stage);
      for (const id of ["a", "b", "c"]) await rollout.create(newRun(id));
      await rollout.complete("a", { status: "failed", result: "", error: "no" });
      await rollout.complete("b", { status: "cancelled", result: "", error: "no" });
      world.table.calls.length = 0;
      world.tableFaults.kind = "fails";
      expect((await rollout.read("a"))?.status).toBe("failed");
      const ids = async (statuses: readonly ("failed" | "cancelled" | "running")[], limit = 9) =>
        (await rollout.list({ statuses, limit })).map(({ id }) => id);
      expect(await ids(["failed"])).toEqual(["a"]);
      expect(await ids(["cancelled", "running"])).toHaveLength(2);
      expect(await ids(["running"], 0)).toEqual([]);
      expect(world.table.calls).toEqual([]);
    });

  test("of a list leave out a run whose journal was tampered with, and tell of it", async () => {
    const world = await newWorld();
    const rollout = world.at("authoritative_read");
    for (const id of ["a", "b"]) await rollout.create(newRun(id));
    const { load } = world.opened.ledger;
    const ledger = {
      ...world.opened.ledger,
      load: (runId: string) =>
        runId === "a" ? Promise.reject(new LedgerError("journal_tampered", "not as written")) : load(runId),
    };
    const wary = world.at("authoritative_read", { ledger: { ledger, host: world.opened.host } });
    expect((await wary.list({ limit: 9 })).map(({ id }) => id)).toEqual(["b"]);
    expect(world.troubles).toMatchObject([{ side: "ledger", id: "a", error: { code: "journal_tampered" } }]);
  });
});

describe("A retired table", () => {
  test("is neither written nor read, and says so by not having been called", async () => {
    const world = await newWorld();
    const rollout = world.at("projection_retired");
    const { run } = await rollout.create(newRun());
    await rollout.update(run.id, status("a", "running"));
    await rollout.list({ limit: 5 });
    await rollout.read(run.id);
    await rollout.replay();
    await rollout.status();
    await rollout.update("ghost", status("a", "running")).catch(() => undefined);
    expect(world.table.calls).toEqual([]);
  });

  test("has everything again before somebody who retreats reads it", async () => {
    const world = await newWorld();
    await world.at("authoritative_read").create(newRun("before"));
    const retired = world.at("projection_retired");
    await retired.create(newRun("during"));
    await retired.update("before", status("a", "running"));
    const { to, changes, replayed } = await retired.retreat();
    expect([to, changes]).toEqual([
      "authoritative_read",
      [{ key: "runLedger.projectionRetired", value: false }],
    ]);
    expect([...replayed.repaired].sort()).toEqual(["before", "during"]);
    for (const id of ["before", "during"])
      expect(world.table.records.get(id)).toEqual(await retired.read(id));
  });
});

describe("Advancing", () => {
  test("is refused while drift is unexplained, and free once a person explained it", async () => {
    const world = await newWorld();
    await world.at("shadow").create(newRun());
    world.table.records.delete("h1");
    const rollout = world.at("shadow", { ledger: world.opened });
    await expect(rollout.advance()).rejects.toMatchObject({
      code: "rollout_blocked",
      hint: expect.stringContaining("runledger rollout replay"),
      details: { unexplained: 1, degraded: 0, first: [{ kind: "missing_in_projection", id: "h1" }] },
    });
    for await (const drift of rollout.drift())
      await rollout.explain(drift, "deleted by its owner", world.opened.ledger.issue(person));
    expect(await rollout.advance()).toMatchObject({ from: "shadow", to: "write_through" });
    world.table.records.set("h1", hostRun({ id: "h1" }));
    await expect(rollout.advance()).rejects.toMatchObject({ code: "rollout_blocked" });
  });

  test("is refused while a run is degraded, even if nothing differs", async () => {
    const world = await newWorld();
    const rollout = world.at("write_through");
    world.tableFaults.kind = "fails";
    const { run } = await rollout.create(newRun());
    world.tableFaults.kind = "none";
    world.table.records.set(run.id, run);
    await expect(rollout.advance()).rejects.toMatchObject({
      code: "rollout_blocked",
      details: { unexplained: 0, degraded: 1 },
    });
    await rollout.replay();
    expect((await rollout.advance()).to).toBe("authoritative_read");
  });

  test("asks nothing of a ledger that was never written, and ends at the last stage", async () => {
    const world = await newWorld();
    world.table.records.set("old", hostRun({ id: "old" }));
    expect((await world.at("off").advance()).to).toBe("shadow");
    await expect(world.at("projection_retired").advance()).rejects.toMatchObject({ code: "rollout_ended" });
    await expect(world.at("off").retreat()).rejects.toMatchObject({ code: "rollout_ended" });
  });
});

describe("Retreating", () => {
  test("repairs what the stage before reads, from every stage that wrote the ledger first", async () => {
    for (const stage of ["write_through", "authoritative_read", "projection_retired"] as const) {
      const world = await newWorld();
      world.tableFaults.kind = "fails";
      const { run } = await world.at(stage).create(newRun());
      world.tableFaults.kind = "none";
      expect((await world.at(stage).retreat()).replayed.failed).toEqual([]);
      expect(world.table.records.get(run.id)).toMatchObject({ name: "Ship it", steps: [{ stepId: "a" }] });
      expect((await world.at(stage).status()).runs).toEqual({ synced: 1, pending: 0, degraded: 0 });
    }
  });

  test("works even when the table cannot be repaired, and says what could not be", async () => {
    const world = await newWorld();
    world.tableFaults.kind = "fails";
    const { run } = await world.at("authoritative_read").create(newRun());
    const { to, replayed } = await world.at("authoritative_read").retreat();
    expect(to).toBe("write_through");
    expect(replayed.failed.map(({ id }) => id)).toEqual([run.id, null]);
  });
});

test("Settings that contradict each other make no rollout", async () => {
  const world = await newWorld();
  const settings = { ...settingsOf("write_through"), writeThrough: false, authoritativeRead: true };
  expect(() => world.at("off", { settings })).toThrow(expect.objectContaining({ code: "settings_invalid" }));
});
