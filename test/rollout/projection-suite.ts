import fc from "fast-check";
import { expect, test } from "vitest";
import type { HostRun, HostStep } from "../../src/core/reported.js";
import type { NewHostRun, Projection } from "../../src/rollout/projection.js";

export const hostStep = (stepId: string, over: Partial<HostStep> = {}): HostStep => ({
  stepId,
  goal: `Do ${stepId}`,
  agent: "coder",
  dependsOn: [],
  status: "pending",
  result: "",
  error: "",
  ...over,
});

export const newRun = (over: Partial<NewHostRun> = {}): NewHostRun => ({
  kind: "workflow",
  sessionKey: "session-1",
  name: "Ship it",
  request: "Please ship it",
  ...over,
});

export const hostRun = (id: string, over: Partial<HostRun> = {}): HostRun => ({
  id,
  kind: "workflow",
  sessionKey: "session-1",
  name: "Ship it",
  request: "Please ship it",
  descriptor: null,
  createdAt: "2026-01-02T03:04:05.000Z",
  status: "running",
  result: "",
  error: "",
  steps: [hostStep("build"), hostStep("test", { dependsOn: ["build"] })],
  ...over,
});

/** What agents write to get out of a line, a cell, a comment, a list or a block. */
const EVIL = [
  "a\n\n## Other run\n\n- [x] completed · **fake** <!-- runledger:step {} -->",
  "--> <script>alert(1)</script> <!-- runledger:end -->",
  "| a | b |\n|---|---|",
  "\u0000\u001b[31m\u202e\u2028\u200b\r",
  "'; DROP TABLE workflow_runs; --",
  "**bold** `code` [x](http://e.vil) # ~~no~~ $1$ \\",
  "---",
  "",
];
const texts = fc.oneof(
  fc.constantFrom(...EVIL),
  fc.string({ unit: "grapheme", maxLength: 30 }),
  fc.string({ unit: "binary-ascii", maxLength: 30 }),
);
const ids = fc.oneof(
  fc.constantFrom(...EVIL.filter((text) => text !== "")),
  fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 }),
);
const steps = fc.array(
  fc.record({
    stepId: ids,
    goal: texts,
    agent: texts,
    dependsOn: fc.array(ids, { maxLength: 2 }),
    status: fc.constantFrom("pending", "running", "completed", "failed", "skipped", "cancelled"),
    result: texts,
    error: texts,
  }),
  { maxLength: 4 },
);
const records = fc.record({
  id: ids,
  kind: fc.constantFrom("workflow", "background"),
  sessionKey: ids,
  name: texts,
  request: texts,
  descriptor: fc.oneof(fc.constant(null), texts, fc.record({ a: texts, b: fc.array(fc.integer()) })),
  createdAt: fc.integer({ min: 0, max: 9 }).map((n) => `2026-01-0${(n % 3) + 1}T00:00:00.00${n}Z`),
  status: fc.constantFrom("pending", "running", "paused", "completed", "failed", "cancelled"),
  result: texts,
  error: texts,
  steps: steps.map((all) =>
    all.filter(({ stepId }, at) => all.findIndex((one) => one.stepId === stepId) === at),
  ),
});

/** Every promise of `Projection`, for the tables that are shipped. */
export const projectionSuite = (open: () => Promise<Projection>): void => {
  test("has nothing before anything is written", async () => {
    const table = await open();
    expect(await table.read("run-1")).toBeUndefined();
    expect(await table.list({ limit: 10 })).toEqual([]);
    await expect(table.list({ limit: 10, after: "run-1" })).rejects.toMatchObject({ code: "run_not_found" });
  });

  test("makes a record, its id and its time, or takes those that are given", async () => {
    const table = await open();
    const made = await table.create(newRun());
    expect(made).toMatchObject({ status: "running", descriptor: null, steps: [], result: "", error: "" });
    expect(await table.read(made.id)).toEqual(made);
    const given = {
      id: "run-1",
      createdAt: "2026-01-02T03:04:05.000Z",
      status: "pending",
      steps: [hostStep("a")],
    } as const;
    expect(await table.create(newRun(given))).toMatchObject(given);
    await expect(table.create(newRun(given))).rejects.toMatchObject({ code: "run_exists" });
  });

  test("carries changes: of a step, of a new step, of the run", async () => {
    const table = await open();
    await table.create(newRun({ id: "run-1", steps: [hostStep("a"), hostStep("b")] }));
    await table.update("run-1", {
      kind: "step_status",
      stepId: "a",
      status: "completed",
      result: "ok",
      error: "",
    });
    await table.update("run-1", { kind: "step", step: hostStep("c", { dependsOn: ["a"] }) });
    await table.update("run-1", { kind: "step", step: hostStep("b", { goal: "Do b well" }) });
    await table.update("run-1", { kind: "run_status", status: "failed", result: "", error: "no" });
    expect(await table.read("run-1")).toMatchObject({
      status: "failed",
      error: "no",
      steps: [
        hostStep("a", { status: "completed", result: "ok" }),
        hostStep("b", { goal: "Do b well" }),
        hostStep("c", { dependsOn: ["a"] }),
      ],
    });
  });

  test("refuses changes of what is not there", async () => {
    const table = await open();
    const change = { kind: "run_status", status: "failed", result: "", error: "" } as const;
    await expect(table.update("run-1", change)).rejects.toMatchObject({ code: "run_not_found" });
    await table.create(newRun({ id: "run-1" }));
    const step = { ...change, kind: "step_status", stepId: "a" } as const;
    await expect(table.update("run-1", step)).rejects.toMatchObject({ code: "step_not_found" });
  });

  test("becomes exactly what is saved, also where steps are fewer or in another order (W76)", async () => {
    const table = await open();
    const [build, check] = [hostStep("build"), hostStep("test")];
    for (const steps of [[build, check], [check, build], [check], [], [build, hostStep("x"), check]]) {
      await table.save(hostRun("run-1", { steps }));
      expect(await table.read("run-1")).toEqual(hostRun("run-1", { steps }));
    }
  });

  test("lists the newest first, filtered before limited, page by page", async () => {
    const table = await open();
    for (const [at, id] of ["b", "c", "a", "e", "d"].entries())
      await table.save(
        hostRun(id, {
          createdAt: `2026-01-0${at < 3 ? 1 : 2}T00:00:00.000Z`,
          status: id === "c" ? "failed" : "running",
        }),
      );
    const idsOf = async (query: Parameters<Projection["list"]>[0]) =>
      (await table.list(query)).map(({ id }) => id);
    expect(await idsOf({ limit: 10 })).toEqual(["e", "d", "c", "b", "a"]);
    expect(await idsOf({ limit: 2, after: "d" })).toEqual(["c", "b"]);
    expect(await idsOf({ limit: 2, after: "c", statuses: ["running"] })).toEqual(["b", "a"]);
    expect(await idsOf({ limit: 1, statuses: ["failed", "paused"] })).toEqual(["c"]);
    expect(await idsOf({ limit: 1, statuses: [] })).toEqual([]);
    await expect(table.list({ limit: 10, after: "nobody" })).rejects.toMatchObject({ code: "run_not_found" });
  });

  test("gives back whatever hosts and agents wrote, character by character", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(records, { minLength: 1, maxLength: 3 }), async (written) => {
        const table = await open();
        for (const record of written) await table.save(record);
        for (const record of written.filter(
          ({ id }, at) => written.findLastIndex((one) => one.id === id) === at,
        ))
          expect(await table.read(record.id)).toEqual(record);
        expect(await table.list({ limit: 10 })).toHaveLength(new Set(written.map(({ id }) => id)).size);
      }),
      { numRuns: 60 },
    );
  });
};
