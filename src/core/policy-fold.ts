import { withState, withStep } from "./changed-steps.js";
import type { EventOf } from "./events.js";
import { rosterOf } from "./race.js";
import type { Candidate, Feedback, Run, Step, StepState } from "./run.js";
import type { StepSpec } from "./spec.js";
import { replaced } from "./steps.js";
import type { Verdict } from "./verdict.js";

// The seven policy actions; abort and escalate change the run by an event of their own that follows.
export const afterPolicyAction = (run: Run, event: EventOf<"policy_decision_applied">): Run => {
  const { stepId, decision, reason } = event.payload;
  const noted = withStep(run, stepId, (step) => ({
    ...step,
    lastDecision: { decision, reason, attempt: event.attempt },
  }));
  const again = (fresh: boolean, change: (step: Step) => Partial<Step>): Run =>
    withStep(noted, stepId, (step) => {
      const tried = { ...step, feedback: feedbackOf(step) ?? step.feedback, ...change(step), fresh };
      return { ...tried, candidates: racingAgain(step, tried), state: { status: "pending" } };
    });
  switch (decision.action) {
    case "retry":
      return again(decision.fresh, (step) => ({ retryCount: step.retryCount + 1 }));
    case "change_agent":
      return again(true, (step) => ({ spec: handedTo(step.spec, decision.newAgent) }));
    case "change_validator":
      return waived(
        again(false, (step) => ({ spec: { ...step.spec, validator: decision.newValidator } })),
        event,
        "validator_changed",
      );
    case "skip":
      return waived(closed(noted, event, "skipped"), event, "skipped");
    case "decompose":
      return waived(
        replaced(closed(noted, event, "decomposed"), stepId, decision.newSteps),
        event,
        "decomposed",
      );
    case "abort":
    case "escalate":
      return noted;
  }
};

/** What a refused or errored attempt teaches the next one, also when the policy action found it still verify_pending. */
const feedbackOf = ({ state, attempt }: Step): Feedback | null =>
  state.status === "verify_pending" && state.lastError !== null
    ? { kind: "verdict", attempt, verdict: state.lastError }
    : null;

/** How many race is the plan's word, so all of them are the new agent. */
const handedTo = (spec: StepSpec, newAgent: string): StepSpec => ({
  ...spec,
  ownerAgent: newAgent,
  ...(spec.race === undefined
    ? {}
    : { race: { ...spec.race, agents: spec.race.agents.map(() => newAgent) } }),
});

/** Each candidate of the next race knows what became of it in the last one. */
const racingAgain = (before: Step, { spec, fresh }: Step): readonly Candidate[] =>
  rosterOf(spec).map((one, index) => {
    const former = before.candidates[index];
    if (former === undefined) return one;
    const { base, feedback, effects } = former;
    return { ...one, base, feedback, effects, fresh };
  });

const closed = (run: Run, event: EventOf<"policy_decision_applied">, how: "skipped" | "decomposed"): Run =>
  withState(run, event.payload.stepId, (state) => ({
    status: "completed",
    how,
    completedAt: event.at,
    proposal: proposalOf(state),
    verdict: verdictOf(state),
  }));

const proposalOf = (state: StepState) =>
  state.status === "failed" || state.status === "verify_pending" ? state.proposal : null;

const verdictOf = (state: StepState): Verdict | null => (state.status === "failed" ? state.verdict : null);

const waived = (
  run: Run,
  event: EventOf<"policy_decision_applied">,
  kind: "skipped" | "decomposed" | "validator_changed",
): Run => {
  const { stepId, reason } = event.payload;
  return { ...run, waivers: [...run.waivers, { stepId, kind, reason, by: event.actor }] };
};
