import { describe, expect, it } from "vitest";
import {
  type Answer,
  type Bench,
  type BenchOptions,
  expectRefusal,
  openBench,
  planOfSteps,
  stepBy,
} from "../helpers/bench.js";
import { SESSION } from "../helpers/project.js";

/** Level 0 is enough: what policy does is the same, and the folder of the project is quick to judge. */
const refusedStep = async (options: BenchOptions = {}, over: object = {}) => {
  const bench = await openBench({ isolated: false, ...options });
  const steps = [
    stepBy("a", "exit 7", { max_retries: 1, ...over }),
    stepBy("b", "true", { depends_on: ["a"] }),
  ];
  const { runId } = await bench.create(planOfSteps(...steps));
  await attempt(bench, runId, "a");
  return { bench, runId };
};

/** Started and proposed by whoever owns it, and judged. */
const attempt = async (bench: Bench, runId: string, stepId: string, agent = "coder"): Promise<Answer> => {
  const owner = bench.issue(agent);
  await bench.call(owner, "run_start_step", { run_id: runId, step_id: stepId });
  const claim = { run_id: runId, step_id: stepId, result: "done" };
  return bench.call(owner, "run_propose_step_result", claim);
};

const orchestrator = ({ issue }: Bench) => issue("orchestrator", { role: "orchestrator" });
const human = ({ issue }: Bench) => issue("ada", { role: "human" });

const policy = (bench: Bench, runId: string, action: string, more: object = {}, by = orchestrator(bench)) =>
  bench.call(by, "run_apply_policy", { run_id: runId, step_id: "a", action, reason: "because", ...more });

const newSteps = (...ids: string[]) => JSON.stringify(ids.map((id) => stepBy(id, "true")));

describe("run_apply_policy", () => {
  it("retry: the step is pending again, and the orchestrator may not retry more often than the plan says (W15)", async () => {
    const { bench, runId } = await refusedStep();
    expect(await policy(bench, runId, "retry")).toMatchObject({
      action: "retry",
      step_status: "pending",
      run_status: "running",
    });
    await attempt(bench, runId, "a");
    await expectRefusal(bench, () => policy(bench, runId, "retry", { reason: "more" }), "retries_exhausted");
    const seen = await bench.call(orchestrator(bench), "run_read", { run_id: runId });
    const [step] = seen.steps as { policy_request: { allowed_actions: string[] } }[];
    expect(step?.policy_request.allowed_actions).not.toContain("retry");
    expect(await policy(bench, runId, "retry", { reason: "I insist" }, human(bench))).toMatchObject({
      step_status: "pending",
    });
  });

  it("answers the attempt that was looked at, and no later one", async () => {
    const { bench, runId } = await refusedStep();
    expect(await policy(bench, runId, "retry", { attempt: 1 })).toMatchObject({ step_status: "pending" });
    await attempt(bench, runId, "a");
    const late = () => policy(bench, runId, "abort", { attempt: 1 });
    await expectRefusal(bench, late, "no_policy_request");
    const input = () => policy(bench, runId, "abort", { attempt: 0 });
    await expectRefusal(bench, input, "invalid_input");
    expect(await policy(bench, runId, "abort", { attempt: 2 })).toMatchObject({ run_status: "failed" });
  });

  it("decompose: new steps stand in for the old one, and whoever waited for it waits for them (W17)", async () => {
    const { bench, runId } = await refusedStep();
    const answer = await policy(bench, runId, "decompose", { new_steps_json: newSteps("a1", "a2") });
    expect(answer).toMatchObject({ step_status: "completed", run_status: "running" });
    const seen = await bench.call(orchestrator(bench), "run_read", { run_id: runId });
    expect(seen.steps).toMatchObject([
      { step_id: "a", status: "completed", how: "decomposed" },
      { step_id: "a1", ready: true },
      { step_id: "a2", ready: true },
      { step_id: "b", ready: false, depends_on: ["a1", "a2"] },
    ]);
    expect(seen.waivers).toMatchObject([{ step_id: "a", kind: "decomposed", by: "orchestrator" }]);
    for (const id of ["a1", "a2"])
      expect(await attempt(bench, runId, id)).toMatchObject({ status: "verified" });
    expect(await attempt(bench, runId, "b")).toMatchObject({ run_status: "completed" });
  });

  it("change_agent: another owner, and the old one is refused", async () => {
    const { bench, runId } = await refusedStep();
    await policy(bench, runId, "change_agent", { new_agent: "reviewer" });
    const start = { run_id: runId, step_id: "a" };
    await expectRefusal(
      bench,
      () => bench.call(bench.issue("coder"), "run_start_step", start),
      "step_not_yours",
    );
    expect(await bench.call(bench.issue("reviewer"), "run_start_step", start)).toMatchObject({ attempt: 2 });
  });

  it("change_validator: the new judge decides, and a waiver says that it was replaced (W59)", async () => {
    const { bench, runId } = await refusedStep();
    const kinder = JSON.stringify({ type: "command_pass", target: "true" });
    await policy(bench, runId, "change_validator", { new_validator_json: kinder });
    expect(await attempt(bench, runId, "a")).toMatchObject({ status: "verified" });
    const run = await bench.ledger.load(runId);
    expect(run.waivers).toMatchObject([{ stepId: "a", kind: "validator_changed", reason: "because" }]);
    const digests = (await bench.ledger.events(runId, 0, 100)).flatMap((event) =>
      event.type === "policy_decision_applied"
        ? [event.payload.validatorBefore, event.payload.validatorAfter]
        : [],
    );
    expect(new Set(digests).size).toBe(2);
  });

  it("change_validator is a person's alone where the settings say so", async () => {
    const { bench, runId } = await refusedStep({ rules: { changeValidator: "human" } });
    const more = { new_validator_json: JSON.stringify({ type: "command_pass", target: "true" }) };
    await expectRefusal(bench, () => policy(bench, runId, "change_validator", more), "access_denied");
    await expect(policy(bench, runId, "change_validator", more, human(bench))).resolves.toBeDefined();
  });

  it("skip: completed with a waiver, and the last one to be skipped ends the run (W14)", async () => {
    const { bench, runId } = await refusedStep();
    expect(await policy(bench, runId, "skip")).toMatchObject({ step_status: "completed" });
    expect(await attempt(bench, runId, "b")).toMatchObject({ run_status: "completed" });
    const alone = await openBench({ isolated: false });
    const { runId: single } = await alone.create(planOfSteps(stepBy("a", "exit 7")));
    await attempt(alone, single, "a");
    expect(await policy(alone, single, "skip")).toMatchObject({ run_status: "completed" });
    expect((await alone.ledger.load(single)).waivers).toMatchObject([{ kind: "skipped" }]);
  });

  it("skip of the last step has the criteria judged before the run ends", async () => {
    const bench = await openBench({ isolated: false });
    const plan = {
      ...planOfSteps(stepBy("a", "exit 7")),
      acceptance_criteria: [{ description: "never", validator: { type: "command_pass", target: "exit 1" } }],
    };
    const { runId } = await bench.create(plan);
    await attempt(bench, runId, "a");
    expect(await policy(bench, runId, "skip")).toMatchObject({ run_status: "failed" });
  });

  it("abort: the run has failed for good, and nothing moves it any more (W10)", async () => {
    const { bench, runId } = await refusedStep();
    expect(await policy(bench, runId, "abort")).toMatchObject({ run_status: "failed" });
    const start = () => bench.call(bench.issue("coder"), "run_start_step", { run_id: runId, step_id: "b" });
    const propose = () =>
      bench.call(bench.issue("coder"), "run_propose_step_result", {
        run_id: runId,
        step_id: "a",
        result: "late",
      });
    for (const ask of [start, propose]) await expectRefusal(bench, ask, "run_terminal");
    for (const name of ["run_pause", "run_resume"])
      await expectRefusal(bench, () => bench.call(human(bench), name, { run_id: runId }), "run_terminal");
    await expectRefusal(bench, () => policy(bench, runId, "retry"), "run_terminal");
  });

  it("escalate: paused until somebody answers and resumes; it does not age (W04)", async () => {
    const { bench, runId } = await refusedStep();
    expect(await policy(bench, runId, "escalate")).toMatchObject({
      run_status: "paused",
      next: expect.stringContaining('step "a" was refused'),
    });
    bench.clock.aheadMs = 48 * 3_600_000;
    await policy(bench, runId, "retry", { reason: "once more" });
    const resumed = await bench.call(orchestrator(bench), "run_resume", { run_id: runId });
    expect(resumed).toMatchObject({ status: "resumed", run_status: "running" });
    expect(resumed.next).not.toContain("paused");
  });

  const belongs = {
    fresh: true,
    new_agent: "reviewer",
    new_steps_json: newSteps("z"),
    new_validator_json: JSON.stringify({ type: "command_pass", target: "true" }),
  };
  const owners = {
    fresh: "retry",
    new_agent: "change_agent",
    new_steps_json: "decompose",
    new_validator_json: "change_validator",
  };
  const actions = ["retry", "decompose", "change_agent", "change_validator", "skip", "abort", "escalate"];

  it.each(actions)("%s refuses the inputs of other actions, and asks for its own", async (action) => {
    const { bench, runId } = await refusedStep();
    const own = Object.entries(owners).find(([, owner]) => owner === action)?.[0];
    for (const [key, value] of Object.entries(belongs)) {
      if (key === own) continue;
      const mine = own === undefined ? {} : { [own]: belongs[own as keyof typeof belongs] };
      const mixed = () => policy(bench, runId, action, { ...mine, [key]: value });
      expect((await expectRefusal(bench, mixed, "invalid_input")).message).toContain(key);
    }
    if (own === undefined || own === "fresh") return;
    const missing = () => policy(bench, runId, action);
    expect((await expectRefusal(bench, missing, "invalid_input")).message).toContain(own);
  });

  it("refuses what would make a bad plan of the run, with its defects (W11, W16)", async () => {
    const { bench, runId } = await refusedStep();
    const refused = async (action: string, more: object, code: Parameters<typeof expectRefusal>[2]) =>
      expectRefusal(bench, () => policy(bench, runId, action, more), code);
    const steps = (value: unknown) => ({ new_steps_json: JSON.stringify(value) });
    await refused("decompose", steps([]), "validation_failed");
    await refused("decompose", steps([stepBy("b", "true")]), "validation_failed");
    await refused("decompose", steps([stepBy("", "true")]), "validation_failed");
    await refused("decompose", steps([stepBy("z", "true", { depends_on: ["b"] })]), "validation_failed");
    await refused("decompose", steps([stepBy("z", "true", { owner_agent: "ghost" })]), "validation_failed");
    await refused("decompose", steps([{ ...stepBy("z", "true"), status: "weird" }]), "validation_failed");
    await refused("decompose", { new_steps_json: "no steps" }, "parse_failed");
    await refused("change_agent", { new_agent: "ghost" }, "agent_not_found");
    await refused("change_agent", { new_agent: "coder" }, "invalid_input");
    const judge = (value: unknown) => ({ new_validator_json: JSON.stringify(value) });
    await refused("change_validator", judge({ type: "vibes" }), "validation_failed");
    await refused("change_validator", judge({ type: "command_pass", target: "exit 7" }), "invalid_input");
    await refused("shrug", {}, "invalid_input");
    expect(await bench.ledger.load(runId)).toMatchObject({ steps: [{ state: { status: "failed" } }, {}] });
  });

  it("answers only a step that asks (W16)", async () => {
    const bench = await openBench({ isolated: false });
    const { runId } = await bench.create(planOfSteps(stepBy("a", "true"), stepBy("b", "true")));
    for (const action of ["retry", "skip", "abort", "escalate"])
      await expectRefusal(bench, () => policy(bench, runId, action), "no_policy_request");
    await bench.call(bench.issue("coder"), "run_start_step", { run_id: runId, step_id: "a" });
    await expectRefusal(bench, () => policy(bench, runId, "skip"), "no_policy_request");
    await attempt(bench, runId, "a");
    await expectRefusal(bench, () => policy(bench, runId, "skip"), "no_policy_request");
  });

  it("tells another session nothing about the run, however its question looks (W57)", async () => {
    const { bench, runId } = await refusedStep();
    const stranger = bench.issue("orchestrator", { role: "orchestrator", sessionKey: `not ${SESSION}` });
    const ask =
      (action: string, more: object = {}) =>
      () =>
        policy(bench, runId, action, more, stranger);
    await expectRefusal(bench, ask("retry"), "session_mismatch");
    await expectRefusal(bench, ask("skip", { new_agent: "x" }), "session_mismatch");
    await expectRefusal(bench, ask("decompose", { new_steps_json: newSteps("b") }), "session_mismatch");
  });
});
