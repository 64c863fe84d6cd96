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

export const withStep = (run: Run, stepId: string, change: (step: Step) => Step): Run => ({
  ...run,
  steps: changedAt(run.steps, (step) => step.spec.id === stepId, change),
});

/** The first that is meant, changed: of a plan of thousands every event changes one. */
const changedAt = <T>(
  list: readonly T[],
  isMeant: (one: T) => boolean,
  change: (one: T) => T,
): readonly T[] => {
  const index = list.findIndex(isMeant);
  const one = list[index];
  return one === undefined ? list : list.with(index, change(one));
};

export const withState = (run: Run, stepId: string, change: (state: StepState) => StepState): Run =>
  withStep(run, stepId, (step) => ({ ...step, state: change(step.state) }));
