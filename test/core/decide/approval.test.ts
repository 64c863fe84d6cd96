import { describe, expect, test } from "vitest";
import { nextActions } from "../../../src/core/next.js";
import type { Run } from "../../../src/core/run.js";
import * as cast from "../../helpers/cast.js";
import { approval, approve, policy, reject, stepSpec } from "../../helpers/cast.js";
import { AT, given, playedOn, runWith, stepIn } from "../../helpers/given.js";

const steps = [stepSpec("sign", { validator: approval }), stepSpec("z")];
const waiting = (): Run => playedOn(runWith(steps), {}, cast.start("sign"), cast.propose("sign"));

describe("A step that a person or orchestrator judges", () => {
  test("waits as verify_pending, not as failed, and asks for no policy (W26)", () => {
    const run = waiting();
    expect(stepIn(run, "sign").state.status).toBe("verify_pending");
    expect(nextActions(run)).toEqual([{ kind: "work", stepId: "z", agent: "coder" }]);
  });

  test("takes no verdict before the word was given, not even from the engine", () => {
    for (const over of [
      { outcome: "passed", reason: "ok" },
      { outcome: "passed", reason: "approved" },
      { outcome: "failed", reason: "awaiting_approval" },
      { outcome: "errored", reason: "room_failed" },
    ] as const)
      given(waiting()).when(cast.judge("sign", over)).thenRefuses("step_not_waiting");
  });

  test("is verified after the word was given, because the tree must still fit the head", () => {
    const run = given(waiting()).when(approve("sign", "looks right")).thenHappened("approval_received");
    expect(stepIn(run, "sign").state).toMatchObject({
      status: "verify_pending",
      approval: { by: { name: "ada", role: "human" }, at: AT, reason: "looks right" },
    });
    expect(nextActions(run)[0]).toEqual({ kind: "verify", stepId: "sign" });
    const done = given(run).when(cast.pass("sign")).thenHappened("step_validation_passed");
    expect(stepIn(done, "sign").state).toMatchObject({ status: "completed", how: "approved" });
    expect(done.waivers).toEqual([]);
  });

  test("is answered only with the proposal that was looked at, when that one is named", () => {
    const seen = stepProposalSeq(waiting());
    for (const said of [approve("sign"), reject("sign", "no")])
      given(waiting())
        .when({ ...said, proposalSeq: seen + 1 } as typeof said)
        .thenRefuses("step_not_waiting");
    given(waiting())
      .when({ type: "approve_step", stepId: "sign", reason: "", proposalSeq: seen })
      .thenHappened("approval_received");
  });

  test("approved, cannot pass for verified by a judge", () => {
    const run = playedOn(waiting(), {}, approve("sign"));
    given(run)
      .when(cast.judge("sign", { outcome: "passed", reason: "ok" }))
      .thenRefuses("verdict_mismatch");
  });

  test("approved, can still fail, for the tree may conflict or touch what is protected", () => {
    const run = playedOn(waiting(), {}, approve("sign"));
    given(run)
      .when(cast.fail("sign", { reason: "conflict" }))
      .thenHappened("step_validation_failed");
  });

  test("rejected, asks for a policy, with the reason as feedback for the next attempt", () => {
    const run = given(waiting())
      .when(reject("sign", "too long"))
      .thenHappened("approval_received", "step_validation_failed");
    expect(stepIn(run, "sign")).toMatchObject({
      feedback: { kind: "verdict", attempt: 1, verdict: { reason: "rejected", message: "too long" } },
      state: { status: "failed", verdict: { proposalSeq: stepProposalSeq(waiting()), commit: null } },
    });
    expect(nextActions(run)).toContainEqual({ kind: "decide_policy", stepId: "sign" });
    given(run).when(policy("sign", cast.retry)).thenHappened("policy_decision_applied");
  });

  test("needs a new word for a new proposal", () => {
    const again = playedOn(
      waiting(),
      {},
      reject("sign"),
      policy("sign", cast.retry),
      cast.start("sign"),
      cast.propose("sign"),
    );
    expect(stepIn(again, "sign").state).toMatchObject({ approval: null });
    given(again)
      .when(cast.judge("sign", { outcome: "passed", reason: "approved" }))
      .thenRefuses("step_not_waiting");
  });

  test("takes the first word: an approval cannot be turned round", () => {
    given(playedOn(waiting(), {}, approve("sign")))
      .when(reject("sign"))
      .thenRefuses("step_not_waiting");
    given(playedOn(waiting(), {}, reject("sign")))
      .when(approve("sign"))
      .thenRefuses("step_not_waiting");
  });

  test("takes the word while the run is paused, and goes on when it is resumed", () => {
    const run = playedOn(waiting(), {}, cast.pause(), approve("sign"));
    expect(nextActions(run)).toEqual([]);
    expect(nextActions(playedOn(run, {}, cast.resume()))[0]).toEqual({ kind: "verify", stepId: "sign" });
  });

  test("that could not be verified after its approval keeps the approval", () => {
    const run = playedOn(waiting(), {}, approve("sign"), cast.error("sign"));
    given(run).when(cast.pass("sign")).thenHappened("step_validation_passed");
  });
});

test("A step with another judge cannot be waved through", () => {
  const run = playedOn(runWith(steps), {}, cast.start("z"), cast.propose("z"));
  expect(given(run).when(approve("z")).thenRefuses("access_denied").message).toBe(
    'Step "z" is judged by test_pass; nobody can approve it.',
  );
  given(run).when(reject("z")).thenRefuses("access_denied");
});

const stepProposalSeq = (run: Run): number => {
  const { state } = stepIn(run, "sign");
  if (state.status !== "verify_pending") throw new Error("no proposal");
  return state.proposal.seq;
};
