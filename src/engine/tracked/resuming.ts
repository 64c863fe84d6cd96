import { sha256 } from "../../core/canonical.js";
import type { Caller } from "../../core/commands.js";
import { requireLive } from "../../core/decide/guards.js";
import { LedgerError } from "../../core/errors.js";
import {
  CompleteHandoffInput,
  CreateCheckpointInput,
  HandoffInput,
  ResumeRunInput,
} from "../../core/tracked-wire.js";
import { loadTracked, readInput } from "./asked.js";
import { contextOf } from "./context.js";
import type { TrackedParts, TrackedRuns } from "./tracked.js";

type Resuming = Pick<TrackedRuns, "createCheckpoint" | "resumeRun" | "handoff" | "completeHandoff">;

/** How whoever goes on with a run learns where it was. */
export const resuming = (parts: TrackedParts, caller: Caller): Resuming => {
  const { ledger, manager } = parts;
  return {
    createCheckpoint: async (input) => {
      const asked = readInput(CreateCheckpointInput, input, "createCheckpoint");
      const { runId, reason = "manual", suggestedNextAction } = asked;
      requireLive(await loadTracked(ledger, caller, runId));
      const said = suggestedNextAction === undefined ? {} : { suggestedNextAction };
      const { id, contentHash } = await manager.sign(runId, { reason, of: null, ...said }, { caller });
      return {
        checkpointId: id,
        sealedHash: contentHash,
        isResumable: true,
        reason,
        createdAt: ledger.now(),
      };
    },
    resumeRun: async (input) => {
      const { runId, fromCheckpointId } = readInput(ResumeRunInput, input, "resumeRun");
      const run = await loadTracked(ledger, caller, runId);
      requireLive(run);
      const from = await manager.restoreRun(run, fromCheckpointId);
      if (fromCheckpointId !== undefined && from.found === null)
        throw corrupt(fromCheckpointId, from.broken[0]?.why);
      const context = await contextOf(parts, run, from);
      const { checkpointId, blockedSideEffectKeys } = context;
      const said = { checkpointId, broken: [...from.broken], blockedKeys: blockedSideEffectKeys.size };
      await ledger.submit(runId, { type: "resume_tracked", ...said }, caller);
      return context;
    },
    handoff: async (input) => {
      const asked = readInput(HandoffInput, input, "handoff");
      const { runId, toActor: to, handoffType: kind = "manual", summary } = asked;
      const { tracked } = await loadTracked(ledger, caller, runId);
      const signed = await manager.sign(runId, { reason: "explicit_handoff", of: null }, { caller });
      const id = `ho_${sha256(`${runId} ${signed.id}`).slice(0, HANDOFF_DIGITS)}`;
      const from = asked.fromActor ?? tracked.agentId;
      const handoff = { id, from, to, kind, summary, checkpointId: signed.id };
      await ledger.submit(runId, { type: "open_handoff", handoff }, caller);
      return { handoffId: id, status: "pending", checkpointId: signed.id };
    },
    completeHandoff: async (input) => {
      const {
        runId,
        handoffId: id,
        summary = "",
      } = readInput(CompleteHandoffInput, input, "completeHandoff");
      await ledger.submit(runId, { type: "complete_handoff", id, summary }, caller);
      return { handoffId: id, status: "completed" };
    },
  };
};

/** As many as checkpoints have. */
const HANDOFF_DIGITS = 16;

const corrupt = (id: string, why = "does not hold"): LedgerError =>
  new LedgerError("checkpoint_corrupt", `${id} ${why}.`, {
    hint: "Leave fromCheckpointId out: the run goes on from the newest one that holds.",
  });
