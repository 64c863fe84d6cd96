import type { Evidence } from "../../core/events.js";
import type { Redactor } from "../../core/redact.js";
import type { EffectContext } from "../effects/context.js";
import type { Agent, AgentOutcome, AgentTask } from "./agent.js";

/** What an in-process agent answers; a plain string is the result alone. */
export type AgentAnswer = string | { readonly result: string; readonly evidence?: readonly Evidence[] };
export type AgentFunction = (task: AgentTask, effects: EffectContext) => Promise<AgentAnswer> | AgentAnswer;

// For hosts that bring their agents as code (SDK only): throwing interrupts the attempt, returning proposes.
export const functionAgent = (work: AgentFunction, redactor: Redactor): Agent => ({
  work: async (task, { context }) => {
    const limit = AbortSignal.timeout(task.timeoutMs);
    // Nobody can stop a function, so it is told of both ends.
    const signal = AbortSignal.any([task.signal, limit]);
    try {
      const answer = await Promise.race([work({ ...task, signal }, context), aborted(signal)]);
      return cutOff(task, limit) ?? claimOf(answer);
    } catch (error) {
      return cutOff(task, limit) ?? failureOf(error, redactor);
    }
  },
});

const aborted = (signal: AbortSignal): Promise<AgentAnswer> =>
  new Promise((resolve) => {
    const done = (): void => resolve("");
    if (signal.aborted) done();
    else signal.addEventListener("abort", done, { once: true });
  });

/** What it says or throws when it is told to stop is no claim of its own. */
export const cutOff = (task: AgentTask, limit: AbortSignal): AgentOutcome | undefined => {
  if (task.signal.aborted) return { kind: "stopped" };
  if (!limit.aborted) return undefined;
  return { kind: "failed", reason: `The agent took longer than ${task.timeoutMs} ms.`, tail: "" };
};

const claimOf = (answer: AgentAnswer): AgentOutcome =>
  typeof answer === "string"
    ? { kind: "done", result: answer, evidence: [] }
    : { kind: "done", result: answer.result, evidence: [...(answer.evidence ?? [])] };

/** Redacted here, because it is cut to size on its way to the ledger, and half of a secret is not found there any more. */
const failureOf = (error: unknown, { text }: Redactor): AgentOutcome => ({
  kind: "failed",
  reason: text(`The agent threw: ${error instanceof Error ? error.message : String(error)}`),
  tail: text(error instanceof Error ? (error.stack ?? "") : ""),
});
