import type { CandidateState, Run, StepState } from "./run.js";

// A resumed run asks its verifiers again: what they could not judge may be mended now.
export const askedAgain = (run: Run): Run => ({
  ...run,
  steps: run.steps.map((step) => ({
    ...step,
    candidates: step.candidates.map((one) => ({ ...one, state: withoutErrors(one.state) })),
    state: withoutErrors(step.state),
  })),
  criteria: run.criteria.map((criterion) =>
    criterion.state.status === "met"
      ? criterion
      : { ...criterion, state: { status: "unchecked", errors: 0 } as const },
  ),
});

const withoutErrors = <S extends StepState | CandidateState>(state: S): S =>
  state.status === "verify_pending" ? { ...state, errors: 0 } : state;
