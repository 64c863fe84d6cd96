import type { Caller } from "../../src/core/commands.js";
import { requireLive, requireOwner, requireSession, requireStep } from "../../src/core/decide/guards.js";
import { LedgerError } from "../../src/core/errors.js";
import { completedIds, isReady, type Run, type Step } from "../../src/core/run.js";
import type { Ledger } from "../../src/ledger/ledger.js";

// The same guards that decide the command, asked first: a refused call makes no workspace and captures nothing.
export const requireExecutor = async (
  ledger: Ledger,
  caller: Caller,
  runId: string,
  stepId: string,
): Promise<{ run: Run; step: Step }> => {
  const run = await ledger.load(runId);
  requireSession(run, caller);
  const step = requireStep(run, caller, stepId);
  requireLive(run);
  const { status } = step.state;
  requireOwner(step, caller, status === "pending" ? step.attempt + 1 : step.attempt);
  if (status === "pending" && !isReady(step, completedIds(run)))
    throw new LedgerError(
      "step_not_ready",
      `Step "${stepId}" waits for: ${step.spec.dependsOn.join(", ")}.`,
      {
        hint: "It can start when they are completed; run_read tells when.",
      },
    );
  return { run, step };
};
