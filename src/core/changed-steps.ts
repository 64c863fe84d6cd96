import { changedRun } from "./copies.js";
import { afterCandidate } from "./race.js";
import type { Run, Step, StepState } from "./run.js";

/** What happened to the step, or to one of those who race for it. */
export const withWorked = (
  run: Run,
  { stepId, candidate }: { readonly stepId: string; readonly candidate?: number | undefined },
  at: string,
  change: (step: Step) => Step,
): Run =>
  withStep(run, stepId, (step) =>
    candidate === undefined ? change(step) : afterCandidate(step, candidate, at, change),
  );

export const withStep = (run: Run, stepId: string, change: (step: Step) => Step): Run => {
  const { seq, updatedAt } = run;
  return changedRun(run, { steps: changedAt(run.steps, stepId, change), seq, updatedAt });
};

/** The first that is meant, changed: of a plan of thousands every event changes one. */
const changedAt = (steps: readonly Step[], stepId: string, change: (step: Step) => Step): readonly Step[] => {
  const index = steps.findIndex((step) => step.spec.id === stepId);
  const step = steps[index];
  return step === undefined ? steps : steps.with(index, change(step));
};

export const withState = (run: Run, stepId: string, change: (state: StepState) => StepState): Run =>
  withStep(run, stepId, (step) => ({ ...step, state: change(step.state) }));
