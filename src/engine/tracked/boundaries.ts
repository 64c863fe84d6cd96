import type { TrackedReason } from "../../core/checkpoints.js";
import type { Caller } from "../../core/commands.js";
import { type ErrorKind, isLedgerError } from "../../core/errors.js";
import { isTerminal, type Run } from "../../core/run.js";
import type { CheckpointManager } from "../../ledger/checkpoints/checkpoints.js";
import type { Ledger } from "../../ledger/ledger.js";

/** When a checkpoint of a client's run is taken that nobody asks for. */
export type BoundaryPolicy = {
  /** So many events after the last one; null for never. */
  readonly every: number | null;
  /** Behind boundaries of these kinds. */
  readonly at: readonly TrackedReason[];
};

/** Takes one when a boundary has been passed, in the name of the engine. What is recorded stays recorded, whatever becomes of it. */
export const boundaries =
  (parts: {
    readonly ledger: Ledger;
    readonly manager: CheckpointManager;
    readonly engine: Caller;
    readonly policy: BoundaryPolicy;
  }) =>
  async (runId: string): Promise<void> => {
    const { ledger, manager, engine, policy } = parts;
    try {
      const reason = dueReason(await ledger.load(runId), policy);
      if (reason !== null) await manager.sign(runId, { reason, of: null }, { caller: engine });
    } catch (error) {
      unlessOver(error);
    }
  };

const dueReason = (run: Run, { every, at }: BoundaryPolicy): TrackedReason | null => {
  const { tracked, checkpoint, seq } = run;
  if (tracked === null || isTerminal(run)) return null;
  if (tracked.due !== null && at.includes(tracked.due.reason)) return tracked.due.reason;
  return every !== null && seq - (checkpoint?.seq ?? 0) >= every ? "periodic_safety" : null;
};

/**
 * Somebody ended the run, or took one at this moment: nothing is lost that one needs. Where none can be kept now, it stays due, and
 * the next event tries again.
 */
const PASSING: readonly ErrorKind[] = ["refused", "conflict", "environment"];
const unlessOver = (error: unknown): void => {
  if (!isLedgerError(error) || !PASSING.includes(error.kind)) throw error;
};
