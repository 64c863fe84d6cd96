import type { CheckpointContent, ListedArtifact, TrackedReceipt } from "../../core/checkpoints.js";
import { sideEffectKey } from "../../core/intents.js";
import type { Run } from "../../core/run.js";
import type { BegunEffect, Handoff, Permissions, Tracked } from "../../core/tracked.js";
import { trackedSuggestion, type UnansweredApproval, unansweredApprovals } from "../../core/tracked-facts.js";
import type { CheckpointManager } from "../../ledger/checkpoints/checkpoints.js";
import type { BrokenCheckpoint } from "../../ledger/checkpoints/restore.js";
import type { Ledger } from "../../ledger/ledger.js";
import { goesOnFrom, pastOf } from "../left-behind.js";

/** All that whoever goes on with a run must know (seed 000, "Resume"). Lists hold the newest; the counts beside them are of all. */
export type ResumeContext = {
  readonly runId: string;
  readonly ledgerId: string;
  /** Null: none holds, or there is none, and everything here is from the journal alone. */
  readonly checkpointId: string | null;
  /** Newer ones that do not hold, and why, in words that follow the id. */
  readonly broken: readonly BrokenCheckpoint[];
  readonly runtime: string | null;
  readonly agentId: string;
  readonly intentSummary: string;
  readonly currentStep: string | null;
  readonly receipts: readonly TrackedReceipt[];
  readonly receiptsInAll: number;
  readonly artifacts: readonly ListedArtifact[];
  readonly artifactsInAll: number;
  readonly unresolvedApprovals: readonly UnansweredApproval[];
  readonly openHandoffs: readonly Handoff[];
  readonly remainingPermissions: Permissions;
  readonly blockedCapabilities: readonly string[];
  /** Intents that were ordered and not reported: `execute` tells whether they may be done, or are in doubt. */
  readonly openExecutions: readonly OpenExecution[];
  /** Side effects that were begun, and of which nobody has said that they were done. */
  readonly begun: readonly BegunEffect[];
  /** What must not be done again: recorded in this run, or in one that it goes on from, until this moment. */
  readonly blockedSideEffectKeys: ReadonlySet<string>;
  readonly suggestedNextAction: string;
  /** ISO 8601, UTC. */
  readonly resumedAt: string;
};

export type OpenExecution = {
  readonly intentId: string;
  readonly executionId: string;
  readonly destination: string;
  /** Null where none was given. */
  readonly sideEffectKey: string | null;
  /** ISO 8601, UTC. */
  readonly orderedAt: string;
};

export type ContextParts = {
  readonly ledger: Ledger;
  readonly manager: CheckpointManager;
};

/** From the checkpoint what was meant, from the journal what happened since: nothing that is blocked now is missing. */
export const contextOf = async (
  parts: ContextParts,
  run: Run & { readonly tracked: Tracked },
  from: {
    readonly found: { readonly id: string; readonly content: CheckpointContent } | null;
    readonly broken: readonly BrokenCheckpoint[];
  },
): Promise<ResumeContext> => {
  const { ledger, manager } = parts;
  const { tracked } = run;
  const content = from.found?.content;
  return {
    runId: run.runId,
    ledgerId: ledger.store.ledgerId,
    checkpointId: from.found?.id ?? null,
    broken: from.broken,
    runtime: tracked.runtime,
    agentId: tracked.agentId,
    intentSummary: run.goal,
    currentStep: tracked.currentStep,
    ...(await manager.trackedFacts(run)),
    unresolvedApprovals: unansweredApprovals(run),
    openHandoffs: tracked.handoffs,
    remainingPermissions: tracked.permissions,
    blockedCapabilities: tracked.blockedCapabilities,
    openExecutions: openExecutions(run),
    begun: tracked.begun,
    blockedSideEffectKeys: await blockedKeys(parts, run),
    suggestedNextAction:
      content?.agentSuggested === true ? content.suggestedNextAction : trackedSuggestion(run),
    resumedAt: ledger.now(),
  };
};

const openExecutions = ({ intents }: Run): readonly OpenExecution[] =>
  intents.flatMap(({ intentId, status, order, content }) =>
    status === "ordered" && order !== null
      ? [
          {
            intentId,
            executionId: order.executionId,
            destination: content.destination,
            sideEffectKey: sideEffectKey(content),
            orderedAt: order.at,
          },
        ]
      : [],
  );

/** Of this run and of all that it goes on from. One that was taken out or erased has left its keys in the ledger. */
const blockedKeys = async ({ ledger, manager }: ContextParts, run: Run): Promise<ReadonlySet<string>> => {
  const keys = new Set(await manager.blockedKeys(run));
  for (let from = goesOnFrom(run); from !== null; ) {
    const before = await pastOf(ledger, manager, from);
    for (const key of before.keys) keys.add(key);
    from = before.from;
  }
  return keys;
};
