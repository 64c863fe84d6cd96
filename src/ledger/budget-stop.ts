import type { Caller, CommandOf } from "../core/commands.js";
import { isLedgerError, type LedgerError } from "../core/errors.js";
import * as limit from "../core/limits.js";
import type { Ledger } from "./ledger.js";

/** Pauses the run in which somebody came to the end of its budget; what is no spent budget is passed over. */
export type StopAtBudget = (stopped: {
  readonly error: unknown;
  readonly runId: string;
  readonly stepId: string;
}) => Promise<void>;

/** In the words in which it was refused. */
export const budgetStop = (stepId: string, { message, hint }: LedgerError): CommandOf<"stop_at_budget"> => ({
  type: "stop_at_budget",
  stepId,
  message: (hint === undefined ? message : `${message} ${hint}`).slice(0, limit.REASON_CHARS),
});

export const stopsAtBudget =
  (ledger: Ledger, engine: Caller): StopAtBudget =>
  async ({ error, runId, stepId }) => {
    if (!isLedgerError(error, "budget_exceeded")) return;
    try {
      await ledger.submit(runId, budgetStop(stepId, error), engine);
    } catch (failed) {
      // The run is over, or nothing can be written now: the caller hears the first error all the same.
      if (!isLedgerError(failed)) throw failed;
    }
  };
