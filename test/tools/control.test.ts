import { describe, expect, it } from "vitest";
import * as limit from "../../src/core/limits.js";
import { type Bench, expectRefusal, openBench, planOfSteps, stepBy } from "../helpers/bench.js";

const orchestrator = ({ issue }: Bench) => issue("orchestrator", { role: "orchestrator" });
const human = ({ issue }: Bench) => issue("ada", { role: "human" });

const approvalPlan = planOfSteps(
  { ...stepBy("a", ""), validator: { type: "orchestrator_approval" }, max_retries: 1 },
  stepBy("b", "true", { depends_on: ["a"] }),
);

/** A run whose first step waits for somebody's word. */
const awaiting = async () => {
  const bench = await openBench({ isolated: false });
  const { runId } = await bench.create(approvalPlan);
  const on = { run_id: runId, step_id: "a" };
  const attempt = async () => {
    await bench.call(bench.issue("coder"), "run_start_step", on);
    return bench.call(bench.issue("coder"), "run_propose_step_result", { ...on, result: "please look" });
  };
  await attempt();
  return { bench, runId, on, attempt };
};

describe("run_approve_step", () => {
  it("approves: the engine records the verdict, and who waited may start", async () => {
    const { bench, runId, on } = await awaiting();
    const answer = await bench.call(orchestrator(bench), "run_approve_step", { ...on, reason: "fine" });
    expect(answer).toMatchObject({ status: "approved", step_status: "completed", run_status: "running" });
    expect((await bench.types(runId)).slice(-2)).toEqual(["approval_received", "step_validation_passed"]);
    const events = await bench.ledger.events(runId, 0, 100);
    expect(events.slice(-2).map(({ actor }) => actor.role)).toEqual(["orchestrator", "engine"]);
    const active = await bench.call(orchestrator(bench), "run_active", { run_id: runId });
    expect(active).toMatchObject({ ready: [{ step_id: "b" }], waiting: [], blocker: null });
    expect(await bench.call(orchestrator(bench), "run_approve_step", on)).toMatchObject({
      step_status: "completed",
    });
    expect(await bench.types(runId)).toHaveLength(6);
  });

  it("rejects with a reason that the next attempt is told (W26)", async () => {
    const { bench, on, attempt } = await awaiting();
    const reject = (more: object) =>
      bench.call(human(bench), "run_approve_step", { ...on, reject: true, ...more });
    expect(await reject({ reason: "no tests" })).toMatchObject({ status: "rejected", step_status: "failed" });
    const policy = { ...on, action: "retry", reason: "with tests" };
    await bench.call(orchestrator(bench), "run_apply_policy", policy);
    const started = await bench.call(bench.issue("coder"), "run_start_step", on);
    expect(started.feedback).toMatchObject({ reason: "rejected", message: "no tests" });
    await attempt();
    expect(await bench.call(human(bench), "run_approve_step", on)).toMatchObject({
      step_status: "completed",
    });
  });

  it("means the proposal that was looked at: a word on another one is refused", async () => {
    const { bench, runId, on, attempt } = await awaiting();
    const seen = async () => {
      const read = await bench.call(human(bench), "run_read", { run_id: runId });
      const [step] = read.steps as { proposal_seq: number }[];
      return { proposal_seq: step?.proposal_seq };
    };
    const old = await seen();
    await bench.call(human(bench), "run_approve_step", { ...on, ...old, reject: true, reason: "no" });
    const policy = { ...on, action: "retry", reason: "again" };
    await bench.call(orchestrator(bench), "run_apply_policy", policy);
    await attempt();
    const late = () => bench.call(human(bench), "run_approve_step", { ...on, ...old });
    await expectRefusal(bench, late, "step_not_waiting");
    const answer = { ...on, ...(await seen()) };
    expect(await bench.call(human(bench), "run_approve_step", answer)).toMatchObject({ status: "approved" });
  });

  it("refuses whoever proposed it, in whatever role, and a step that does not wait or has another judge", async () => {
    const { bench, runId, on } = await awaiting();
    const self = bench.issue("coder", { role: "human" });
    await expectRefusal(bench, () => bench.call(self, "run_approve_step", on), "access_denied");
    const other = () => bench.call(human(bench), "run_approve_step", { run_id: runId, step_id: "b" });
    expect((await expectRefusal(bench, other, "access_denied")).message).toContain("command_pass");
    const fresh = await bench.create(approvalPlan);
    const early = () => bench.call(human(bench), "run_approve_step", { run_id: fresh.runId, step_id: "a" });
    await expectRefusal(bench, early, "step_not_waiting");
    await bench.call(human(bench), "run_approve_step", on);
    const late = { ...on, reject: true, reason: "changed my mind" };
    await expectRefusal(bench, () => bench.call(human(bench), "run_approve_step", late), "step_not_waiting");
  });
});

describe("run_pause and run_resume", () => {
  it("nothing starts while a run is paused, but what is at work may be proposed", async () => {
    const bench = await openBench({ isolated: false });
    const { runId } = await bench.create(planOfSteps(stepBy("a", "true"), stepBy("b", "true")));
    const coder = bench.issue("coder");
    const on = { run_id: runId, step_id: "a" };
    await bench.call(coder, "run_start_step", on);
    const pause = { run_id: runId, reason: "lunch" };
    const paused = await bench.call(orchestrator(bench), "run_pause", pause);
    expect(paused).toMatchObject({ run_status: "paused", next: expect.stringContaining("lunch") });
    expect(await bench.call(orchestrator(bench), "run_pause", pause)).toMatchObject({ run_status: "paused" });
    expect(await bench.call(coder, "run_active", { run_id: runId })).toMatchObject({
      active: [{ step_id: "a" }],
      ready: [],
      run_status: "paused",
    });
    expect(await bench.call(coder, "run_propose_step_result", { ...on, result: "done" })).toMatchObject({
      status: "verifying",
      run_status: "paused",
    });
    const start = () => bench.call(coder, "run_start_step", { run_id: runId, step_id: "b" });
    await expectRefusal(bench, start, "run_not_running");
    await bench.call(orchestrator(bench), "run_resume", { run_id: runId });
    await bench.pev.settle(runId, 60_000);
    expect((await bench.ledger.load(runId)).steps[0]?.state.status).toBe("completed");
    await expect(start()).resolves.toMatchObject({ attempt: 1 });
  });

  it("refuses to resume a run that is not paused", async () => {
    const bench = await openBench({ isolated: false });
    const { runId } = await bench.create(planOfSteps(stepBy("a", "true")));
    const resume = () => bench.call(human(bench), "run_resume", { run_id: runId });
    await expectRefusal(bench, resume, "run_not_paused");
  });

  it("refuses to resume what was paused for longer than staleTtl (W57)", async () => {
    const bench = await openBench({ isolated: false, rules: { staleTtlMs: 1_000_000 } });
    const { runId } = await bench.create(planOfSteps(stepBy("a", "true")));
    await bench.call(orchestrator(bench), "run_pause", { run_id: runId });
    const resume = () => bench.call(orchestrator(bench), "run_resume", { run_id: runId });
    bench.clock.aheadMs = 1_000_001;
    const refusal = await expectRefusal(bench, resume, "run_stale");
    expect(refusal.hint).toContain("--stale");
    bench.clock.aheadMs = 0;
    await expect(resume()).resolves.toMatchObject({ status: "resumed" });
  });
});

describe("what the tools show", () => {
  const keysOf = (value: unknown): string[] => {
    if (Array.isArray(value)) return value.flatMap(keysOf);
    if (typeof value !== "object" || value === null) return [];
    return Object.entries(value).flatMap(([key, inner]) => [key, ...(key === "notes" ? [] : keysOf(inner))]);
  };

  it("run_read speaks snake_case throughout, and stays small however much was claimed", async () => {
    const bench = await openBench({ isolated: false });
    const { runId } = await bench.create({
      ...planOfSteps(stepBy("a", "exit 7")),
      acceptance_criteria: [{ description: "ok", validator: { type: "command_pass", target: "true" } }],
    });
    const on = { run_id: runId, step_id: "a" };
    await bench.call(bench.issue("coder"), "run_start_step", on);
    const result = "claim ".repeat(limit.RESULT_CHARS / 6 - 2);
    await bench.call(bench.issue("coder"), "run_propose_step_result", { ...on, result: `${result}END` });
    const seen = await bench.call(bench.issue("coder"), "run_read", { run_id: runId });
    expect(keysOf(seen).filter((key) => !/^[a-z][a-z0-9_]*$/.test(key))).toEqual([]);
    expect(JSON.stringify(seen).length).toBeLessThan(10_000);
    expect(seen).toMatchObject({
      run_id: runId,
      session_key: "test",
      original_request: "please",
      goal: "Ship it",
      status: "running",
      current_step_id: "a",
      current_blocker: null,
      acceptance_state: [{ description: "ok", met: false, status: "unchecked", verdict: null }],
      notes: {},
      last_journal_seq: 5,
      steps: [
        {
          step_id: "a",
          owner_agent: "coder",
          status: "failed",
          attempt: 1,
          retry_count: 0,
          validator: { type: "command_pass", target: "exit 7" },
          result: expect.stringMatching(/END$/),
          verdict: { outcome: "failed", exit_code: 7, isolation_level: 0 },
          policy_request: { verdict: { exit_code: 7 } },
        },
      ],
    });
  });

  it("run_read and run_active clear step and blocker when the work goes on (W18)", async () => {
    const { bench, runId, on } = await awaiting();
    const look = async () => ({
      read: await bench.call(human(bench), "run_read", { run_id: runId }),
      active: await bench.call(human(bench), "run_active", { run_id: runId }),
    });
    const before = await look();
    expect(before.read).toMatchObject({
      current_step_id: "a",
      current_blocker: expect.stringContaining('"a"'),
    });
    expect(before.active).toMatchObject({ waiting: [{ step_id: "a", awaits_approval: true }], active: [] });
    await bench.call(human(bench), "run_approve_step", on);
    await bench.call(bench.issue("coder"), "run_start_step", { ...on, step_id: "b" });
    const during = await look();
    expect(during.read).toMatchObject({ current_step_id: "b", current_blocker: null });
    expect(during.active).toMatchObject({ active: [{ step_id: "b" }], ready: [], waiting: [] });
    await bench.call(bench.issue("coder"), "run_propose_step_result", { ...on, step_id: "b", result: "x" });
    const after = await look();
    expect(after.read).toMatchObject({ status: "completed", current_step_id: null, current_blocker: null });
    expect(after.active).toMatchObject({ active: [], ready: [], waiting: [], blocker: null });
  });

  it("run_note reads and writes by exact key, also one that every object seems to have", async () => {
    const bench = await openBench({ isolated: false });
    const { runId } = await bench.create(planOfSteps(stepBy("a", "true")));
    const note = (key: string, value?: string) =>
      bench.call(bench.issue("coder"), "run_note", {
        run_id: runId,
        key,
        ...(value === undefined ? {} : { value }),
      });
    for (const key of ["constructor", "toString", "__proto__", "ключ", "a.b/c"]) {
      expect(await note(key)).toEqual({ run_id: runId, key, value: null });
      expect(await note(key, `of ${key}`)).toEqual({ run_id: runId, key, value: `of ${key}` });
      expect(await note(key)).toEqual({ run_id: runId, key, value: `of ${key}` });
    }
    expect(await note("empty", "")).toMatchObject({ value: "" });
    const seq = (await bench.ledger.load(runId)).seq;
    await note("empty", "");
    expect((await bench.ledger.load(runId)).seq).toBe(seq);
    expect(await bench.call(human(bench), "run_read", { run_id: runId })).toMatchObject({
      notes: { constructor: "of constructor", "a.b/c": "of a.b/c", empty: "" },
    });
  });
});
