import { describe, expect, test } from "vitest";
import * as limit from "../../src/core/limits.js";
import { nextActions } from "../../src/core/next.js";
import type { Run } from "../../src/core/run.js";
import * as cast from "../helpers/cast.js";
import { approval, criterion, policy, stepSpec } from "../helpers/cast.js";
import { given, played, playedOn, runWith } from "../helpers/given.js";

const proposed = (id: string) => [cast.start(id), cast.propose(id)] as const;
const refused = (id: string) => [...proposed(id), cast.fail(id)] as const;
const pausing = { rules: { onUnmetCriteria: "pause" } } as const;

describe("A run is completed in the same decision that closes its last step, whichever that is (W14)", () => {
  test("a passed verdict", () => {
    const run = playedOn(runWith([stepSpec("a")]), {}, ...proposed("a"));
    const done = given(run).when(cast.pass("a")).thenHappened("step_validation_passed", "run_completed");
    expect(done.state).toMatchObject({ status: "completed", summary: "1 step verified" });
    expect(done.head).toBe("merged-a-1");
  });

  test("a skip", () => {
    const run = playedOn(runWith([stepSpec("a")]), {}, ...refused("a"));
    const done = given(run)
      .when(policy("a", cast.skip))
      .thenHappened("policy_decision_applied", "run_completed");
    expect(done.state).toMatchObject({ summary: "1 step skipped, 1 waiver" });
  });

  test("an approved step", () => {
    const run = playedOn(runWith([stepSpec("a", { validator: approval })]), {}, ...proposed("a"));
    const approved = given(run).when(cast.approve("a")).thenHappened("approval_received");
    given(approved).when(cast.pass("a")).thenHappened("step_validation_passed", "run_completed");
  });

  test("the resumption of a run whose last step passed while it was paused", () => {
    const paused = playedOn(runWith([stepSpec("a")]), {}, ...proposed("a"), cast.pause(), cast.pass("a"));
    expect(paused.state.status).toBe("paused");
    given(paused).when(cast.resume()).thenHappened("run_resumed", "run_completed");
  });

  test("the resumption of a run whose last step was skipped after an escalation", () => {
    const escalated = playedOn(runWith([stepSpec("a")]), {}, ...refused("a"), policy("a", cast.escalate));
    const skipped = playedOn(escalated, {}, [policy("a", cast.skip), cast.person]);
    given(skipped).when(cast.resume()).thenHappened("run_resumed", "run_completed");
  });
});

test("The last verdict does not end a run in which another step still asks for a decision (W13)", () => {
  const run = playedOn(runWith([stepSpec("a"), stepSpec("b")]), {}, ...refused("a"), ...proposed("b"));
  given(run).when(cast.pass("b")).thenHappened("step_validation_passed");
});

test("A note on a live run completes nothing", () => {
  given(runWith([stepSpec("a")]))
    .when(cast.note("k", "v"))
    .thenHappened("note_written");
});

test("The end tells every waiver, and how each step came to be completed", () => {
  const run = playedOn(
    runWith([stepSpec("a"), stepSpec("b"), stepSpec("c")]),
    {},
    ...proposed("a"),
    cast.pass("a"),
    ...refused("b"),
    policy("b", cast.skip, "no time"),
    ...refused("c"),
    policy("c", cast.changeValidator({ type: "command_pass", target: "true", params: {} }), "flaky"),
    ...proposed("c"),
  );
  const { events } = given(run).when(cast.pass("c"));
  expect(events.at(-1)?.payload).toEqual({
    summary: "2 steps verified, 1 step skipped, 2 waivers",
    waivers: [
      {
        stepId: "b",
        kind: "skipped",
        reason: "no time",
        by: { name: "orchestrator", role: "orchestrator" },
      },
      {
        stepId: "c",
        kind: "validator_changed",
        reason: "flaky",
        by: { name: "orchestrator", role: "orchestrator" },
      },
    ],
  });
});

describe("Acceptance criteria", () => {
  const judged = (criteria: readonly string[]): Run =>
    playedOn(runWith([stepSpec("a")], criteria.map(criterion)), {}, ...proposed("a"), cast.pass("a"));

  test("are asked one after the other when every step is completed, and not before", () => {
    const open = playedOn(runWith([stepSpec("a")], [criterion("one")]), {}, ...proposed("a"));
    expect(nextActions(open)).toEqual([{ kind: "verify", stepId: "a" }]);
    const run = judged(["one", "two"]);
    expect(run.state.status).toBe("running");
    expect(nextActions(run)).toEqual([{ kind: "verify_criterion", index: 0 }]);
    expect(nextActions(playedOn(run, {}, cast.meet(0)))).toEqual([{ kind: "verify_criterion", index: 1 }]);
  });

  test("all met complete the run", () => {
    const run = given(playedOn(judged(["one", "two"]), {}, cast.meet(0)))
      .when(cast.meet(1))
      .thenHappened("criterion_met", "run_completed");
    expect(run.state).toMatchObject({ summary: "1 step verified, 2 criteria met" });
  });

  test("one unmet fails the run when all are judged, with the reasons (W28)", () => {
    const first = given(judged(["one", "two"]))
      .when(cast.unmeet(0))
      .thenHappened("criterion_unmet");
    const run = given(first).when(cast.meet(1)).thenHappened("criterion_met", "run_failed");
    expect(run.state).toMatchObject({
      status: "failed",
      reason: "unmet_criteria",
      message: "1 of 2 acceptance criteria unmet: one",
      unmet: ["one"],
    });
    expect(run.criteria[0]?.state).toMatchObject({ status: "unmet", verdict: { message: "1 test failed." } });
  });

  test("one unmet pauses the run instead, when the setting says so", () => {
    given(judged(["one"]), pausing)
      .when(cast.unmeet(0))
      .thenHappened("criterion_unmet", "run_paused");
  });

  test("that were unmet are asked again after a resume; those that were met are not", () => {
    const paused = playedOn(judged(["one", "two"]), pausing, cast.meet(0), cast.unmeet(1));
    const resumed = given(paused, pausing).when(cast.resume()).thenHappened("run_resumed");
    expect(nextActions(resumed)).toEqual([{ kind: "verify_criterion", index: 1 }]);
    given(resumed, pausing).when(cast.meet(1)).thenHappened("criterion_met", "run_completed");
  });

  test("that could not be judged are tried again, then a person is asked", () => {
    let run = judged(["one"]);
    for (let round = 1; round < limit.VERIFY_ERRORS_MAX; round += 1) {
      run = given(run).when(cast.errorCriterion(0)).thenHappened("criterion_unmet");
      expect(nextActions(run)).toEqual([{ kind: "verify_criterion", index: 0 }]);
    }
    const paused = given(run).when(cast.errorCriterion(0)).thenHappened("criterion_unmet", "run_paused");
    expect(paused.state).toMatchObject({ reason: "verification_errored", stepId: null });
    const resumed = playedOn(paused, {}, cast.resume());
    expect(nextActions(resumed)).toEqual([{ kind: "verify_criterion", index: 0 }]);
    given(resumed).when(cast.meet(0)).thenHappened("criterion_met", "run_completed");
  });

  test("take an errored verdict once a round, also when it comes late", () => {
    const once = playedOn(judged(["one"]), {}, cast.errorCriterion(0));
    given(once).when(cast.errorCriterion(0, 0)).thenNothing();
    given(once).when(cast.errorCriterion(0, 2)).thenRefuses("verdict_mismatch");
  });

  test("take no verdict of another head, another judge, or on nothing", () => {
    const run = judged(["one"]);
    given(run)
      .when(cast.judgeCriterion(0, { outcome: "passed", head: "commit-0" }))
      .thenRefuses("verdict_mismatch");
    const other = { type: "test_pass", target: "", digest: "0".repeat(64) } as const;
    given(run)
      .when(cast.judgeCriterion(0, { outcome: "passed", validator: other }))
      .thenRefuses("verdict_mismatch");
    given(run)
      .when(cast.judgeCriterion(0, { outcome: "passed", reason: "approved" }))
      .thenRefuses("verdict_mismatch");
    given(run).when(cast.meet(7)).thenRefuses("criterion_not_found");
  });

  test("say which steps are open when they are asked too early", () => {
    const run = runWith([stepSpec("a"), stepSpec("b")], [criterion("one")]);
    expect(given(run).when(cast.meet(0)).thenRefuses("criteria_not_due").message).toContain("open: a, b");
  });

  test("that were judged during a pause count when the run is resumed", () => {
    const paused = playedOn(judged(["one"]), {}, cast.pause(), cast.meet(0));
    expect(paused.state.status).toBe("paused");
    given(paused).when(cast.resume()).thenHappened("run_resumed", "run_completed");
  });
});

test("A run without a plan is not completed for having no open step", () => {
  expect(played(cast.create()).state.status).toBe("planning");
});
