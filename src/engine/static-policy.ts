import { attemptEnd } from "../core/attempt-end.js";
import type { PolicyAction } from "../core/events.js";
import { refusalWords } from "../core/race.js";
import type { Step } from "../core/run.js";

// Without an orchestrator: let the agent try again with what was said about its last attempt, then ask a person.
export const staticPolicy = (step: Step): { decision: PolicyAction; reason: string } => {
  const { retryCount, spec } = step;
  const said = refusalWords(step).slice(0, SAID_CHARS);
  return retryCount < spec.maxRetries
    ? {
        decision: { action: "retry", fresh: false },
        reason: `Retry ${retryCount + 1} of ${spec.maxRetries}: ${said}`,
      }
    : {
        decision: { action: "escalate" },
        reason: `Step "${spec.id}" was ${attemptEnd(step)}${afterRetries(retryCount)}${said === "" ? "." : `: ${said}`}`,
      };
};

const afterRetries = (count: number): string =>
  count === 0 ? "" : ` after ${count} ${count === 1 ? "retry" : "retries"}`;

/** A reason is a sentence; what was said in full stands in the event that it answers. */
const SAID_CHARS = 1_000;
