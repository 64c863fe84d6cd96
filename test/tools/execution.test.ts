import { existsSync } from "node:fs";
import { mkdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { holdLease } from "../../src/ledger/lease.js";
import {
  type Answer,
  type Bench,
  type BenchOptions,
  expectRefusal,
  openBench,
  planOfSteps,
  refusalOf,
  stepBy,
} from "../helpers/bench.js";
import { deadOwner, leaveRoom } from "../helpers/driving.js";
import { buggySum, FIXED_SUM, onePlan } from "../helpers/project.js";

/** A run of one started step, and its owner at the keyboard. */
const begun = async (plan: unknown = onePlan(), options: BenchOptions = {}) => {
  const bench = await openBench(options);
  const { runId } = await bench.create(plan);
  const [stepId = ""] = (await bench.ledger.load(runId)).steps.map(({ spec }) => spec.id);
  const coder = bench.issue("coder");
  const start = () => bench.call(coder, "run_start_step", { run_id: runId, step_id: stepId });
  const propose = (result = "done", more: object = {}) =>
    bench.call(coder, "run_propose_step_result", { run_id: runId, step_id: stepId, result, ...more });
  const started = await start();
  return { bench, runId, stepId, coder, start, propose, started, workspace: String(started.workspace) };
};

const retry = (bench: Bench, runId: string, stepId: string, more: object = {}): Promise<Answer> =>
  bench.call(bench.issue("orchestrator", { role: "orchestrator" }), "run_apply_policy", {
    run_id: runId,
    step_id: stepId,
    action: "retry",
    reason: "again",
    ...more,
  });

describe("run_start_step", () => {
  it("names a private clone, what may be changed and who judges", async () => {
    const plan = onePlan({ may_change: { paths: ["src/**"], only: true } });
    const { started, workspace, bench, runId } = await begun(plan);
    expect(started).toEqual({
      run_id: runId,
      step_id: "sum",
      attempt: 1,
      candidate: null,
      goal: "Make prices add up",
      workspace,
      may_change: { paths: ["src/**"], only: true },
      judged_by: { type: "test_pass", target: "" },
      feedback: null,
    });
    expect(workspace).not.toContain(bench.shop.repo);
    expect(await readFile(join(workspace, "src/sum.mjs"), "utf8")).toBe(buggySum["src/sum.mjs"]);
  });

  it("clears away what a dead process left, for where only tools are called nobody else does", async () => {
    const bench = await openBench();
    const { runId } = await bench.create(onePlan());
    const room = await leaveRoom({ dataDir: join(bench.shop.place, "data") }, "over", deadOwner);
    await bench.call(bench.issue("coder"), "run_start_step", { run_id: runId, step_id: "sum" });
    expect(existsSync(room)).toBe(false);
  });

  it("goes on with the same attempt in the same folder when it is called again, or twice at once", async () => {
    const { bench, runId, start, workspace } = await begun();
    await writeFile(join(workspace, "half.txt"), "half done");
    expect(await start()).toMatchObject({ attempt: 1, workspace });
    expect(await readFile(join(workspace, "half.txt"), "utf8")).toBe("half done");
    const other = await bench.create(onePlan());
    const ask = () =>
      bench.call(bench.issue("coder"), "run_start_step", { run_id: other.runId, step_id: "sum" });
    const [first, second] = await Promise.all([ask(), ask()]);
    expect(first).toEqual(second);
    expect(existsSync(String(first?.workspace))).toBe(true);
    expect(await bench.types(runId)).toEqual(["run_created", "plan_attached", "step_started"]);
    expect(await bench.types(other.runId)).toEqual(["run_created", "plan_attached", "step_started"]);
  });

  it("refuses a step that waits for others, is refused, or belongs to a paused run, and makes no folder for it", async () => {
    const plan = planOfSteps(stepBy("a", "exit 7"), stepBy("b", "true", { depends_on: ["a"] }));
    const { bench, runId, coder, propose } = await begun(plan);
    const start = (step_id: string) => () => bench.call(coder, "run_start_step", { run_id: runId, step_id });
    await expectRefusal(bench, start("b"), "step_not_ready");
    await propose();
    await expectRefusal(bench, start("a"), "step_not_pending");
    await retry(bench, runId, "a");
    await bench.call(bench.issue("ada", { role: "human" }), "run_pause", { run_id: runId });
    await expectRefusal(bench, start("a"), "run_not_running");
  });

  it("gives a new folder when the old one is gone, and none to capture from", async () => {
    const { bench, start, propose, workspace } = await begun();
    await rm(workspace, { recursive: true });
    await expectRefusal(bench, () => propose(), "workspace_unfit");
    const again = await start();
    expect(again).toMatchObject({ attempt: 1 });
    expect(again.workspace).not.toBe(workspace);
    await writeFile(join(String(again.workspace), "src/sum.mjs"), FIXED_SUM);
    expect(await propose()).toMatchObject({ status: "verified" });
  });
});

describe("run_propose_step_result", () => {
  it("verifies exactly what lies in the workspace, and removes the folder", async () => {
    const { bench, runId, propose, workspace } = await begun();
    await writeFile(join(workspace, "src/sum.mjs"), FIXED_SUM);
    const evidence_json = JSON.stringify([{ type: "log", content: "it works on my machine" }]);
    const answer = await propose("fixed", { evidence_json });
    expect(answer).toMatchObject({
      status: "verified",
      verdict: { outcome: "passed", exit_code: 0, counts: { passed: 1, failed: 0, skipped: 0 } },
      policy_request: null,
      unmet_criteria: [],
      run_status: "completed",
    });
    await bench.pev.project.disposal.settle();
    expect(existsSync(workspace)).toBe(false);
    const run = await bench.ledger.load(runId);
    const [step] = run.steps;
    expect(step?.state).toMatchObject({ proposal: { evidence: [{ type: "log" }], result: "fixed" } });
    expect(run.head).toBe((answer.verdict as Answer).commit);
  });

  it("answers a lie with the verdict and the request for a policy, never with a completion (W24)", async () => {
    const { bench, runId, propose, start } = await begun();
    const answer = await propose("All done, tests pass!");
    expect(answer).toMatchObject({
      status: "verification_failed",
      verdict: { outcome: "failed", reason: "check_failed", exit_code: 1, counts: { failed: 1 } },
      policy_request: {
        step_id: "sum",
        attempt: 1,
        retry_count: 0,
        max_retries: 1,
        allowed_actions: [
          "retry",
          "decompose",
          "change_agent",
          "change_validator",
          "skip",
          "abort",
          "escalate",
        ],
      },
      run_status: "running",
    });
    expect(String((answer.verdict as Answer).tail)).toContain("prices add up");
    expect(await bench.types(runId)).toEqual([
      "run_created",
      "plan_attached",
      "step_started",
      "step_result_proposed",
      "step_validation_failed",
    ]);
    await retry(bench, runId, "sum");
    expect(await start()).toMatchObject({
      attempt: 2,
      feedback: { attempt: 1, outcome: "failed", exit_code: 1, tail: expect.stringContaining("prices") },
    });
  });

  it("shows the end of long output, cut to what a model reads", async () => {
    const noisy = `node -e 'console.log("x".repeat(50000) + "THE END")'; exit 9`;
    const { propose } = await begun(planOfSteps(stepBy("a", noisy)));
    const { verdict } = await propose();
    expect(verdict).toMatchObject({ exit_code: 9, log: expect.stringMatching(/^[0-9a-f]{64}$/) });
    const { tail } = verdict as { tail: string };
    expect(tail.trimEnd()).toMatch(/THE END$/);
    expect(tail.length).toBeLessThanOrEqual(2_000);
  });

  it("says verifying while another worker holds the lease; the verdict comes later (W36)", async () => {
    const { bench, runId, propose } = await begun(planOfSteps(stepBy("a", "true")), { settleMs: 50 });
    const lease = await holdLease(bench.ledger.store, runId, 60_000);
    expect(lease).toBeDefined();
    expect(await propose()).toMatchObject({ status: "verifying", verdict: null, policy_request: null });
    expect(await propose()).toMatchObject({ status: "verifying" });
    const before = (await bench.ledger.load(runId)).steps[0]?.state;
    expect(before).toMatchObject({ status: "verify_pending", errors: 0 });
    await lease?.release();
    await bench.pev.settle(runId, 60_000);
    const seen = await bench.call(bench.issue("coder"), "run_read", { run_id: runId });
    expect(seen).toMatchObject({ status: "completed", steps: [{ verdict: { outcome: "passed" } }] });
    const proposals = (await bench.types(runId)).filter((type) => type === "step_result_proposed");
    expect(proposals).toHaveLength(1);
  });

  it("waits for a person where the plan says so, and judges nothing before", async () => {
    const plan = onePlan({ validator: { type: "orchestrator_approval" } });
    const { propose } = await begun(plan);
    expect(await propose()).toMatchObject({
      status: "awaiting_approval",
      verdict: null,
      policy_request: null,
    });
    expect(await propose()).toMatchObject({ status: "awaiting_approval" });
  });

  it("takes eight equal proposals at once for one, and judges it once (W20)", async () => {
    const { bench, runId, propose, workspace } = await begun();
    await writeFile(join(workspace, "src/sum.mjs"), FIXED_SUM);
    const answers = await Promise.allSettled(Array.from({ length: 8 }, () => propose()));
    expect(answers.some(({ status }) => status === "fulfilled")).toBe(true);
    for (const answer of answers)
      if (answer.status === "fulfilled") expect(answer.value).toMatchObject({ status: "verified" });
      else expect(answer.reason).toMatchObject({ name: "LedgerError" });
    const types = await bench.types(runId);
    expect(types.filter((type) => type === "step_result_proposed")).toHaveLength(1);
    expect(types.filter((type) => type === "step_validation_passed")).toHaveLength(1);
  });

  it("refuses another claim while the first is judged, and any claim of a step that was not started", async () => {
    const { bench, runId, coder, propose } = await begun(
      planOfSteps(stepBy("a", "true"), stepBy("b", "true")),
      { settleMs: 0 },
    );
    const early = () =>
      bench.call(coder, "run_propose_step_result", { run_id: runId, step_id: "b", result: "done" });
    expect((await expectRefusal(bench, early, "step_not_in_progress")).hint).toContain("run_start_step");
    await propose("first");
    await expectRefusal(bench, () => propose("second"), "step_not_in_progress");
  });

  it("refuses a workspace that cannot be captured, and the step goes on", async () => {
    const { bench, runId, propose, workspace } = await begun();
    await symlink("/etc/hostname", join(workspace, "secret"));
    const refusal = await expectRefusal(bench, () => propose(), "workspace_unfit");
    expect(refusal.message).toContain("secret");
    await rm(join(workspace, "secret"));
    await mkdir(join(workspace, ".git", "hooks"), { recursive: true });
    await writeFile(join(workspace, "src/sum.mjs"), FIXED_SUM);
    expect(await propose()).toMatchObject({ status: "verified" });
    expect(await bench.types(runId)).toHaveLength(6);
  });

  it("answers with the criteria that are unmet, judged on the head, when the last step passed (W28)", async () => {
    const plan = {
      ...planOfSteps(stepBy("a", "true")),
      acceptance_criteria: [
        { description: "it adds up", validator: { type: "test_pass" } },
        {
          description: "it is a project",
          validator: { type: "command_pass", target: "test -f package.json" },
        },
      ],
    };
    const { propose } = await begun(plan);
    expect(await propose()).toMatchObject({
      status: "verified",
      unmet_criteria: ["it adds up"],
      run_status: "failed",
      next: expect.stringContaining("it adds up"),
    });
  });

  it("tells a judge that could not run from one that refused: three tries, then it asks for a person", async () => {
    const files = { ...buggySum, ".gitignore": "vendor/\n", "vendor/dependency": "1" };
    const { bench, runId, propose } = await begun(planOfSteps(stepBy("a", "true")), {
      files,
      project: { share: ["vendor"] },
    });
    await rm(join(bench.shop.repo, "vendor"), { recursive: true });
    expect(await propose()).toMatchObject({
      status: "verification_errored",
      verdict: { outcome: "errored", reason: "provision_failed" },
      policy_request: { retry_count: 0 },
      run_status: "paused",
    });
    expect((await bench.types(runId)).slice(-4)).toEqual([
      "step_validation_errored",
      "step_validation_errored",
      "step_validation_errored",
      "run_paused",
    ]);
  });
});

it("A step that the budget does not hold is refused, and the run waits for a person", async () => {
  const bench = await openBench({ rules: { budget: { timeMs: 1_000 } } });
  const { runId } = await bench.create(onePlan());
  bench.clock.aheadMs = 60_000;
  const starting = bench.call(bench.issue("coder"), "run_start_step", { run_id: runId, step_id: "sum" });
  expect((await refusalOf(starting)).code).toBe("budget_exceeded");
  expect((await bench.ledger.load(runId)).state).toMatchObject({
    status: "paused",
    reason: "budget",
    stepId: "sum",
  });
});
