import { describe, expect, test } from "vitest";
import { LedgerError } from "../../src/core/errors.js";
import type { HostRun } from "../../src/core/reported.js";
import { type Drift, type DriftKind, differences } from "../../src/rollout/drift.js";
import { repairedRecord } from "../../src/rollout/repair.js";
import { hostRun, hostStep, person } from "../helpers/cast.js";
import { AT } from "../helpers/given.js";
import { all, expectFoundByPages, named } from "./drifts.js";
import { newWorld, type World } from "./hosts.js";

const two = hostRun({ id: "r", steps: [hostStep("a"), hostStep("b")] });
const changedStep = (over: Partial<HostRun["steps"][number]>): HostRun => ({
  ...two,
  steps: [hostStep("a", over), hostStep("b")],
});

/** Of what can be compared: a journal that cannot be read is no record. */
type Compared = Exclude<DriftKind, "unreadable_in_ledger">;

/** For each kind of difference two records that differ in nothing else. A new kind does not compile until it is here. */
const pairs: { readonly [K in Compared]: readonly [HostRun | undefined, HostRun | undefined] } = {
  missing_in_projection: [undefined, two],
  missing_in_ledger: [two, undefined],
  run_status: [two, { ...two, status: "paused" }],
  run_outcome: [two, { ...two, error: "late" }],
  run_facts: [two, { ...two, name: "Another" }],
  step_order: [two, { ...two, steps: [...two.steps].reverse() }],
  step_missing_in_projection: [{ ...two, steps: two.steps.slice(0, 1) }, two],
  step_missing_in_ledger: [two, { ...two, steps: two.steps.slice(0, 1) }],
  step_status: [two, changedStep({ status: "running" })],
  step_outcome: [two, changedStep({ result: "made" })],
  step_facts: [two, changedStep({ agent: "another" })],
};

const drifted = async (): Promise<World> => {
  const world = await newWorld();
  const rollout = world.at("shadow");
  for (const id of ["r1", "r2", "r3"]) await rollout.create({ ...hostRun({ id }), id });
  const { records } = world.table;
  records.delete("r1");
  records.set("r2", {
    ...hostRun({ id: "r2" }),
    status: "paused",
    steps: [hostStep("a", { status: "failed" })],
  });
  records.set("old", hostRun({ id: "old", createdAt: "2025-01-01T00:00:00.000Z" }));
  return world;
};

describe("Drift", () => {
  for (const kind of Object.keys(pairs) as Compared[])
    test(`is told as ${kind}, and equal records as nothing`, () => {
      const [projection, ledger] = pairs[kind];
      expect(differences(projection, ledger).map((one) => one.kind)).toEqual([kind]);
      expect(differences(projection, projection)).toEqual([]);
      expect(differences(ledger, structuredClone(ledger))).toEqual([]);
    });

  test("is all that differs, not the first of it, in the host's words on both sides", async () => {
    const found = await all((await drifted()).at("shadow").drift());
    expect(named(found)).toEqual([
      "missing_in_ledger old",
      "missing_in_projection r1",
      "run_status r2",
      "step_missing_in_projection r2 z",
      "step_status r2 a",
    ]);
    expect(found.find(({ kind }) => kind === "run_status")).toMatchObject({
      projection: "paused",
      ledger: "running",
    });
  });

  test("tells that a run was written between the two readings by telling nothing", async () => {
    const world = await newWorld();
    await world.at("write_through").create({ ...hostRun({ id: "r" }), id: "r" });
    const writer = world.at("write_through");
    const { list } = world.table;
    const meddled = {
      ...world.table,
      list: async (query: Parameters<typeof list>[0]) => {
        const page = await list(query);
        await writer.update("r", { kind: "run_status", status: "paused", result: "", error: "" });
        return page;
      },
    };
    expect(await all(world.at("write_through", { projection: meddled }).drift())).toEqual([]);
  });

  test("of more runs than a page holds is found page by page", () => expectFoundByPages(650));
});

describe("A journal that cannot be read", () => {
  const damaged = async (code: "journal_tampered" | "store_unavailable") => {
    const world = await drifted();
    const { ledger, host } = world.opened;
    const load = (runId: string) =>
      runId === "r1" || runId === "r2"
        ? Promise.reject(new LedgerError(code, "not as written"))
        : ledger.load(runId);
    return { world, rollout: world.at("shadow", { ledger: { ledger: { ...ledger, load }, host } }) };
  };

  test("is told as a difference of its own, and hides no other", async () => {
    const { world, rollout } = await damaged("journal_tampered");
    const found = await all(rollout.drift());
    expect(named(found)).toEqual([
      "missing_in_ledger old",
      "unreadable_in_ledger r1",
      "unreadable_in_ledger r2",
    ]);
    expect(found.filter(({ kind }) => kind === "unreadable_in_ledger")).toMatchObject([
      { id: "r2", projection: "paused", ledger: "journal_tampered" },
      { id: "r1", projection: null, ledger: "journal_tampered" },
    ]);
    expect((await rollout.replay()).failed.map(({ id }) => id)).toEqual(["r2"]);
    await expect(rollout.advance()).rejects.toMatchObject({
      code: "rollout_blocked",
      details: { unexplained: 2 },
    });
    for (const drift of await all(rollout.drift()))
      await world
        .at("shadow", { ledger: world.opened })
        .explain(drift, "restored by hand", world.opened.ledger.issue(person));
    expect((await rollout.advance()).to).toBe("write_through");
  });

  test("is another thing than a ledger that fails", async () => {
    const { rollout } = await damaged("store_unavailable");
    await expect(all(rollout.drift())).rejects.toMatchObject({ code: "store_unavailable" });
  });
});

describe("An explanation", () => {
  const explained = async () => {
    const world = await drifted();
    const first = await ofKind(world.at("shadow"), "run_status");
    if (first === undefined) throw new Error("no drift");
    return { world, first };
  };
  const ofKind = async (rollout: { drift(): AsyncIterable<Drift> }, kind: DriftKind) =>
    (await all(rollout.drift())).find((drift) => drift.kind === kind);

  test("is a person's, says who and why, and stays with the very same difference", async () => {
    const { world, first } = await explained();
    const rollout = world.at("shadow", { ledger: world.opened });
    await rollout.explain(first, "  paused by hand  ", world.opened.ledger.issue(person));
    expect((await ofKind(world.at("shadow"), "run_status"))?.explained).toMatchObject({
      by: { name: "ada", role: "human" },
      reason: "paused by hand",
      at: AT,
    });
    expect((await ofKind(world.at("shadow"), "step_status"))?.explained).toBeNull();
  });

  test("is void as soon as either side says something else, and good again when it says the same again", async () => {
    const { world, first } = await explained();
    const rollout = world.at("shadow", { ledger: world.opened });
    await rollout.explain(first, "paused by hand", world.opened.ledger.issue(person));
    const before = world.table.records.get("r2") ?? hostRun();
    world.table.records.set("r2", { ...before, status: "failed" });
    expect((await ofKind(rollout, "run_status"))?.explained).toBeNull();
    world.table.records.set("r2", before);
    expect((await ofKind(rollout, "run_status"))?.explained).not.toBeNull();
  });

  test("of what is missing is void when what is there becomes something else", async () => {
    const { world } = await explained();
    const { records } = world.table;
    const rollout = world.at("shadow", { ledger: world.opened });
    const extra = hostStep("extra");
    const of = (id: string, over: Partial<HostRun>) =>
      records.set(id, { ...(records.get(id) ?? hostRun()), ...over });
    of("r3", { steps: [...hostRun().steps, extra] });
    const missing = async () => [
      (await ofKind(rollout, "missing_in_ledger"))?.explained?.reason,
      (await ofKind(rollout, "step_missing_in_ledger"))?.explained?.reason,
    ];
    for (const drift of await all(rollout.drift()))
      await rollout.explain(drift, "known", world.opened.ledger.issue(person));
    expect(await missing()).toEqual(["known", "known"]);
    of("old", { result: "done all the same" });
    expect(await missing()).toEqual([undefined, "known"]);
    of("r3", { steps: [...hostRun().steps, { ...extra, error: "it hurts" }] });
    expect(await missing()).toEqual([undefined, undefined]);
  });

  test("of an agent, of nobody, or without a reason is none", async () => {
    const { world, first } = await explained();
    const rollout = world.at("shadow", { ledger: world.opened });
    const { ledger } = world.opened;
    const agent = ledger.issue({ name: "coder", role: "executor", sessionKey: "session-1" });
    await expect(rollout.explain(first, "fine", agent)).rejects.toMatchObject({ code: "access_denied" });
    await expect(rollout.explain(first, "fine", person)).rejects.toMatchObject({ code: "access_denied" });
    await expect(rollout.explain(first, " ", ledger.issue(person))).rejects.toMatchObject({
      code: "invalid_input",
    });
    expect((await ofKind(rollout, "run_status"))?.explained).toBeNull();
  });
});

/** Explains everything in which the two sides differ now, or what `meant` picks. */
const explainAll = async (world: World, meant: (drift: Drift) => boolean = () => true): Promise<void> => {
  const rollout = world.at("shadow", { ledger: world.opened });
  for (const drift of (await all(rollout.drift())).filter(meant))
    await rollout.explain(drift, "as it should be", world.opened.ledger.issue(person));
};

describe("What a person explained", () => {
  for (const stage of ["write_through", "authoritative_read", "projection_retired"] as const)
    test(`is left as it is when somebody retreats from ${stage}`, async () => {
      const world = await drifted();
      await explainAll(world);
      const before = structuredClone(world.table.records);
      const { replayed } = await world.at(stage).retreat();
      expect(world.table.records).toEqual(before);
      expect(await world.store.mirrorOf({ projection: "board", hostId: "old" })).toBeUndefined();
      expect([replayed.repaired, [...replayed.explained].sort(), replayed.failed]).toEqual([
        [],
        ["old", "r1", "r2"],
        [],
      ]);
      expect((await all(world.at("shadow").drift())).every(({ explained }) => explained !== null)).toBe(true);
      expect((await world.at(stage).status()).runs).toEqual({ synced: 3, pending: 0, degraded: 0 });
    });

  test("is left as it is by a replay into the ledger", async () => {
    const world = await drifted();
    await explainAll(world);
    const events = (await world.store.feed(0, 1_000)).length;
    const { checked, repaired, explained } = await world.at("shadow").replay();
    expect([checked, repaired, [...explained].sort()]).toEqual([3, [], ["old", "r2"]]);
    expect(await world.store.feed(0, 1_000)).toHaveLength(events);
  });

  test("is left while the rest of the same run is repaired, towards either side", async () => {
    for (const stage of ["shadow", "write_through"] as const) {
      const world = await drifted();
      await explainAll(world, ({ kind }) => kind === "run_status");
      const replayed = await world.at(stage).replay();
      expect(replayed.repaired).toContain("r2");
      expect(replayed.explained).toEqual(["r2"]);
      const table = world.table.records.get("r2");
      const ledger = await world.at("projection_retired").read("r2");
      expect([table?.status, ledger?.status]).toEqual(["paused", "running"]);
      expect([table?.steps[0], table?.steps[0]?.status]).toEqual([
        ledger?.steps[0],
        stage === "shadow" ? "failed" : "pending",
      ]);
      expect((await world.at(stage).replay()).repaired).toEqual([]);
    }
  });

  // One record differs in everything that can differ in one; each time only one kind is explained.
  const here: HostRun = {
    ...two,
    name: "Another",
    status: "paused",
    result: "half",
    steps: [hostStep("b"), hostStep("a", { status: "failed", error: "no", goal: "Else" }), hostStep("own")],
  };
  const there: HostRun = { ...two, steps: [...two.steps, hostStep("more")] };
  for (const kind of Object.keys(pairs) as Compared[])
    test(`of the kind ${kind} is all that is left`, () => {
      const [now, truth] = kind.startsWith("missing") ? [undefined, there] : [here, there];
      const found = differences(now, truth);
      const explained = found.filter((one) => one.kind === kind);
      const repaired = repairedRecord(now, truth, explained);
      if (kind === "missing_in_ledger") {
        expect(repaired).toEqual(there);
        return;
      }
      expect(explained).not.toEqual([]);
      const left = differences(repaired, truth);
      expect(left.map((one) => [one.kind, one.stepId])).toEqual(
        explained.map((one) => [one.kind, one.stepId]),
      );
      // The order is one of all steps that both have, and now they have more of them in common.
      if (kind !== "step_order") expect(left).toEqual(explained);
    });
});

describe("Replay", () => {
  test("in shadow brings the ledger to what the table says, and a second time changes nothing", async () => {
    const world = await drifted();
    const first = await world.at("shadow").replay();
    expect([first.truth, first.checked, [...first.repaired].sort(), first.failed]).toEqual([
      "projection",
      3,
      ["old", "r2"],
      [],
    ]);
    const seqs = (await world.store.feed(0, 1_000)).length;
    expect((await world.at("shadow").replay()).repaired).toEqual([]);
    expect(await world.store.feed(0, 1_000)).toHaveLength(seqs);
    // What a journal has it keeps: these two are for a person to explain.
    expect(named(await all(world.at("shadow").drift()))).toEqual([
      "missing_in_projection r1",
      "step_missing_in_projection r2 z",
    ]);
  });

  test("later brings the table to what the ledger says, takes in what only the table has, and no more", async () => {
    const world = await drifted();
    const first = await world.at("write_through").replay();
    expect([first.truth, [...first.repaired].sort(), first.failed]).toEqual([
      "ledger",
      ["old", "r1", "r2"],
      [],
    ]);
    world.table.calls.length = 0;
    const events = (await world.store.feed(0, 1_000)).length;
    expect((await world.at("write_through").replay()).repaired).toEqual([]);
    expect(world.table.calls).not.toContain("save");
    expect(await world.store.feed(0, 1_000)).toHaveLength(events);
    expect(await all(world.at("write_through").drift())).toEqual([]);
  });

  test("goes on behind a run that cannot be repaired, and names it", async () => {
    const world = await drifted();
    const stubborn = {
      ...world.table,
      save: async (run: HostRun) => {
        if (run.id === "r1") throw new Error("r1 is locked");
        await world.table.save(run);
      },
    };
    const { repaired, failed } = await world.at("write_through", { projection: stubborn }).replay();
    expect([...repaired].sort()).toEqual(["old", "r2"]);
    expect(failed.map(({ id }) => id)).toEqual(["r1"]);
    expect((await world.at("write_through").status()).runs).toEqual({ synced: 3, pending: 0, degraded: 1 });
  });
});
