import { allowedActions, type PolicyContext } from "./decide/policy-action.js";

import type { PolicyActionType } from "./events.js";
import { candidateWords, refusalWords } from "./race.js";
import {
  type CandidateState,
  hasPolicyRequest,
  isTerminal,
  type Run,
  type Step,
  type StepState,
} from "./run.js";
import type { Verdict } from "./verdict.js";

/** Open after a failed, errored or interrupted attempt: what happened, and what may be answered. */
export type PolicyRequest = {
  readonly stepId: string;
  readonly stepGoal: string;
  readonly attempt: number;
  /** Null when the agent failed before it proposed; then `reason` says how. */
  readonly verdict: Verdict | null;
  readonly reason: string;
  /** Who raced for it and what became of each; empty for a step that is not raced. */
  readonly candidates: readonly CandidateEnd[];
  readonly retryCount: number;
  readonly maxRetries: number;
  readonly allowedActions: readonly PolicyActionType[];
};

export type CandidateEnd = {
  readonly candidate: number;
  readonly agent: string;
  readonly status: CandidateState["status"];
  /** Null when it was not judged. */
  readonly verdict: Verdict | null;
  readonly said: string;
};

export const policyRequestOf = (run: Run, step: Step, context: PolicyContext): PolicyRequest | null => {
  if (!hasPolicyRequest(step) || isTerminal(run)) return null;
  const { spec, state, attempt, retryCount } = step;
  const verdict =
    verdictIn(state) ?? step.candidates.map((one) => verdictIn(one.state)).find(Boolean) ?? null;
  return {
    stepId: spec.id,
    stepGoal: spec.goal,
    attempt,
    verdict,
    reason: refusalWords(step) || (verdict?.message ?? ""),
    candidates: step.candidates.map((one) => ({
      candidate: one.candidate,
      agent: one.agent,
      status: one.state.status,
      verdict: verdictIn(one.state),
      said: candidateWords(one),
    })),
    retryCount,
    maxRetries: spec.maxRetries,
    allowedActions: allowedActions(run, step, context),
  };
};

const verdictIn = (state: StepState | CandidateState): Verdict | null => {
  if (state.status === "failed") return state.verdict;
  return state.status === "verify_pending" ? state.lastError : null;
};
