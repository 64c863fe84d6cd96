import { mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type AgentFunction, openRunLedger, type RunLedger, type StepLogs } from "../../src/index.js";
import { planOfSteps, sample, stepBy } from "../helpers/bench.js";
import { answer, began, eventsOf, placesOf, resume, say, stateOf, typesOf } from "../helpers/driving.js";
import { buggySum, onePlan } from "../helpers/project.js";

const countOf = (types: readonly string[], type: string): number =>
  types.filter((one) => one === type).length;

describe("a judge that could not run", () => {
  it("for want of a toolchain pauses the run, costs no retry, and is asked again after resuming", async () => {
    const shop = await sample();
    // A machine with a shell but without node, until it is installed.
    const programs = join(shop.place, "programs");
    await mkdir(programs);
    const app = await openRunLedger({
      projectDir: shop.repo,
      env: { ...shop.env, PATH: programs },
      agents: { coder: () => "done" },
    });
    try {
      const plan = onePlan({ validator: { type: "test_pass", params: { toolchain: "node" } } });
      const runId = await began(app, plan);
      const { run, end } = await app.drive(runId);
      expect(end).toBe("idle");
      expect(run.state).toMatchObject({ status: "paused", reason: "verification_errored", stepId: "sum" });
      expect(run.steps[0]).toMatchObject({ retryCount: 0, attempt: 1 });
      const verdict = stateOf(run, "sum");
      expect(verdict).toMatchObject({
        status: "verify_pending",
        lastError: { outcome: "errored", reason: "toolchain_missing", hint: expect.stringContaining("node") },
      });
      expect(countOf(await typesOf(app, runId), "step_validation_errored")).toBe(3);
      await symlink(process.execPath, join(programs, "node"));
      await say(app, runId, resume);
      const { run: after } = await app.drive(runId);
      expect(stateOf(after, "sum")).toMatchObject({ status: "failed", verdict: { reason: "check_failed" } });
      expect(countOf(await typesOf(app, runId), "step_result_proposed")).toBeGreaterThanOrEqual(1);
    } finally {
      await app.close();
    }
  });

  it("because a shared path is gone pauses the run, and goes on when it is back", async () => {
    const shop = await sample({
      ...buggySum,
      ".gitignore": "vendor/\n",
      "vendor/dependency.txt": "1",
      "runledger.yaml": "workspace:\n  share: [vendor]\n",
    });
    const vendor = join(shop.repo, "vendor");
    const app = await shop.open({
      coder: async () => {
        await rm(vendor, { recursive: true });
        return "done";
      },
    });
    const runId = await began(app, planOfSteps(stepBy("a", "test -f vendor/dependency.txt")));
    const { run } = await app.drive(runId);
    expect(run.state).toMatchObject({ status: "paused", reason: "verification_errored" });
    expect(stateOf(run, "a")).toMatchObject({
      lastError: { reason: "provision_failed", hint: expect.stringContaining("workspace.share") },
    });
    await shop.write({ "vendor/dependency.txt": "1" });
    await say(app, runId, resume);
    const { run: after } = await app.drive(runId);
    expect(after.state.status).toBe("completed");
    expect(after.steps[0]).toMatchObject({ attempt: 1, retryCount: 0 });
    expect(stateOf(after, "a")).toMatchObject({
      verdict: { provision: [{ what: "copy vendor", outcome: "done" }] },
    });
  });

  it("lets a person skip the step instead", async () => {
    const shop = await sample();
    const app = await openRunLedger({
      projectDir: shop.repo,
      env: { ...shop.env, PATH: join(shop.place, "nothing") },
      agents: { coder: () => "done" },
    });
    try {
      const runId = await began(app, planOfSteps(stepBy("a", "true")));
      await app.drive(runId);
      await say(app, runId, answer("a", { action: "skip" }));
      await say(app, runId, resume);
      expect((await app.drive(runId)).run.state).toMatchObject({ status: "completed" });
    } finally {
      await app.close();
    }
  });
});

describe("a workspace that cannot be prepared", () => {
  it("interrupts the attempt with the reason, is tried again, and is escalated", async () => {
    const shop = await sample({ ...buggySum, "runledger.yaml": "workspace:\n  share: [vendor]\n" });
    const app = await shop.open({ coder: () => expect.unreachable("it was started") });
    const runId = await began(app, onePlan());
    const { run } = await app.drive(runId);
    expect(run.state).toMatchObject({ status: "paused", reason: "escalated" });
    expect(stateOf(run, "sum")).toMatchObject({
      status: "interrupted",
      reason: expect.stringContaining("could not be prepared: copy vendor"),
    });
    expect(countOf(await typesOf(app, runId), "step_interrupted")).toBe(2);
  });
});

describe("an agent that fails", () => {
  /** Driven until a person is asked; `max_retries` is 1. */
  const failing = async (work: AgentFunction, over: Readonly<Record<string, unknown>> = {}) => {
    const shop = await sample();
    const app = await shop.open({ coder: work });
    const runId = await began(app, onePlan(over));
    const { run, end } = await app.drive(runId);
    expect(end).toBe("idle");
    return { shop, app, runId, run };
  };

  const reasonsOf = async (app: RunLedger, runId: string): Promise<string[]> =>
    (await eventsOf(app, runId)).flatMap((event) =>
      event.type === "step_interrupted" ? [event.payload.reason] : [],
    );

  it("by throwing is interrupted with what it said, tried again with that as feedback, and escalated", async () => {
    const told: unknown[] = [];
    const { app, runId, run } = await failing(({ attempt, feedback }) => {
      told.push(feedback);
      throw new Error(`no idea (${attempt})`);
    });
    expect(await reasonsOf(app, runId)).toEqual([
      "The agent threw: no idea (1)",
      "The agent threw: no idea (2)",
    ]);
    expect(told).toMatchObject([
      null,
      { kind: "interrupted", attempt: 1, reason: expect.stringContaining("(1)") },
    ]);
    expect(run.state).toMatchObject({ status: "paused", reason: "escalated", stepId: "sum" });
    expect((await typesOf(app, runId)).slice(2)).toEqual([
      "step_started",
      "step_interrupted",
      "policy_decision_applied",
      "step_started",
      "step_interrupted",
      "policy_decision_applied",
      "run_paused",
    ]);
    const { verdict }: StepLogs = await app.logs(runId, "sum");
    expect(verdict).toBeNull();
  });

  it("by throwing at once, before it promised anything, is interrupted too", async () => {
    const { app, runId } = await failing((() => {
      throw "no error at all";
    }) as AgentFunction);
    expect((await reasonsOf(app, runId))[0]).toBe("The agent threw: no error at all");
  });

  it("by saying very much about it is interrupted with the part of it that fits", async () => {
    const { app, runId, run } = await failing(() => {
      throw new Error("sorry ".repeat(50_000));
    });
    const reasons = await reasonsOf(app, runId);
    expect(reasons).toHaveLength(2);
    for (const reason of reasons) expect(reason).toMatch(/^The agent threw: (sorry )+/);
    expect(run.state).toMatchObject({ status: "paused", reason: "escalated" });
    expect(JSON.stringify(run).length).toBeLessThan(60_000);
  });

  it("by taking too long is interrupted, and is told to stop", async () => {
    const stopped: boolean[] = [];
    const { app, runId } = await failing(
      ({ signal }) =>
        new Promise((resolve) =>
          signal.addEventListener("abort", () => {
            stopped.push(true);
            resolve("too late");
          }),
        ),
      { agent_timeout: "50ms", max_retries: 0 },
    );
    expect(await reasonsOf(app, runId)).toEqual(["The agent took longer than 50 ms."]);
    expect(stopped).toEqual([true]);
  });

  it.each<[string, AgentFunction]>([
    ["too long", () => "x".repeat(100_001)],
    ["no text", (() => ({ result: 5 })) as unknown as AgentFunction],
    ["nothing at all", (() => undefined) as unknown as AgentFunction],
    [
      "with evidence of no kind",
      (() => ({ result: "r", evidence: [{ kind: "x" }] })) as unknown as AgentFunction,
    ],
  ])("by an answer that is %s is interrupted, and the run goes on", async (_what, work) => {
    const { app, runId, run } = await failing(work, { max_retries: 0 });
    expect(await reasonsOf(app, runId)).toHaveLength(1);
    expect(run.state).toMatchObject({ status: "paused", reason: "escalated" });
  });

  it("by removing its own workspace is interrupted, and its next attempt has a new one", async () => {
    const { app, runId } = await failing(async ({ workspace, attempt }) => {
      if (attempt === 1) await rm(workspace, { recursive: true });
      else await writeFile(join(workspace, "alive.txt"), "");
      return "done";
    });
    expect(await reasonsOf(app, runId)).toEqual([expect.stringContaining("not there any more")]);
    expect((await app.ledger.load(runId)).steps[0]?.state).toMatchObject({
      status: "failed",
      verdict: { reason: "check_failed" },
    });
  });

  it("by leaving what cannot be captured is told so, and may mend it in the same folder", async () => {
    const shop = await sample();
    const app = await shop.open({
      coder: async ({ workspace, attempt }) => {
        const link = join(workspace, "out");
        if (attempt === 1) await symlink("/etc", link);
        else await rm(link);
        return "done";
      },
    });
    const runId = await began(app, planOfSteps(stepBy("a", "true")));
    const { run } = await app.drive(runId);
    expect(run.state.status).toBe("completed");
    expect((await reasonsOf(app, runId))[0]).toContain("out");
    expect(await placesOf(app)).toEqual([]);
  });

  it("does not stop the steps beside it", async () => {
    const shop = await sample();
    const app = await shop.open({
      coder: ({ stepId }) => {
        if (stepId === "a") throw new Error("no");
        return "done";
      },
    });
    const steps = [
      stepBy("a", "true", { max_retries: 0 }),
      stepBy("b", "true"),
      stepBy("c", "true", { depends_on: ["b"] }),
    ];
    const runId = await began(app, planOfSteps(...steps));
    await app.drive(runId);
    await say(app, runId, answer("a", { action: "skip" }));
    await say(app, runId, resume);
    const { run } = await app.drive(runId);
    expect(run.state.status).toBe("completed");
    expect(run.waivers).toMatchObject([{ stepId: "a", kind: "skipped" }]);
  });

  it("cannot bear a name that speaks for the orchestrator (W58)", async () => {
    const shop = await sample();
    for (const name of ["orchestrator", "System "])
      await expect(shop.open({ [name]: () => "done" })).rejects.toMatchObject({ code: "invalid_input" });
  });
});
