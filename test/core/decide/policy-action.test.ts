import { describe, expect, test } from "vitest";
import type { Command } from "../../../src/core/commands.js";
import { PolicyActionType } from "../../../src/core/events.js";
import { nextActions } from "../../../src/core/next.js";
import { policyRequestOf } from "../../../src/core/policy-request.js";
import type { Run } from "../../../src/core/run.js";
import { validatorDigest } from "../../../src/core/spec.js";
import * as cast from "../../helpers/cast.js";
import { executor, orchestrator, person, policy, stepSpec } from "../../helpers/cast.js";
import { attempt, given, playedOn, rules, runWith, statusOf, stepIn } from "../../helpers/given.js";

const tried = [cast.start("a"), cast.propose("a")] as const;
const failed = (over = {}): Run =>
  playedOn(runWith([stepSpec("a", over), stepSpec("z")]), {}, ...tried, cast.fail("a"));

describe("retry", () => {
  test("opens the next attempt for the same owner, with the refusal as feedback", () => {
    const run = given(failed()).when(policy("a", cast.retry)).thenHappened("policy_decision_applied");
    expect(stepIn(run, "a")).toMatchObject({
      attempt: 1,
      retryCount: 1,
      fresh: false,
      feedback: { kind: "verdict", attempt: 1, verdict: { message: "1 test failed." } },
      state: { status: "pending" },
    });
    const again = given(run).when(cast.start("a")).thenHappened("step_started");
    expect(stepIn(again, "a").attempt).toBe(2);
  });

  test("of an attempt that was looked at answers no later one", () => {
    const again = playedOn(failed(), {}, policy("a", cast.retry), ...tried, cast.fail("a"));
    const skipped = (seen: number): Command => ({
      type: "apply_policy",
      stepId: "a",
      decision: cast.skip,
      reason: "because",
      attempt: seen,
    });
    given(again).when(skipped(1), person).thenRefuses("no_policy_request");
    given(again).when(skipped(2), person).thenHappened("policy_decision_applied");
  });

  test("starts clean when asked to, once", () => {
    const run = playedOn(failed(), {}, policy("a", { action: "retry", fresh: true }));
    expect(stepIn(run, "a").fresh).toBe(true);
    expect(stepIn(playedOn(run, {}, cast.start("a")), "a").fresh).toBe(false);
  });

  test("is refused to the orchestrator when maxRetries are spent, and still open to a person (W15)", () => {
    const spent = playedOn(failed({ maxRetries: 1 }), {}, policy("a", cast.retry), ...tried, cast.fail("a"));
    given(spent).when(policy("a", cast.retry)).thenRefuses("retries_exhausted");
    const run = given(spent).when(policy("a", cast.retry), person).thenHappened("policy_decision_applied");
    expect(stepIn(run, "a").retryCount).toBe(2);
  });

  test("is refused at once when the plan grants no retry", () => {
    given(failed({ maxRetries: 0 }))
      .when(policy("a", cast.retry))
      .thenRefuses("retries_exhausted");
  });

  test("of an interrupted step hands on what the agent said last", () => {
    const run = playedOn(runWith([stepSpec("a")]), {}, cast.start("a"), cast.interrupt("a"));
    const next = given(run).when(policy("a", cast.retry)).thenHappened("policy_decision_applied");
    expect(stepIn(next, "a").feedback).toEqual({
      kind: "interrupted",
      attempt: 1,
      reason: "the agent exited with code 1",
      tail: "boom",
    });
  });

  test("of a step that could not be judged hands on why", () => {
    const run = playedOn(runWith([stepSpec("a")]), {}, ...tried, cast.error("a"), policy("a", cast.retry));
    expect(stepIn(run, "a").feedback).toMatchObject({ verdict: { message: "node is not installed." } });
  });

  test("with another reason is no repetition: the request is closed by then", () => {
    const run = playedOn(failed(), {}, policy("a", cast.retry, "one"));
    given(run)
      .when(policy("a", cast.retry, "one"))
      .thenNothing();
    given(run)
      .when(policy("a", cast.retry, "two"))
      .thenRefuses("no_policy_request");
  });

  test("of the next attempt is not taken for the one of this attempt", () => {
    const second = playedOn(failed(), {}, policy("a", cast.retry), ...tried, cast.fail("a"));
    given(second).when(policy("a", cast.retry)).thenHappened("policy_decision_applied");
  });
});

describe("change_agent", () => {
  test("hands the step to another agent, who starts clean; the old one may not go on", () => {
    const run = playedOn(failed(), {}, policy("a", cast.changeAgent("reviewer")));
    expect(stepIn(run, "a")).toMatchObject({ fresh: true, retryCount: 0, spec: { ownerAgent: "reviewer" } });
    given(run).when(cast.start("a"), executor("coder")).thenRefuses("step_not_yours");
    given(run).when(cast.start("a"), executor("reviewer")).thenHappened("step_started");
  });

  test("is refused for the agent that has it already", () => {
    given(failed())
      .when(policy("a", cast.changeAgent("coder")))
      .thenRefuses("invalid_input");
  });

  test.each(["", "  "])("is refused for an agent named %j (W16)", (name) => {
    given(failed())
      .when(policy("a", cast.changeAgent(name)))
      .thenRefuses("invalid_input");
  });

  test("is refused for an agent that does not exist, when the host says which do", () => {
    const world = { rules: { agents: ["coder", "reviewer"] } };
    given(failed(), world)
      .when(policy("a", cast.changeAgent("ghost")))
      .thenRefuses("agent_not_found");
    given(failed(), world)
      .when(policy("a", cast.changeAgent("reviewer")))
      .thenHappened("policy_decision_applied");
  });
});

describe("change_validator", () => {
  const weaker = { type: "command_pass", target: "true", params: {} } as const;

  test("records both judges and a waiver, so a run with a weaker judge never looks fully verified (W59)", () => {
    const { events } = given(failed()).when(policy("a", cast.changeValidator(weaker), "flaky"));
    expect(events[0]?.payload).toMatchObject({
      validatorBefore: validatorDigest(cast.tests),
      validatorAfter: validatorDigest(weaker),
    });
    const run = playedOn(failed(), {}, policy("a", cast.changeValidator(weaker), "flaky"));
    expect(run.waivers).toEqual([
      {
        stepId: "a",
        kind: "validator_changed",
        reason: "flaky",
        by: { name: "orchestrator", role: "orchestrator" },
      },
    ]);
    expect(stepIn(run, "a").spec.validator).toEqual(weaker);
  });

  test("is refused for the judge it has", () => {
    given(failed())
      .when(policy("a", cast.changeValidator(cast.tests)))
      .thenRefuses("invalid_input");
  });

  test("is refused when the new judge breaks a rule of plans", () => {
    const flag = { type: "build_pass", target: "--output=/etc/passwd", params: {} } as const;
    given(failed())
      .when(policy("a", cast.changeValidator(flag)))
      .thenRefuses("validation_failed");
  });

  test("is for people only when the setting says so", () => {
    const world = { rules: { changeValidator: "human" } } as const;
    given(failed(), world)
      .when(policy("a", cast.changeValidator(weaker)))
      .thenRefuses("access_denied");
    given(failed(), world)
      .when(policy("a", cast.changeValidator(weaker)), person)
      .thenHappened("policy_decision_applied");
  });

  test("makes a verdict of the former judge worthless", () => {
    const run = playedOn(failed(), {}, policy("a", cast.changeValidator(weaker)), ...tried);
    const { type, target } = cast.tests;
    const former = { type, target, digest: validatorDigest(cast.tests) };
    given(run)
      .when(cast.judge("a", { outcome: "passed", reason: "ok", validator: former }))
      .thenRefuses("verdict_mismatch");
  });
});

describe("skip", () => {
  test("completes the step as skipped, keeps what was judged, and is a waiver", () => {
    const run = given(failed())
      .when(policy("a", cast.skip, "later"))
      .thenHappened("policy_decision_applied");
    expect(stepIn(run, "a").state).toMatchObject({
      status: "completed",
      how: "skipped",
      verdict: { outcome: "failed" },
    });
    expect(run.waivers).toMatchObject([{ stepId: "a", kind: "skipped", reason: "later" }]);
    expect(run.head).toBe("commit-0");
  });

  test("releases whoever waited for the step", () => {
    const steps = [stepSpec("a"), stepSpec("b", { dependsOn: ["a"] })];
    const run = playedOn(runWith(steps), {}, ...tried, cast.fail("a"), policy("a", cast.skip));
    given(run).when(cast.start("b")).thenHappened("step_started");
  });
});

describe("abort", () => {
  test("ends the run for good, and says why", () => {
    const run = given(failed())
      .when(policy("a", cast.abort, "hopeless"))
      .thenHappened("policy_decision_applied", "run_failed");
    expect(run.state).toMatchObject({ status: "failed", reason: "aborted", message: "hopeless" });
  });

  test("works on a paused run", () => {
    const paused = playedOn(failed(), {}, policy("a", cast.escalate));
    given(paused).when(policy("a", cast.abort)).thenHappened("policy_decision_applied", "run_failed");
  });
});

describe("escalate", () => {
  test("pauses the run and names the step; a person answers, then resumes", () => {
    const paused = given(failed())
      .when(policy("a", cast.escalate, "ask Ada"))
      .thenHappened("policy_decision_applied", "run_paused");
    expect(paused.state).toMatchObject({ reason: "escalated", message: "ask Ada", stepId: "a" });
    const answered = playedOn(paused, {}, [policy("a", cast.retry), person]);
    expect(answered.state.status).toBe("paused");
    const resumed = playedOn(answered, {}, cast.resume());
    expect(nextActions(resumed)).toContainEqual({ kind: "work", stepId: "a", agent: "coder" });
  });

  test("can be said again after somebody resumed without an answer", () => {
    const resumed = playedOn(failed(), {}, policy("a", cast.escalate), cast.resume());
    given(resumed).when(policy("a", cast.escalate)).thenHappened("policy_decision_applied", "run_paused");
  });

  test("of one step is not taken for that of another", () => {
    const both = playedOn(failed(), {}, cast.start("z"), cast.propose("z"), cast.fail("z"));
    const first = playedOn(both, {}, policy("a", cast.escalate), cast.resume());
    const second = playedOn(first, {}, policy("z", cast.escalate));
    given(second).when(policy("z", cast.escalate)).thenNothing();
    given(second).when(policy("a", cast.escalate)).thenRefuses("run_not_running");
  });
});

describe("A policy request", () => {
  const context = { caller: orchestrator, rules };
  const requestOf = (run: Run) => policyRequestOf(run, stepIn(run, "a"), context);

  test("says what happened and what may be answered", () => {
    expect(requestOf(failed())).toMatchObject({
      stepId: "a",
      stepGoal: "Do a",
      attempt: 1,
      reason: "1 test failed.",
      retryCount: 0,
      maxRetries: 2,
      verdict: { outcome: "failed", exitCode: 1 },
    });
  });

  test("is not open for a step at work, nor in a run that ended", () => {
    expect(requestOf(runWith([stepSpec("a")]))).toBeNull();
    expect(requestOf(playedOn(failed(), {}, policy("a", cast.abort)))).toBeNull();
    expect(requestOf(playedOn(failed(), {}, cast.cancel()))).toBeNull();
  });

  const decisions = {
    retry: cast.retry,
    decompose: cast.decompose(stepSpec("a1")),
    change_agent: cast.changeAgent("reviewer"),
    change_validator: cast.changeValidator({ type: "command_pass", target: "true", params: {} }),
    skip: cast.skip,
    abort: cast.abort,
    escalate: cast.escalate,
  } satisfies Record<PolicyActionType, unknown>;

  const situations: Record<string, Run> = {
    "with retries left": failed(),
    "with no retries left": failed({ maxRetries: 0 }),
    "in a paused run": playedOn(failed(), {}, cast.pause()),
    "in a cancelled run": playedOn(failed(), {}, cast.cancel()),
  };
  for (const [name, run] of Object.entries(situations))
    for (const caller of [orchestrator, person])
      for (const changeValidator of ["orchestrator", "human"] as const)
        test(`${name} offers a ${caller.role} exactly what is accepted (validators: ${changeValidator})`, () => {
          const world = { rules: { changeValidator } };
          const offered = policyRequestOf(run, stepIn(run, "a"), {
            caller,
            rules: { ...rules, changeValidator },
          });
          const accepted = PolicyActionType.options.filter(
            (action) => "events" in attempt(run, policy("a", decisions[action]), caller, world),
          );
          expect(offered?.allowedActions ?? []).toEqual(accepted);
        });

  test("stays open while siblings go on and pass: it never ends the run by itself (W13)", () => {
    const run = playedOn(failed(), {}, cast.start("z"), cast.propose("z"), cast.pass("z"));
    expect(run.state.status).toBe("running");
    expect(statusOf(run, "a")).toBe("failed");
    expect(nextActions(run)).toEqual([{ kind: "decide_policy", stepId: "a" }]);
  });
});
