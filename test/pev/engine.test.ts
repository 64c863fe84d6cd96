import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { findStep, type Run } from "../../src/core/run.js";
import { validatorDigest } from "../../src/core/spec.js";
import type { Verdict } from "../../src/core/verdict.js";
import { openPrivateStore } from "../../src/pev/git.js";
import { MARKER } from "../../src/pev/process-sweep.js";
import { type Bench, type BenchOptions, openBench, planOfSteps, stepBy } from "../helpers/bench.js";
import { deadOwner } from "../helpers/driving.js";
import { LEVEL_HERE } from "../helpers/isolation.js";
import { buggySum, FIXED_SUM, onePlan } from "../helpers/project.js";

type Files = Readonly<Record<string, string>>;

const write = async (folder: string, files: Files): Promise<void> => {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
};

/** Starts a step, leaves these files in its workspace and proposes them. */
const proposed = async (bench: Bench, runId: string, stepId: string, files: Files) => {
  const coder = bench.issue("coder");
  const on = { run_id: runId, step_id: stepId };
  const { workspace } = await bench.call(coder, "run_start_step", on);
  await write(String(workspace), files);
  await bench.call(coder, "run_propose_step_result", { ...on, result: "done" });
  return String(workspace);
};

const verdictOf = (run: Run, stepId: string): Verdict => {
  const state = findStep(run, stepId)?.state;
  const verdict = state !== undefined && "verdict" in state ? state.verdict : null;
  return verdict ?? expect.unreachable(`"${stepId}" has no verdict`);
};

const judged = async (plan: unknown, files: Files, options: BenchOptions = {}) => {
  const bench = await openBench(options);
  const { runId } = await bench.create(plan);
  const [stepId = ""] = (await bench.ledger.load(runId)).steps.map(({ spec }) => spec.id);
  await proposed(bench, runId, stepId, files);
  const run = await bench.ledger.load(runId);
  return { bench, runId, run, verdict: verdictOf(run, stepId) };
};

const storeOf = ({ shop }: Bench) => openPrivateStore(join(shop.place, "data", "store.git"));

const gitOf = async (bench: Bench, ...args: string[]): Promise<string> =>
  (await (await storeOf(bench)).run(args)).stdout.trim();

describe("a verdict", () => {
  it("names exactly what was judged: proposal, base, head, commit, tree and judge", async () => {
    const plan = onePlan({ validator: { type: "test_pass", params: { min_tests: 1 } } });
    const { bench, run, verdict, runId } = await judged(plan, { "src/sum.mjs": FIXED_SUM });
    const [step] = run.steps;
    const spec = step?.spec.validator ?? expect.unreachable();
    const proposal = (await bench.ledger.events(runId, 0, 100)).find(
      ({ type }) => type === "step_result_proposed",
    );
    expect(verdict).toMatchObject({
      outcome: "passed",
      reason: "ok",
      proposalSeq: proposal?.seq,
      base: run.base,
      head: run.base,
      commit: run.head,
      validator: { type: "test_pass", target: "", digest: validatorDigest(spec) },
      isolationLevel: LEVEL_HERE,
      protectedPaths: [],
      conflicts: [],
      provision: [],
      exitCode: 0,
      signal: null,
      counts: { passed: 1, failed: 0, skipped: 0 },
      log: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect(verdict.command?.[0]).toMatch(/node$/);
    expect(verdict.durationMs).toBeGreaterThan(0);
    expect(await gitOf(bench, "rev-parse", `${run.head}^{tree}`)).toBe(verdict.tree);
    expect(await gitOf(bench, "rev-parse", `${run.head}^`)).toBe(run.base);
    expect(await gitOf(bench, "show", `${run.head}:src/sum.mjs`)).toBe(FIXED_SUM.trim());
    expect(await gitOf(bench, "log", "-1", "--format=%B", run.head ?? "")).toBe(
      `Make prices add up\n\nRunLedger-Run: ${runId}\nRunLedger-Step: sum\nRunLedger-Attempt: 1\nRunLedger-Agent: coder`,
    );
    const log = await bench.ledger.store.getBlob(verdict.log ?? "");
    expect(Buffer.from(log ?? []).toString()).toContain("prices add up");
    const capture = proposal?.type === "step_result_proposed" ? proposal.payload.capture : undefined;
    expect(capture).toMatchObject({ base: run.base, filesChanged: 1 });
    const patch = Buffer.from((await bench.ledger.store.getBlob(capture?.patch ?? "")) ?? []).toString();
    expect(patch).toContain("+++ b/src/sum.mjs");
  });

  it("tells how the room was prepared", async () => {
    const { verdict } = await judged(
      planOfSteps(stepBy("a", "test -f prepared.txt -a -f vendor/x")),
      {},
      {
        files: { ...buggySum, ".gitignore": "vendor/\n", "vendor/x": "1" },
        project: { share: ["vendor"], setup: [["sh", "-c", "echo ok > prepared.txt"]] },
      },
    );
    expect(verdict).toMatchObject({
      outcome: "passed",
      provision: [
        { what: "copy vendor", outcome: "done" },
        { what: "sh -c echo ok > prepared.txt", outcome: "done" },
      ],
    });
  });

  it("on work without a difference leaves the head where it is", async () => {
    const { run, verdict } = await judged(planOfSteps(stepBy("a", "true")), {});
    expect(verdict).toMatchObject({ outcome: "passed", commit: run.base });
    expect(run.head).toBe(run.base);
  });

  it("is of what was captured, whatever becomes of the workspace afterwards", async () => {
    const bench = await openBench({ settleMs: 0 });
    const { runId } = await bench.create(onePlan());
    const workspace = await proposed(bench, runId, "sum", { "src/sum.mjs": FIXED_SUM });
    await write(workspace, { "src/sum.mjs": "throw new Error('changed after the proposal');\n" });
    const run = await bench.pev.settle(runId, 60_000);
    expect(verdictOf(run, "sum")).toMatchObject({ outcome: "passed" });
    expect(await gitOf(bench, "show", `${run.head}:src/sum.mjs`)).toBe(FIXED_SUM.trim());
  });

  it("comes once, however many ask for it at the same time", async () => {
    const bench = await openBench({ settleMs: 0 });
    const { runId } = await bench.create(onePlan());
    await proposed(bench, runId, "sum", { "src/sum.mjs": FIXED_SUM });
    const runs = await Promise.all([1, 2, 3].map(() => bench.pev.settle(runId, 60_000)));
    expect(runs.map(({ state }) => state.status)).toEqual(["completed", "completed", "completed"]);
    const passed = (await bench.types(runId)).filter((type) => type === "step_validation_passed");
    expect(passed).toHaveLength(1);
  });

  it("is given by whoever takes over, once what the worker before left at work has ended", async () => {
    const bench = await openBench({ settleMs: 0 });
    const { runId } = await bench.create(onePlan());
    await proposed(bench, runId, "sum", { "src/sum.mjs": FIXED_SUM });
    const token = randomUUID();
    const judge = spawn("sleep", ["600"], { env: { ...process.env, [MARKER]: token }, stdio: "ignore" });
    onTestFinished(() => void judge.kill("SIGKILL"));
    const ended = once(judge, "exit");
    const { places } = bench.pev.project;
    const { id } = await places.register({ kind: "process", path: null, token, runId });
    await places.update(id, { owner: deadOwner });
    await bench.ledger.store.claim({ runId, owner: deadOwner, ttlMs: 60_000 });
    expect((await bench.pev.settle(runId, 60_000)).state.status).toBe("completed");
    expect(await ended).toEqual([null, "SIGKILL"]);
    expect((await bench.types(runId)).slice(-3)).toEqual([
      "worker_lost",
      "step_validation_passed",
      "run_completed",
    ]);
  });

  it("that the time limit of the step ends is a refusal, not an error (W33)", async () => {
    const { verdict } = await judged(
      planOfSteps(stepBy("a", "sleep 600 & sleep 600", { timeout: "200ms" })),
      {},
    );
    expect(verdict).toMatchObject({ outcome: "failed", reason: "timed_out", exitCode: null });
  });
});

describe("what a proposal may touch", () => {
  it.each<[string, Files]>([
    ["the test that judges it", { "test/sum.test.mjs": "" }],
    ["the scripts of package.json", { "package.json": '{ "name": "shop", "scripts": { "test": "true" } }' }],
    ["a package.json too large to compare", { "package.json": `{ "name": "${"x".repeat(1_100_000)}" }` }],
    ["a configuration that was not there", { "vitest.config.mjs": "export default {};\n" }],
  ])("is not %s", async (_what, files) => {
    const { run, verdict } = await judged(onePlan(), { "src/sum.mjs": FIXED_SUM, ...files });
    const [path] = Object.keys(files);
    expect(verdict).toMatchObject({
      outcome: "failed",
      reason: "protected",
      protectedPaths: [path],
      exitCode: null,
      command: null,
      commit: null,
      hint: expect.stringContaining("may_change"),
    });
    expect(run.head).toBe(run.base);
  });

  it("is what the step names, when it names the only paths", async () => {
    const plan = onePlan({ may_change: { paths: ["src"], only: true } });
    const { verdict } = await judged(plan, { "src/sum.mjs": FIXED_SUM, "README.md": "hello\n" });
    expect(verdict).toMatchObject({ reason: "outside_may_change", missing: ["README.md"] });
    const fitting = await judged(plan, { "src/sum.mjs": FIXED_SUM });
    expect(fitting.verdict).toMatchObject({ outcome: "passed" });
  });

  it("is not what the plan protects, as a folder or as a glob", async () => {
    for (const protect of [["src"], ["src/**"]]) {
      const { verdict } = await judged({ ...onePlan(), protect }, { "src/sum.mjs": FIXED_SUM });
      expect(verdict).toMatchObject({ reason: "protected", protectedPaths: ["src/sum.mjs"] });
    }
  });
});

describe("artifact_exists", () => {
  const artifact = (target: string) => onePlan({ validator: { type: "artifact_exists", target } });
  const files = { ...buggySum, ".gitignore": "build/\n" };

  it.each(["build/report.txt", "./build/report.txt"])(
    "finds a file that git would ignore: %s",
    async (target) => {
      const made = { "build/report.txt": "42\n", "build/other.txt": "not asked for" };
      const { bench, run, verdict } = await judged(artifact(target), made, { files });
      expect(verdict).toMatchObject({ outcome: "passed" });
      const listed = await gitOf(bench, "ls-tree", "-r", "--name-only", run.head ?? "");
      expect(listed.split("\n")).toContain("build/report.txt");
      expect(listed).not.toContain("other.txt");
    },
  );

  it("does not believe in a file that was not made", async () => {
    const { verdict } = await judged(artifact("build/report.txt"), {}, { files });
    expect(verdict).toMatchObject({ outcome: "failed", reason: "artifact_missing" });
  });
});

describe("a step that a person approves", () => {
  const approval = { validator: { type: "orchestrator_approval" } };
  const approve = (bench: Bench, runId: string, stepId: string) =>
    bench.call(bench.issue("ada", { role: "human" }), "run_approve_step", { run_id: runId, step_id: stepId });

  it("is merged onto the head like any other", async () => {
    const bench = await openBench();
    const { runId, base } = await bench.create(onePlan(approval));
    await proposed(bench, runId, "sum", { "src/sum.mjs": FIXED_SUM });
    expect(await approve(bench, runId, "sum")).toMatchObject({ step_status: "completed" });
    const run = await bench.ledger.load(runId);
    expect(verdictOf(run, "sum")).toMatchObject({
      outcome: "passed",
      reason: "approved",
      head: base,
      commit: run.head,
      command: null,
    });
    expect(findStep(run, "sum")?.state).toMatchObject({ how: "approved" });
    expect(await gitOf(bench, "show", `${run.head}:src/sum.mjs`)).toBe(FIXED_SUM.trim());
  });

  it("is refused when it touches what is protected, whoever approved it", async () => {
    const bench = await openBench();
    const { runId } = await bench.create(onePlan(approval));
    await proposed(bench, runId, "sum", { "test/sum.test.mjs": "" });
    expect(await approve(bench, runId, "sum")).toMatchObject({ step_status: "failed" });
    const run = await bench.ledger.load(runId);
    expect(verdictOf(run, "sum")).toMatchObject({
      reason: "protected",
      protectedPaths: ["test/sum.test.mjs"],
    });
  });

  it("is refused when it conflicts with what was verified meanwhile", async () => {
    const bench = await openBench();
    const steps = [stepBy("a", "true"), { ...stepBy("b", ""), ...approval }];
    const { runId } = await bench.create(planOfSteps(...steps));
    await proposed(bench, runId, "b", { "src/sum.mjs": "// b\n" });
    await proposed(bench, runId, "a", { "src/sum.mjs": "// a\n" });
    expect(await approve(bench, runId, "b")).toMatchObject({ step_status: "failed" });
    const run = await bench.ledger.load(runId);
    expect(verdictOf(run, "b")).toMatchObject({
      reason: "conflict",
      conflicts: [{ path: "src/sum.mjs", stepId: "a" }],
    });
  });
});

describe("an acceptance criterion", () => {
  const criteria = (...targets: string[]) =>
    targets.map((target) => ({ description: target, validator: { type: "command_pass", target } }));

  it("is judged in a room at the head, which has the work of all steps and nothing of the checkout", async () => {
    const bench = await openBench();
    const { runId } = await bench.create({
      ...planOfSteps(stepBy("a", "true"), stepBy("b", "true", { depends_on: ["a"] })),
      acceptance_criteria: [
        ...criteria("test -f a.txt -a -f b.txt -a ! -e stray.txt"),
        { description: "both changed", validator: { type: "file_changed", target: "a.txt" } },
      ],
    });
    await bench.shop.write({ "stray.txt": "left in the checkout" });
    await proposed(bench, runId, "a", { "a.txt": "a" });
    await proposed(bench, runId, "b", { "b.txt": "b" });
    const run = await bench.ledger.load(runId);
    expect(run.state).toMatchObject({ status: "completed" });
    for (const { state } of run.criteria)
      expect(state).toMatchObject({
        status: "met",
        verdict: {
          proposalSeq: null,
          base: run.base,
          head: run.head,
          commit: run.head,
          isolationLevel: LEVEL_HERE,
        },
      });
  });

  it("is bounded by the time limit of validators (W35)", async () => {
    const plan = { ...planOfSteps(stepBy("a", "true")), acceptance_criteria: criteria("sleep 600") };
    const { run } = await judged(plan, {}, { project: { validatorTimeoutMs: 300 } });
    expect(run.state).toMatchObject({ status: "failed", reason: "unmet_criteria" });
    expect(run.criteria[0]?.state).toMatchObject({ status: "unmet", verdict: { reason: "timed_out" } });
  });

  it("that is unmet pauses the run where the settings say so, and is judged again after resuming", async () => {
    const plan = { ...planOfSteps(stepBy("a", "true")), acceptance_criteria: criteria("exit 4") };
    const { bench, run, runId } = await judged(plan, {}, { rules: { onUnmetCriteria: "pause" } });
    expect(run.state).toMatchObject({ status: "paused", reason: "unmet_criteria" });
    const resume = { type: "resume_run", reason: "", overrideStale: false } as const;
    await bench.ledger.submit(runId, resume, bench.issue("ada", { role: "human" }));
    await bench.pev.settle(runId, 60_000);
    expect((await bench.types(runId)).filter((type) => type === "criterion_unmet")).toHaveLength(2);
  });
});
