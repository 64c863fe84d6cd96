import { describe, expect, test } from "vitest";
import type { HostRun } from "../../src/core/reported.js";
import { type Drift, type DriftKind, differences } from "../../src/rollout/drift.js";
import { hostRun, hostStep, person } from "../helpers/cast.js";
import { newWorld, type World } from "./hosts.js";

const two = hostRun({ id: "r", steps: [hostStep("a"), hostStep("b")] });
const changedStep = (over: Partial<HostRun["steps"][number]>): HostRun => ({
  ...two,
  steps: [hostStep("a", over), hostStep("b")],
});

/** For each kind of difference two records that differ in nothing else. A new kind does not compile until it is here. */
const pairs: { readonly [K in DriftKind]: readonly [HostRun | undefined, HostRun | undefined] } = {
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

const all = async (drifts: AsyncIterable<Drift>): Promise<Drift[]> => {
  const found: Drift[] = [];
  for await (const drift of drifts) found.push(drift);
  return found;
};
const named = (drifts: readonly Drift[]): string[] =>
  drifts.map(({ kind, id, stepId }) => [kind, id, stepId].filter(Boolean).join(" ")).sort();

describe("Drift", () => {
  for (const kind of Object.keys(pairs) as DriftKind[])
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

  test("of ten thousand runs is found page by page", { timeout: 120_000 }, async () => {
    const world = await newWorld();
    const time = Date.UTC(2026, 0, 1);
    for (let index = 0; index < 10_000; index += 1) {
      const record = hostRun({ id: `r${index}`, createdAt: new Date(time + index).toISOString(), steps: [] });
      world.table.records.set(record.id, record);
    }
    // A table in memory sorts itself at each question; that is not what is tried here.
    const sorted = [...world.table.records.values()].reverse();
    let largest = 0;
    const paged = {
      ...world.table,
      list: async ({ limit, after }: { limit: number; after?: string }) => {
        largest = Math.max(largest, limit);
        const from = after === undefined ? 0 : 10_000 - Number(after.slice(1));
        return sorted.slice(from, from + limit);
      },
    };
    const rollout = world.at("shadow", { projection: paged });
    expect((await rollout.replay()).repaired).toHaveLength(10_000);
    const third = world.table.records.get("r3333") ?? hostRun();
    sorted[10_000 - 1 - 3_333] = { ...third, status: "paused" };
    world.table.records.set("r3333", { ...third, status: "paused" });
    expect(named(await all(rollout.drift()))).toEqual(["run_status r3333"]);
    expect(largest).toBeLessThanOrEqual(1_000);
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
