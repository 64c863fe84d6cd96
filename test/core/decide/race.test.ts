import { describe, expect, test } from "vitest";
import { nextActions } from "../../../src/core/next.js";
import { policyRequestOf } from "../../../src/core/policy-request.js";
import type { Run } from "../../../src/core/run.js";
import type { Race } from "../../../src/core/spec.js";
import { whyRun } from "../../../src/core/why.js";
import * as cast from "../../helpers/cast.js";
import { create, of, planOf, stepSpec } from "../../helpers/cast.js";
import { given, played, playedOn, rules, stepIn } from "../../helpers/given.js";

const racing = (pick: Race["pick"] = "first", agents = ["coder", "coder", "reviewer"]) =>
  played(create(planOf([stepSpec("a", { race: { agents, pick } }), stepSpec("z", { dependsOn: ["a"] })])));

const proposed = (candidate: number, patchBytes = 10) =>
  [cast.start("a"), cast.propose("a", "done", { patchBytes })].map((said) => of(candidate, said));

const states = (run: Run) => stepIn(run, "a").candidates.map(({ state }) => state.status);
const verifyDue = (run: Run) => nextActions(run).filter(({ kind }) => kind === "verify");

describe("A race", () => {
  test("starts with its first candidate, as one attempt, and asks all others to begin", () => {
    const run = playedOn(racing(), {}, of(2, cast.start("a")));
    expect(stepIn(run, "a")).toMatchObject({ attempt: 1, state: { status: "racing" } });
    expect(states(run)).toEqual(["pending", "in_progress", "pending"]);
    expect(nextActions(run)).toEqual([
      { kind: "work", stepId: "a", candidate: 2, agent: "coder" },
      { kind: "work", stepId: "a", candidate: 1, agent: "coder" },
      { kind: "work", stepId: "a", candidate: 3, agent: "reviewer" },
    ]);
    expect(stepIn(playedOn(run, {}, of(1, cast.start("a"))), "a").attempt).toBe(1);
    expect(whyRun(run, true).sentence).toBe("It is at work: candidates race for a.");
  });

  test("is won by the first verdict that passes: the others are out in the same moment, and the head moved once", () => {
    const run = playedOn(racing(), {}, ...proposed(1), ...proposed(3));
    expect(verifyDue(run)).toEqual([{ kind: "verify", stepId: "a", candidate: 1 }]);
    const won = given(run)
      .when(of(3, cast.pass("a")))
      .thenHappened("step_validation_passed", "candidate_cancelled", "candidate_cancelled");
    expect(states(won)).toEqual(["cancelled", "cancelled", "completed"]);
    expect(stepIn(won, "a").candidates[0]?.state).toMatchObject({
      reason: "Candidate 3 was verified.",
      proposal: { result: "done" },
    });
    expect(won.head).toBe("merged-a-1-3");
    // What was judged at the same time comes too late.
    given(won)
      .when(() => cast.say(of(1, cast.pass("a")), run))
      .thenRefuses("step_not_waiting");
    given(won)
      .when(() => cast.say(of(3, cast.pass("a")), run))
      .thenNothing();
    given(won)
      .when(() => cast.say(of(1, cast.propose("a", "again")), run))
      .thenRefuses("step_not_in_progress");
  });

  test("is lost when the last candidate is, and costs one retry", () => {
    const lost = playedOn(
      racing(),
      {},
      ...proposed(1),
      of(1, cast.fail("a", { message: "1 test failed." })),
      of(2, cast.start("a")),
      of(2, cast.interrupt("a")),
      ...proposed(3),
      of(3, cast.fail("a", { message: "2 tests failed." })),
    );
    expect(stepIn(lost, "a")).toMatchObject({
      state: { status: "failed", verdict: { message: "2 tests failed." } },
      feedback: { kind: "verdict", attempt: 1, verdict: { message: "2 tests failed." } },
    });
    const request = policyRequestOf(lost, stepIn(lost, "a"), { caller: cast.orchestrator, rules });
    expect(request).toMatchObject({
      reason:
        "1 (coder): 1 test failed; 2 (coder): the agent exited with code 1; 3 (reviewer): 2 tests failed",
      candidates: [{ status: "failed" }, { status: "interrupted", verdict: null }, { status: "failed" }],
    });
    const again = playedOn(lost, {}, cast.policy("a", cast.retry));
    expect(stepIn(again, "a")).toMatchObject({ retryCount: 1, state: { status: "pending" } });
    expect(stepIn(again, "a").candidates.map(({ feedback }) => feedback?.kind)).toEqual([
      "verdict",
      "interrupted",
      "verdict",
    ]);
    expect(stepIn(playedOn(again, {}, of(1, cast.start("a"))), "a").attempt).toBe(2);
  });

  test("in which nobody proposed is interrupted", () => {
    const ends = [1, 2, 3].flatMap((one) => [of(one, cast.start("a")), of(one, cast.interrupt("a"))]);
    expect(stepIn(playedOn(racing(), {}, ...ends), "a").state).toMatchObject({
      status: "interrupted",
      reason: expect.stringMatching(/^No candidate proposed anything: 1 \(coder\): .* code 1; 2 /),
    });
  });

  test("for the smallest patch judges nothing before all have ended, then from the smallest on", () => {
    const some = playedOn(racing("smallest"), {}, ...proposed(1, 30), ...proposed(2, 20));
    expect(verifyDue(some)).toEqual([]);
    const all = playedOn(some, {}, ...proposed(3, 20));
    expect(verifyDue(all)).toEqual([{ kind: "verify", stepId: "a", candidate: 2 }]);
    const next = playedOn(all, {}, of(2, cast.fail("a")));
    expect(verifyDue(next)).toEqual([{ kind: "verify", stepId: "a", candidate: 3 }]);
    expect(states(playedOn(next, {}, of(3, cast.pass("a"))))).toEqual(["cancelled", "failed", "completed"]);
    const gaveUp = playedOn(some, {}, of(3, cast.start("a")), of(3, cast.interrupt("a")));
    expect(verifyDue(gaveUp)).toEqual([{ kind: "verify", stepId: "a", candidate: 2 }]);
  });
});

describe("Who speaks for a candidate", () => {
  const run = playedOn(racing(), {}, of(1, cast.start("a")), of(2, cast.start("a")));
  const claim = of(1, cast.propose("a"));

  test.each([
    ["another candidate", cast.executor("coder", { candidate: 2 })],
    ["its agent, naming no candidate", cast.executor("coder")],
    ["another agent that says it is it", cast.executor("reviewer", { candidate: 1 })],
    ["the candidate of another attempt", cast.executor("coder", { candidate: 1, attempt: 2 })],
  ])("is not %s", (_who, caller) => {
    expect(given(run).when(claim, caller).thenRefuses("step_not_yours").hint).toBeTruthy();
  });

  test("is itself", () => {
    given(run)
      .when(claim, cast.executor("coder", { candidate: 1, attempt: 1 }))
      .thenHappened("step_result_proposed");
  });

  test("and a candidate that there is not is nobody", () => {
    given(run)
      .when(() => ({ ...cast.say(claim, run), candidate: 4 }) as never)
      .thenRefuses("candidate_not_found");
    const alone = played(create(planOf([stepSpec("a")])));
    given(alone)
      .when({ type: "start_step", stepId: "a", candidate: 1, base: "commit-0" })
      .thenRefuses("candidate_not_found");
    given(playedOn(alone, {}, cast.start("a")))
      .when(cast.propose("a"), cast.executor("coder", { candidate: 1 }))
      .thenRefuses("step_not_yours");
  });
});

describe("A policy action", () => {
  const errored = () =>
    playedOn(racing(), {}, ...proposed(1), of(2, cast.start("a")), of(1, cast.error("a")));

  test("in mid-race is only taken when a judge could not run, and ends the race for all", () => {
    given(playedOn(racing(), {}, ...proposed(1)))
      .when(cast.policy("a", cast.skip))
      .thenRefuses("no_policy_request");
    const after = given(errored())
      .when(cast.policy("a", cast.retry))
      .thenHappened(
        "candidate_cancelled",
        "candidate_cancelled",
        "candidate_cancelled",
        "policy_decision_applied",
      );
    expect(states(after)).toEqual(["pending", "pending", "pending"]);
    expect(stepIn(after, "a").candidates[0]?.feedback).toMatchObject({ verdict: { outcome: "errored" } });
  });

  test("that decomposes the step leaves what became of the race as it was", () => {
    const after = playedOn(errored(), {}, cast.policy("a", cast.decompose(stepSpec("a1"))));
    expect(stepIn(after, "a").state).toMatchObject({ status: "completed", how: "decomposed" });
    expect(states(after)).toEqual(["cancelled", "cancelled", "cancelled"]);
  });

  test("gives all candidates to the new agent, unless all are that agent already", () => {
    const lost = [1, 2, 3].flatMap((one) => [of(one, cast.start("a")), of(one, cast.interrupt("a"))]);
    const run = playedOn(racing(), {}, ...lost);
    const mixed = playedOn(run, {}, cast.policy("a", cast.changeAgent("coder")));
    expect(stepIn(mixed, "a").candidates).toMatchObject(
      [1, 2, 3].map(() => ({ agent: "coder", fresh: true })),
    );
    const again = playedOn(mixed, {}, ...lost);
    given(again)
      .when(cast.policy("a", cast.changeAgent("coder")))
      .thenRefuses("invalid_input");
  });

  test("cannot make a person the judge of a race", () => {
    given(errored())
      .when(cast.policy("a", cast.changeValidator(cast.approval)))
      .thenRefuses("invalid_input");
  });

  test("brings no race into a run whose steps share one folder", () => {
    const plan = planOf([stepSpec("a")]);
    const shared = { workspaceIsolation: false, base: null };
    const failed = played(create(plan, shared), cast.start("a"), cast.propose("a"), cast.fail("a"));
    given(failed)
      .when(cast.policy("a", cast.decompose(stepSpec("a1", { race: cast.two }))))
      .thenRefuses("invalid_input");
    given(undefined)
      .when(create(planOf([stepSpec("a", { race: cast.two })]), shared))
      .thenRefuses("invalid_input");
  });
});

test("Resuming a run asks again about a candidate that could not be judged", () => {
  const thrice = [1, 2, 3].map(() => of(1, cast.error("a")));
  const paused = playedOn(racing(), {}, ...proposed(1), ...thrice);
  expect(paused.state).toMatchObject({ status: "paused", reason: "verification_errored" });
  const resumed = playedOn(paused, {}, cast.resume());
  expect(verifyDue(resumed)).toEqual([{ kind: "verify", stepId: "a", candidate: 1 }]);
  expect(stepIn(resumed, "a").candidates[0]?.state).toMatchObject({ errors: 0 });
});
