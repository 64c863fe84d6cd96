import type { PolicyAction } from "../core/events.js";
import type { Step } from "../core/run.js";

// Without an orchestrator: let the agent try again with what was said about its last attempt, then ask a person.
export const staticPolicy = (step: Step): { decision: PolicyAction; reason: string } => {
  const { state, retryCount, spec } = step;
  const said =
    state.status === "failed" ? state.verdict.message : state.status === "interrupted" ? state.reason : "";
  return retryCount < spec.maxRetries
    ? {
        decision: { action: "retry", fresh: false },
        reason: `Retry ${retryCount + 1} of ${spec.maxRetries}: ${said}`,
      }
    : {
        decision: { action: "escalate" },
        reason: `Step "${spec.id}" was refused after ${retryCount} ${retryCount === 1 ? "retry" : "retries"}: ${said}`,
      };
};
