import type { Caller } from "../../src/core/commands.js";
import { requireLive, requireOwner, requireSession, requireStep } from "../../src/core/decide/guards.js";
import { LedgerError } from "../../src/core/errors.js";
import { workedStep } from "../../src/core/race.js";
import { completedIds, findStep, isReady, type Run, type WorkedStep } from "../../src/core/run.js";
import type { Ledger } from "../../src/ledger/ledger.js";

// The same guards that decide the command, asked first: a refused call makes no workspace and captures nothing.
export const requireExecutor = async (
  ledger: Ledger,
  caller: Caller,
  runId: string,
  stepId: string,
): Promise<{ run: Run; step: WorkedStep }> => {
  const run = await ledger.load(runId);
  requireSession(run, caller);
  const whole = requireStep(run, caller, stepId);
  const step = workedStep(whole, caller.candidate);
  requireLive(run);
  const { status } = whole.state;
  requireOwner(step, caller, status === "pending" ? step.attempt + 1 : step.attempt);
  if (status === "pending" && !isReady(whole, completedIds(run)))
    throw new LedgerError(
      "step_not_ready",
      `Step "${stepId}" waits for: ${step.spec.dependsOn.join(", ")}.`,
      {
        hint: "It can start when they are completed; run_read tells when.",
      },
    );
  return { run, step };
};

/** The step as it now is for the candidate of that credential, or for the one agent that works on it. */
export const workedStepIn = (run: Run, stepId: string, candidate: number | undefined): WorkedStep => {
  const step = findStep(run, stepId);
  if (step !== undefined) return workedStep(step, candidate);
  throw new LedgerError("step_not_found", `Run "${run.runId}" has no step "${stepId}".`, {
    hint: "run_read lists its steps.",
  });
};
