import type { ListedArtifact } from "../../core/checkpoints.js";
import type { Run } from "../../core/run.js";
import type { Handoff, Permissions, Tracked, TrackedStatus } from "../../core/tracked.js";
import { type UnansweredApproval, unansweredApprovals } from "../../core/tracked-facts.js";
import type { ListedCheckpoint } from "../../ledger/checkpoints/checkpoints.js";
import { READ_BATCH } from "../../ledger/known.js";
import type { Ledger } from "../../ledger/ledger.js";
import type { ContextParts } from "./context.js";
import { type TrackedEventLine, trackedLine } from "./events.js";
import { isResumable, trackedStatus } from "./statuses.js";

/** A run of a client as it stands now. */
export type RunTold = {
  readonly run: {
    readonly runId: string;
    readonly ledgerId: string;
    readonly status: TrackedStatus;
    readonly agentId: string;
    readonly runtime: string | null;
    readonly intentSummary: string;
    readonly currentStep: string | null;
    /** Where it says so itself, why it was interrupted; null while it was not. */
    readonly interrupted: string | null;
    readonly parentRunId: string | null;
    readonly permissions: Permissions;
    readonly blockedCapabilities: readonly string[];
    /** Of the journal, all of them. */
    readonly events: number;
    readonly lastSafeSeq: number | null;
    readonly artifacts: number;
    readonly intents: number;
    readonly blockedSideEffects: number;
    readonly skippedSideEffects: number;
    readonly begunSideEffects: readonly string[];
    readonly resumes: number;
    readonly resumable: boolean;
    readonly createdAt: string;
    readonly updatedAt: string;
  };
  readonly checkpoints: readonly ListedCheckpoint[];
  /** The ids of those that hold now, the newest last. */
  readonly resumableCheckpoints: readonly string[];
  readonly artifacts: readonly ListedArtifact[];
  readonly openHandoffs: readonly Handoff[];
  readonly unresolvedApprovals: readonly UnansweredApproval[];
};

export type ListedRunEvents = {
  readonly runId: string;
  readonly events: readonly TrackedEventLine[];
  /** To be given as `after` for those that follow; null when there are no more now. */
  readonly next: number | null;
};

export const tellRun = async (
  { ledger, manager }: ContextParts,
  run: Run & { readonly tracked: Tracked },
): Promise<RunTold> => {
  const { tracked } = run;
  const checkpoints = await manager.list(run.runId);
  const { artifacts } = await manager.trackedFacts(run);
  return {
    run: {
      runId: run.runId,
      ledgerId: ledger.store.ledgerId,
      status: trackedStatus(run),
      agentId: tracked.agentId,
      runtime: tracked.runtime,
      intentSummary: run.goal,
      currentStep: tracked.currentStep,
      interrupted: tracked.interrupted?.reason ?? null,
      parentRunId: tracked.lineage?.runId ?? null,
      permissions: tracked.permissions,
      blockedCapabilities: tracked.blockedCapabilities,
      events: run.seq,
      lastSafeSeq: tracked.lastSafeSeq,
      artifacts: tracked.artifacts,
      intents: run.intents.length,
      blockedSideEffects: (await manager.blockedKeys(run)).size,
      skippedSideEffects: tracked.skipped,
      begunSideEffects: [...new Set(tracked.begun.map(({ key }) => key))],
      resumes: tracked.resumes,
      resumable: isResumable(run),
      createdAt: run.createdAt,
      updatedAt: run.updatedAt,
    },
    checkpoints,
    resumableCheckpoints: isResumable(run)
      ? checkpoints.filter(({ holds }) => holds).map(({ id }) => id)
      : [],
    artifacts,
    openHandoffs: tracked.handoffs,
    unresolvedApprovals: unansweredApprovals(run),
  };
};

/** Without a limit all of them, however many there are. */
export const runEvents = async (
  ledger: Ledger,
  { runId }: Run,
  {
    after = 0,
    limit = Number.POSITIVE_INFINITY,
  }: { readonly after?: number | undefined; readonly limit?: number | undefined },
): Promise<ListedRunEvents> => {
  const lines: TrackedEventLine[] = [];
  for (let seq = after; ; ) {
    const events = await ledger.events(runId, seq, READ_BATCH);
    for (const event of events) {
      if (lines.length === limit) return { runId, events: lines, next: seq };
      seq = event.seq;
      const line = trackedLine(event);
      if (line !== undefined) lines.push(line);
    }
    if (events.length < READ_BATCH) return { runId, events: lines, next: null };
  }
};
