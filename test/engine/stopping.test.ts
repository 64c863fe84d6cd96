import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { AgentTask } from "../../src/index.js";
import { planOfSteps, sample, stepBy } from "../helpers/bench.js";
import {
  aborted,
  began,
  cancel,
  eventsOf,
  eventually,
  gate,
  pause,
  placesOf,
  resume,
  say,
  stateOf,
  typesOf,
  untilFile,
} from "../helpers/driving.js";
import { buggySum, MARKS_OUTSIDE } from "../helpers/project.js";

describe("a person who pauses", () => {
  it("while an agent works: its work is still proposed, nothing new starts, and resuming goes on", async () => {
    const shop = await sample({ ...buggySum, "runledger.yaml": MARKS_OUTSIDE });
    const working = gate();
    const goOn = gate();
    const told: AgentTask[] = [];
    const app = await shop.open({
      coder: async (task) => {
        told.push(task);
        working.open();
        await goOn.opened;
        return "done";
      },
    });
    const plan = planOfSteps(stepBy("a", "true"), stepBy("b", "true", { depends_on: ["a"] }));
    const runId = await began(app, plan);
    const driving = app.drive(runId);
    await working.opened;
    await say(app, runId, pause);
    goOn.open();
    const { run, end } = await driving;
    expect(end).toBe("idle");
    expect(told.map(({ signal }) => signal.aborted)).toEqual([false]);
    expect(run.state).toMatchObject({ status: "paused", reason: "requested" });
    expect(stateOf(run, "a")).toMatchObject({ status: "verify_pending" });
    await say(app, runId, resume);
    expect((await app.drive(runId)).run.state.status).toBe("completed");
    expect(told.map(({ stepId, attempt }) => [stepId, attempt])).toEqual([
      ["a", 1],
      ["b", 1],
    ]);
  });

  it("while a workspace is being prepared: no fault, and the step starts after resuming", async () => {
    const go = (place: string) => join(place, "go");
    const shop = await sample({ ...buggySum, "runledger.yaml": MARKS_OUTSIDE });
    const preparing = join(shop.place, "preparing");
    const setup = [["sh", "-c", `touch ${preparing}; ${untilFile(go(shop.place))}`]];
    await shop.write({ "runledger.yaml": `workspace:\n  setup: ${JSON.stringify(setup)}\n${MARKS_OUTSIDE}` });
    const app = await shop.open({ coder: () => "done" });
    const runId = await began(app, planOfSteps(stepBy("a", "true")));
    const driving = app.drive(runId);
    await eventually("the workspace is being prepared", () => existsSync(preparing));
    await say(app, runId, pause);
    await writeFile(go(shop.place), "");
    expect(await driving).toMatchObject({ end: "idle", run: { state: { status: "paused" } } });
    expect(await typesOf(app, runId)).toEqual(["run_created", "plan_attached", "run_paused"]);
    await say(app, runId, resume);
    expect((await app.drive(runId)).run.state.status).toBe("completed");
    expect(await placesOf(app)).toEqual([]);
  });
});

describe("a person who cancels", () => {
  it("while an agent works: its signal aborts and what it says then is not recorded", async () => {
    const shop = await sample({ ...buggySum, "runledger.yaml": MARKS_OUTSIDE });
    const working = gate();
    const app = await shop.open({
      coder: async ({ signal }) => {
        working.open();
        await aborted(signal);
        return "done after all";
      },
    });
    const runId = await began(app, planOfSteps(stepBy("a", "true")));
    const driving = app.drive(runId);
    await working.opened;
    await say(app, runId, cancel);
    const { run, end } = await driving;
    expect(end).toBe("idle");
    expect(run.state).toMatchObject({ status: "failed", reason: "cancelled", message: "not needed" });
    expect((await typesOf(app, runId)).at(-1)).toBe("run_failed");
    expect(stateOf(run, "a")).toMatchObject({ status: "in_progress" });
  });

  it("while the work is judged: the judge is stopped, its word is not recorded, and no room stays", async () => {
    const shop = await sample({ ...buggySum, "runledger.yaml": MARKS_OUTSIDE });
    const judging = join(shop.place, "judging");
    const app = await shop.open({ coder: () => "done" });
    const never = `touch ${judging}; ${untilFile("/nowhere")}`;
    const runId = await began(app, planOfSteps(stepBy("a", never, { timeout: "5m" })));
    const driving = app.drive(runId);
    await eventually("the work is being judged", () => existsSync(judging));
    await say(app, runId, cancel);
    expect(await driving).toMatchObject({ end: "idle", run: { state: { status: "failed" } } });
    expect((await typesOf(app, runId)).slice(-2)).toEqual(["step_result_proposed", "run_failed"]);
    expect(await placesOf(app)).toEqual(["workspace"]);
  });
});

describe("Ctrl-C", () => {
  it("leaves the step in progress; the same attempt goes on in the same folder with what lay there", async () => {
    const shop = await sample({ ...buggySum, "runledger.yaml": MARKS_OUTSIDE });
    const working = gate();
    const folders: string[] = [];
    const app = await shop.open({
      coder: async ({ workspace, signal, attempt }) => {
        folders.push(`${attempt} ${workspace}`);
        const half = join(workspace, "half.txt");
        if (existsSync(half)) return `went on from: ${await readFile(half, "utf8")}`;
        await writeFile(half, "half done");
        working.open();
        await aborted(signal);
        return "as far as I got";
      },
    });
    const runId = await began(app, planOfSteps(stepBy("a", "test -f half.txt")));
    const interrupted = new AbortController();
    const driving = app.drive(runId, interrupted.signal);
    await working.opened;
    interrupted.abort();
    const { run, end } = await driving;
    expect(end).toBe("stopped");
    expect(stateOf(run, "a")).toMatchObject({ status: "in_progress" });
    expect((await app.view(runId)).waiting).toMatchObject({ for: "worker", stepId: "a" });
    expect(await placesOf(app)).toEqual(["workspace"]);
    const after = await app.drive(runId);
    expect(after.run.state.status).toBe("completed");
    expect(new Set(folders).size).toBe(1);
    expect(stateOf(after.run, "a")).toMatchObject({ proposal: { result: "went on from: half done" } });
    const types = await typesOf(app, runId);
    expect(types.filter((type) => type === "step_started")).toHaveLength(1);
    expect(types).not.toContain("worker_lost");
  });

  it("stops a judge; the same proposal is judged later, and it costs nothing", async () => {
    const shop = await sample({ ...buggySum, "runledger.yaml": MARKS_OUTSIDE });
    const judging = join(shop.place, "judging");
    const go = join(shop.place, "go");
    const app = await shop.open({ coder: () => "done" });
    const judge = `touch ${judging}; ${untilFile(go)}`;
    const runId = await began(app, planOfSteps(stepBy("a", judge, { timeout: "5m" })));
    const interrupted = new AbortController();
    const driving = app.drive(runId, interrupted.signal);
    await eventually("the work is being judged", () => existsSync(judging));
    interrupted.abort();
    const { run, end } = await driving;
    expect(end).toBe("stopped");
    expect(stateOf(run, "a")).toMatchObject({ status: "verify_pending", errors: 0 });
    await writeFile(go, "");
    expect((await app.drive(runId)).run.state.status).toBe("completed");
    const proposals = (await eventsOf(app, runId)).filter(({ type }) => type === "step_result_proposed");
    expect(proposals).toHaveLength(1);
  });

  it("before anything began starts nothing", async () => {
    const shop = await sample({ ...buggySum, "runledger.yaml": MARKS_OUTSIDE });
    const app = await shop.open({ coder: () => expect.unreachable("it was started") });
    const runId = await began(app, planOfSteps(stepBy("a", "true")));
    expect(await app.drive(runId, AbortSignal.abort())).toMatchObject({ end: "stopped" });
    expect(await typesOf(app, runId)).toEqual(["run_created", "plan_attached"]);
  });
});

describe("an end that leaves nothing behind", () => {
  it.each([
    ["by its last verdict", undefined],
    ["by its last criterion", [{ description: "ok", validator: { type: "command_pass", target: "true" } }]],
  ])("%s: folders of skipped steps go too", async (_how, acceptance_criteria) => {
    const shop = await sample({ ...buggySum, "runledger.yaml": MARKS_OUTSIDE });
    const app = await shop.open({
      coder: ({ stepId }) => {
        if (stepId === "a") throw new Error("I cannot");
        return "done";
      },
    });
    const steps = [stepBy("a", "true", { max_retries: 0 }), stepBy("b", "true", { depends_on: ["a"] })];
    const runId = await began(app, {
      ...planOfSteps(...steps),
      ...(acceptance_criteria ? { acceptance_criteria } : {}),
    });
    await app.drive(runId);
    expect(await placesOf(app)).toEqual(["workspace"]);
    const skip = {
      type: "apply_policy",
      stepId: "a",
      decision: { action: "skip" },
      reason: "later",
    } as const;
    await say(app, runId, skip);
    await say(app, runId, resume);
    expect((await app.drive(runId)).run.state.status).toBe("completed");
    expect(await placesOf(app)).toEqual([]);
    expect(buggySum["src/sum.mjs"]).toBe(await readFile(join(shop.repo, "src/sum.mjs"), "utf8"));
  });
});

describe("a run that is not there or is over", () => {
  it("is not driven", async () => {
    const shop = await sample({ ...buggySum, "runledger.yaml": MARKS_OUTSIDE });
    const app = await shop.open({ coder: () => "done" });
    await expect(app.drive("run_ghost")).rejects.toMatchObject({ code: "run_not_found" });
    await expect(app.drive("run_ghost")).rejects.toMatchObject({ code: "run_not_found" });
    const runId = await began(app, planOfSteps(stepBy("a", "true")));
    await app.drive(runId);
    const { seq } = await app.ledger.load(runId);
    expect(await app.drive(runId)).toMatchObject({ end: "idle", run: { seq } });
  });
});
