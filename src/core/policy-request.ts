import { allowedActions, type PolicyContext } from "./decide/policy-action.js";

import type { PolicyActionType } from "./events.js";
import { hasPolicyRequest, isTerminal, type Run, type Step } from "./run.js";
import type { Verdict } from "./verdict.js";

/** Open after a failed, errored or interrupted attempt: what happened, and what may be answered. */
export type PolicyRequest = {
  readonly stepId: string;
  readonly stepGoal: string;
  readonly attempt: number;
  /** Null when the agent failed before it proposed; then `reason` says how. */
  readonly verdict: Verdict | null;
  readonly reason: string;
  readonly retryCount: number;
  readonly maxRetries: number;
  readonly allowedActions: readonly PolicyActionType[];
};

export const policyRequestOf = (run: Run, step: Step, context: PolicyContext): PolicyRequest | null => {
  if (!hasPolicyRequest(step) || isTerminal(run)) return null;
  const { spec, state, attempt, retryCount } = step;
  const verdict =
    state.status === "failed" ? state.verdict : state.status === "verify_pending" ? state.lastError : null;
  return {
    stepId: spec.id,
    stepGoal: spec.goal,
    attempt,
    verdict,
    reason: state.status === "interrupted" ? state.reason : (verdict?.message ?? ""),
    retryCount,
    maxRetries: spec.maxRetries,
    allowedActions: allowedActions(run, step, context),
  };
};
