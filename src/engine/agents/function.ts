import type { Evidence } from "../../core/events.js";
import type { Agent, AgentTask } from "./agent.js";

/** What an in-process agent answers; a plain string is the result alone. */
export type AgentAnswer = string | { readonly result: string; readonly evidence?: readonly Evidence[] };
export type AgentFunction = (task: AgentTask) => Promise<AgentAnswer> | AgentAnswer;

// For hosts that bring their agents as code (SDK only): throwing interrupts the attempt, returning proposes.
export const functionAgent = (work: AgentFunction): Agent => ({
  work: async (task) => {
    const limit = AbortSignal.timeout(task.timeoutMs);
    try {
      // Nobody can stop a function, so it is told of both ends.
      const signal = AbortSignal.any([task.signal, limit]);
      const answer = await Promise.race([work({ ...task, signal }), aborted(signal)]);
      if (answer === STOPPED)
        return task.signal.aborted
          ? { kind: "stopped" }
          : { kind: "failed", reason: `The agent took longer than ${task.timeoutMs} ms.`, tail: "" };
      return typeof answer === "string"
        ? { kind: "done", result: answer, evidence: [] }
        : { kind: "done", result: answer.result, evidence: answer.evidence ?? [] };
    } catch (error) {
      if (task.signal.aborted) return { kind: "stopped" };
      return {
        kind: "failed",
        reason: `The agent threw: ${error instanceof Error ? error.message : String(error)}`,
        tail: error instanceof Error ? (error.stack ?? "") : "",
      };
    }
  },
});

const STOPPED = Symbol("stopped");

const aborted = (signal: AbortSignal): Promise<typeof STOPPED> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve(STOPPED);
    else signal.addEventListener("abort", () => resolve(STOPPED), { once: true });
  });
