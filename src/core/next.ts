import * as limit from "./limits.js";
import { awaitsApproval, completedIds, hasPolicyRequest, isReady, type Run, type Step } from "./run.js";

/** What is to be done for a run now. `engine/executor.ts` performs each and submits what came of it. */
export type Action =
  /** Let the owner agent work: on a new attempt of a ready step, or on with the one a crash cut off. */
  | { readonly kind: "work"; readonly stepId: string; readonly agent: string }
  /** Judge the oldest proposal: one verdict at a time, so that every head passed the judge of the step that made it. */
  | { readonly kind: "verify"; readonly stepId: string }
  /** Answer a policy request. */
  | { readonly kind: "decide_policy"; readonly stepId: string }
  /** Judge the whole against one acceptance criterion. */
  | { readonly kind: "verify_criterion"; readonly index: number };

// Crash recovery is no path of its own: nothing was recorded, so the same action is named again.
export const nextActions = (run: Run): readonly Action[] => {
  // A host works on its own runs; nobody here is started for them.
  if (run.state.status !== "running" || run.source !== null) return [];
  const verify = oldestProposal(run);
  const due = run.steps.length > 0 && run.steps.every(({ state }) => state.status === "completed");
  const criterion = due ? run.criteria.findIndex(({ state }) => state.status === "unchecked") : -1;
  return [
    ...(verify === undefined ? [] : [{ kind: "verify", stepId: verify.spec.id } as const]),
    ...run.steps
      .filter(asksForPolicy)
      .map(({ spec }) => ({ kind: "decide_policy", stepId: spec.id }) as const),
    ...workable(run).map(({ spec }) => ({ kind: "work", stepId: spec.id, agent: spec.ownerAgent }) as const),
    ...(criterion === -1 ? [] : [{ kind: "verify_criterion", index: criterion } as const]),
  ];
};

const oldestProposal = (run: Run): Step | undefined => {
  const due = run.steps.filter((step) => isDue(step));
  return due.reduce<Step | undefined>(
    (oldest, step) => (oldest === undefined || proposedAt(step) < proposedAt(oldest) ? step : oldest),
    undefined,
  );
};

const isDue = (step: Step): boolean =>
  step.state.status === "verify_pending" &&
  !awaitsApproval(step) &&
  step.state.errors < limit.VERIFY_ERRORS_MAX;

const proposedAt = ({ state }: Step): number => (state.status === "verify_pending" ? state.proposal.seq : 0);

// An errored verdict is first tried again; only then it asks.
const asksForPolicy = (step: Step): boolean => hasPolicyRequest(step) && !isDue(step);

const workable = (run: Run): readonly Step[] => {
  const open = run.steps.filter(({ state }) => state.status === "in_progress");
  const completed = completedIds(run);
  const ready = run.steps.filter((step) => isReady(step, completed));
  if (run.workspaceIsolation) return [...open, ...ready];
  const busy = run.steps.some(({ state }) => state.status === "verify_pending");
  return busy ? [] : [...open, ...ready].slice(0, 1);
};
