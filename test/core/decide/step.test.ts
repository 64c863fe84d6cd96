import { describe, expect, test } from "vitest";
import * as limit from "../../../src/core/limits.js";
import { nextActions } from "../../../src/core/next.js";
import type { Run } from "../../../src/core/run.js";
import * as cast from "../../helpers/cast.js";
import { create, executor, person, planOf, policy, stepSpec } from "../../helpers/cast.js";
import { given, played, playedOn, runWith, statusOf, stepIn } from "../../helpers/given.js";

const proposed = (id: string) => [cast.start(id), cast.propose(id)] as const;
const waiting = (): Run => playedOn(runWith([stepSpec("a"), stepSpec("z")]), {}, ...proposed("a"));

describe("start_step", () => {
  test("names what the step waits for (W25)", () => {
    const run = runWith([stepSpec("a"), stepSpec("b"), stepSpec("c", { dependsOn: ["a", "b"] })]);
    expect(given(run).when(cast.start("c")).thenRefuses("step_not_ready").message).toBe(
      'Step "c" waits for: a, b.',
    );
  });

  test("with a credential of the former attempt opens no new attempt", () => {
    const run = playedOn(waiting(), {}, cast.fail("a"), policy("a", cast.retry));
    given(run)
      .when(cast.start("a"), executor("coder", { attempt: 1 }))
      .thenRefuses("step_not_yours");
    given(run)
      .when(cast.start("a"), executor("coder", { attempt: 2 }))
      .thenHappened("step_started");
  });

  test("lets one step at a time run when all share the project folder", () => {
    const shared = played(
      create(planOf([stepSpec("a"), stepSpec("b")]), { workspaceIsolation: false, base: null }),
      cast.start("a"),
    );
    given(shared).when(cast.start("b")).thenRefuses("step_not_ready");
    const judging = playedOn(shared, {}, cast.propose("a"));
    given(judging).when(cast.start("b")).thenRefuses("step_not_ready");
    given(playedOn(judging, {}, cast.pass("a")))
      .when(cast.start("b"))
      .thenHappened("step_started");
  });

  test("waits until the runs that the former attempt started have ended", () => {
    const run = runWith([stepSpec("a")]);
    const left = playedOn(run, {}, cast.start("a"), cast.startChild("a"), cast.interrupt("a"));
    const again = playedOn(left, {}, policy("a", cast.retry));
    given(again).when(cast.start("a")).thenRefuses("step_not_ready");
    given(playedOn(again, {}, cast.finishChild))
      .when(cast.start("a"))
      .thenHappened("step_started");
  });

  test("of a step that is not there lists those that are", () => {
    const refusal = given(waiting()).when(cast.start("ghost")).thenRefuses("step_not_found");
    expect(refusal.hint).toBe("Its steps: a, z.");
  });
});

describe("propose_step_result", () => {
  const working = (): Run => playedOn(runWith([stepSpec("a")]), {}, cast.start("a"));

  test("keeps the claim and the captured tree apart from any verdict", () => {
    const run = given(working()).when(cast.propose("a")).thenHappened("step_result_proposed");
    expect(stepIn(run, "a").state).toMatchObject({
      status: "verify_pending",
      proposal: { seq: run.seq, result: "done", capture: { tree: "tree-a-1" } },
      approval: null,
      errors: 0,
    });
  });

  test("is refused when nothing was captured, or from another base", () => {
    given(working())
      .when(cast.propose("a", "done", { tree: null }))
      .thenRefuses("invalid_input");
    given(working())
      .when(cast.propose("a", "done", { base: "commit-9" }))
      .thenRefuses("verdict_mismatch");
  });

  test("needs no tree when all share the project folder", () => {
    const shared = played(
      create(planOf([stepSpec("a")]), { workspaceIsolation: false, base: null }),
      cast.start("a"),
    );
    given(shared).when(cast.propose("a")).thenHappened("step_result_proposed");
  });

  test("of something else is refused while the first is being judged", () => {
    given(waiting()).when(cast.propose("a", "better")).thenRefuses("step_not_in_progress");
    given(waiting())
      .when(cast.propose("a", "done", { tree: "tree-x" }))
      .thenRefuses("step_not_in_progress");
  });

  test("is taken while the run is paused, so that no work is lost", () => {
    const run = playedOn(working(), {}, cast.pause());
    given(run).when(cast.propose("a")).thenHappened("step_result_proposed");
  });
});

test("An interruption of a former attempt says nothing about this one", () => {
  const run = playedOn(
    runWith([stepSpec("a")]),
    {},
    cast.start("a"),
    cast.interrupt("a"),
    policy("a", cast.retry),
    cast.start("a"),
  );
  const late = { type: "interrupt_step", stepId: "a", attempt: 1, reason: "late", tail: "" } as const;
  given(run).when(late).thenRefuses("step_not_in_progress");
});

describe("A verdict", () => {
  test("makes the judged commit the head when it passed, and leaves the head alone when it did not", () => {
    expect(playedOn(waiting(), {}, cast.pass("a")).head).toBe("merged-a-1");
    expect(playedOn(waiting(), {}, cast.fail("a")).head).toBe("commit-0");
    expect(playedOn(waiting(), {}, cast.error("a")).head).toBe("commit-0");
  });

  const wrong = {
    "another proposal": { proposalSeq: 1 },
    "no proposal": { proposalSeq: null },
    "another base": { base: "commit-9" },
    "another head": { head: "commit-9" },
    "another judge": {
      validator: { type: "test_pass" as const, target: "", digest: "0".repeat(64) },
    },
    "no commit": { commit: null },
    "an approval nobody gave": { reason: "approved" as const },
  };
  for (const [what, over] of Object.entries(wrong))
    test(`is refused when it names ${what}`, () => {
      given(waiting())
        .when(cast.judge("a", { outcome: "passed", reason: "ok", ...over }))
        .thenRefuses("verdict_mismatch");
    });

  test("on an older head is refused: each head passed the judge of the step that made it", () => {
    const run = playedOn(waiting(), {}, ...proposed("z"), cast.pass("z"));
    given(run)
      .when(cast.judge("a", { outcome: "passed", reason: "ok", head: "commit-0" }))
      .thenRefuses("verdict_mismatch");
    given(run).when(cast.pass("a")).thenHappened("step_validation_passed", "run_completed");
  });

  test("says a failed claim is not an approval either", () => {
    given(waiting())
      .when(cast.judge("a", { outcome: "failed", reason: "approved" }))
      .thenRefuses("verdict_mismatch");
  });

  test("keeps exit code, tail and reason where the next attempt and run_read find them (W24)", () => {
    const run = playedOn(
      waiting(),
      {},
      cast.fail("a", { exitCode: 7, tail: "expected 2, got 3", message: "1 of 9 failed" }),
    );
    expect(stepIn(run, "a").state).toMatchObject({ verdict: { exitCode: 7, tail: "expected 2, got 3" } });
    expect(stepIn(run, "a").feedback).toMatchObject({ attempt: 1, verdict: { message: "1 of 9 failed" } });
  });

  test("needs no commit when all share the project folder", () => {
    const shared = played(
      create(planOf([stepSpec("a")]), { workspaceIsolation: false, base: null }),
      ...proposed("a"),
    );
    given(shared).when(cast.pass("a")).thenHappened("step_validation_passed", "run_completed");
  });
});

describe("A judge that could not run", () => {
  const erroredTimes = (count: number): Run =>
    playedOn(waiting(), {}, ...Array.from({ length: count }, () => cast.error("a")));

  test("costs no retry, and the same proposal is judged again", () => {
    const run = erroredTimes(1);
    expect(stepIn(run, "a")).toMatchObject({ attempt: 1, retryCount: 0, state: { errors: 1 } });
    expect(nextActions(run)[0]).toEqual({ kind: "verify", stepId: "a" });
    given(run).when(cast.pass("a")).thenHappened("step_validation_passed");
  });

  test("pauses the run when it happens too often for one proposal", () => {
    const paused = given(erroredTimes(limit.VERIFY_ERRORS_MAX - 1))
      .when(cast.error("a"))
      .thenHappened("step_validation_errored", "run_paused");
    expect(paused.state).toMatchObject({
      reason: "verification_errored",
      message: 'The validator of "a" could not run: node is not installed.',
      stepId: "a",
    });
    expect(nextActions(paused)).toEqual([]);
  });

  test("is asked again after a resume, as if nothing had happened", () => {
    const resumed = playedOn(erroredTimes(limit.VERIFY_ERRORS_MAX), {}, cast.resume());
    expect(stepIn(resumed, "a").state).toMatchObject({ status: "verify_pending", errors: 0 });
    expect(nextActions(resumed)[0]).toEqual({ kind: "verify", stepId: "a" });
    given(resumed).when(cast.pass("a")).thenHappened("step_validation_passed");
  });

  test("is counted once a round: a repeated record adds nothing", () => {
    given(erroredTimes(1)).when(cast.error("a", 0)).thenNothing();
    given(erroredTimes(2)).when(cast.error("a", 0)).thenNothing();
    given(erroredTimes(1)).when(cast.error("a", 1)).thenHappened("step_validation_errored");
  });

  test("does not count against the rounds after a resume", () => {
    const resumed = playedOn(erroredTimes(limit.VERIFY_ERRORS_MAX), {}, cast.resume());
    given(resumed).when(cast.error("a", 2)).thenRefuses("verdict_mismatch");
  });

  test("does not pause a run twice when it was paused meanwhile", () => {
    const paused = playedOn(erroredTimes(limit.VERIFY_ERRORS_MAX - 1), {}, cast.pause());
    given(paused).when(cast.error("a")).thenHappened("step_validation_errored");
  });

  test("lets a person decide instead of waiting for the judge", () => {
    const run = playedOn(erroredTimes(limit.VERIFY_ERRORS_MAX), {}, [policy("a", cast.skip), person]);
    expect(statusOf(run, "a")).toBe("completed");
    expect(stepIn(run, "a").state).toMatchObject({ how: "skipped", proposal: { result: "done" } });
  });
});
