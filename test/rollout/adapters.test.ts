import { describe, expect, test } from "vitest";
import { GOAL_CHARS } from "../../src/core/limits.js";
import { HostStepStatus } from "../../src/core/reported.js";
import {
  createBackgroundAdapter,
  createWorkflowAdapter,
  type TaskStatus,
} from "../../src/rollout/adapters.js";
import { createRollout } from "../../src/rollout/rollout.js";
import { type Stage, stages } from "../../src/rollout/stage.js";
import { openedIn } from "../helpers/ledgers.js";
import { memoryTable, settingsOf } from "./hosts.js";

const at = async (stage: Stage) => {
  const opened = await openedIn(":memory:");
  const table = memoryTable();
  const rollout = createRollout({ ledger: opened, projection: table, settings: settingsOf(stage) });
  return {
    ...opened,
    table,
    rollout,
    workflows: createWorkflowAdapter(rollout),
    tasks: createBackgroundAdapter(rollout),
  };
};

const release = {
  id: "wf-1",
  name: "Release",
  description: "Ship the release",
  definition: { template: "release", retries: [1, 2] },
  sessionKey: "session-1",
  startedAt: "2026-01-02T03:04:05.000Z",
  steps: [
    { id: "build", goal: "Build it", agent: "coder" },
    { id: "ship", goal: "Ship it", dependsOn: ["build"] },
  ],
};
const task = {
  id: "task-1",
  prompt: "Find the bug\nand tell me",
  sessionKey: "session-1",
  origin: { channel: "chat" },
  createdAt: "2026-01-02T03:04:05.000Z",
};

describe.each(stages)("In the stage %s", (stage) => {
  test("a workflow reads back as it was told, from its beginning to its end", async () => {
    const { workflows } = await at(stage);
    expect(await workflows.create(release)).toBe("wf-1");
    await workflows.stepStatus("wf-1", "build", "running");
    await workflows.stepStatus("wf-1", "build", "completed", { result: "built" });
    await workflows.addStep("wf-1", { id: "tell", goal: "Tell people" });
    await workflows.stepStatus("wf-1", "ship", "failed", { error: "no network" });
    await workflows.stepStatus("wf-1", "tell", "skipped");
    await workflows.runStatus("wf-1", "paused");
    expect((await workflows.read("wf-1"))?.status).toBe("paused");
    await workflows.complete("wf-1", "failed", { error: "no network" });
    expect(await workflows.read("wf-1")).toEqual({
      ...release,
      status: "failed",
      result: "",
      error: "no network",
      steps: [
        {
          id: "build",
          goal: "Build it",
          agent: "coder",
          dependsOn: [],
          status: "completed",
          result: "built",
          error: "",
        },
        {
          id: "ship",
          goal: "Ship it",
          agent: "",
          dependsOn: ["build"],
          status: "failed",
          result: "",
          error: "no network",
        },
        {
          id: "tell",
          goal: "Tell people",
          agent: "",
          dependsOn: [],
          status: "skipped",
          result: "",
          error: "",
        },
      ],
    });
  });

  test.each(HostStepStatus.options)("the step status %s comes back as the same word", async (status) => {
    const { workflows } = await at(stage);
    await workflows.create(release);
    await workflows.stepStatus("wf-1", "build", status);
    expect((await workflows.read("wf-1"))?.steps[0]?.status).toBe(status);
  });

  test("a task goes by the id that its host gave, and each of its words comes back", async () => {
    const { tasks, rollout } = await at(stage);
    expect(await tasks.prepare(task)).toBe("task-1");
    expect(await tasks.read("task-1")).toEqual({ ...task, status: "pending", result: "", error: "" });
    const words: readonly (readonly [TaskStatus, string])[] = [
      ["running", "running"],
      ["pending", "pending"],
      ["running", "running"],
      ["done", "completed"],
    ];
    for (const [status, step] of words) {
      await tasks.sync({ id: "task-1", status, result: status === "done" ? "found" : "" });
      expect(await tasks.read("task-1")).toMatchObject({ status });
      expect((await rollout.read("task-1"))?.steps).toMatchObject([
        { stepId: "background-task", status: step },
      ]);
    }
    expect(await tasks.read("task-1")).toMatchObject({ result: "found" });
  });

  test.each(["done", "failed", "cancelled"] as const)(
    "a task that is %s may be told so twice",
    async (status) => {
      const { tasks, rollout } = await at(stage);
      await tasks.prepare(task);
      for (const _ of [1, 2])
        await tasks.sync({ id: "task-1", status, error: status === "failed" ? "no" : "" });
      expect(await tasks.read("task-1")).toMatchObject({ status });
      expect((await rollout.read("task-1"))?.steps[0]?.status).toBe(status === "done" ? "completed" : status);
    },
  );

  test("the lists keep tasks and workflows apart, before they are limited", async () => {
    const { tasks, workflows } = await at(stage);
    await workflows.create(release);
    for (let one = 0; one < 120; one += 1)
      await tasks.prepare({ prompt: "x", sessionKey: "s", createdAt: `2026-02-01T00:00:00.${100 + one}Z` });
    expect((await workflows.list({ limit: 1 })).map(({ id }) => id)).toEqual(["wf-1"]);
    expect(await workflows.read((await tasks.list({ limit: 1 }))[0]?.id ?? "")).toBeUndefined();
    const first = await tasks.list({ limit: 50 });
    const rest = await tasks.list({ limit: 500, after: first.at(-1)?.id ?? "" });
    expect(new Set([...first, ...rest].map(({ id }) => id)).size).toBe(120);
    expect(await workflows.list({ limit: 0 })).toEqual([]);
  });
});

test("From write-through on an id that is free is made by the ledger, and is the id in the host's table too", async () => {
  const { tasks, table, ledger } = await at("write_through");
  const id = await tasks.prepare({ prompt: "x", sessionKey: "s" });
  expect([...table.records.keys()]).toEqual([id]);
  expect((await ledger.load(id)).steps[0]?.spec.id).toBe("background-task");
});

test("Half a character, which no table would give back, is refused before it is written anywhere", async () => {
  const { tasks, table, ledger } = await at("write_through");
  await expect(tasks.prepare({ prompt: "x\ud800", sessionKey: "s" })).rejects.toMatchObject({
    code: "invalid_input",
  });
  expect([table.records.size, await ledger.list({ limit: 1 })]).toEqual([0, []]);
});

test("No word of a host verifies anything: its steps are reported, and say so (W06)", async () => {
  const { tasks, ledger } = await at("write_through");
  const id = await tasks.prepare({ prompt: "x", sessionKey: "s" });
  await tasks.sync({ id, status: "done", result: "trust me" });
  const run = await ledger.load(id);
  expect(run.steps[0]?.state).toMatchObject({ status: "completed", how: "reported", verdict: null });
  const types = (await ledger.events(id, 0, 50)).map(({ type }) => type);
  expect(types.filter((type) => type.startsWith("step_validation"))).toEqual([]);
});

test("A task's long prompt is cut between characters, for the ledger takes no half ones", async () => {
  const { tasks, rollout } = await at("write_through");
  const prompt = `${"x".repeat(GOAL_CHARS - 2)}🚀 and more`;
  await tasks.prepare({ ...task, prompt });
  expect((await tasks.read("task-1"))?.prompt).toBe(prompt);
  expect((await rollout.read("task-1"))?.name).toBe(`${"x".repeat(GOAL_CHARS - 2)}…`);
});
