import type { KeptIn, SignedCheckpoint } from "../core/checkpoints.js";
import type { Caller } from "../core/commands.js";
import { workedSteps } from "../core/race.js";
import type { WorkedStep } from "../core/run.js";
import {
  type CheckpointManager,
  createCheckpoints,
  type ListedCheckpoint,
} from "../ledger/checkpoints/checkpoints.js";
import type { CheckpointStores } from "../ledger/checkpoints/read.js";
import type { BrokenCheckpoint } from "../ledger/checkpoints/restore.js";
import type { Ledger } from "../ledger/ledger.js";
import type { Verification } from "../ledger/verify/verify.js";
import type { AgentVersions } from "./agents/versions.js";
import { type Checkpointing, type CheckpointPolicy, createCheckpointing } from "./checkpointing.js";
import { type BoundaryPolicy, boundaries } from "./tracked/boundaries.js";
import type { OpensKeys } from "./tracked/recording.js";
import { type TrackedRuns, trackedRuns } from "./tracked/tracked.js";

/** What an attempt that was cut off goes on from. */
export type ResumePoint = {
  readonly stepId: string;
  readonly attempt: number;
  readonly candidate: number | null;
  readonly agent: string;
  /** Null: from its first line, and what was recorded is read back. */
  readonly from: {
    readonly checkpoint: string;
    readonly turn: number;
    readonly eventLogPosition: number;
    readonly blockedEffectKeys: number;
    readonly suggestedNextAction: string;
  } | null;
  /** Newer ones that cannot be used. */
  readonly broken: readonly BrokenCheckpoint[];
};

/** What people and hosts do with checkpoints, and clients that record runs of their own. */
export interface CheckpointFaces {
  /** What this caller may do with the runs that clients of its session record (seed 000). */
  trackedRuns(caller: Caller): TrackedRuns;
  /** Those of a run, oldest first, and whether each holds. */
  checkpoints(runId: string): Promise<readonly ListedCheckpoint[]>;
  /** Takes one now: of every attempt under way that has a memory, or of the run itself. */
  checkpoint(caller: Caller, runId: string): Promise<readonly SignedCheckpoint[]>;
  /** Of every attempt under way that left a memory. */
  resumePoints(runId: string): Promise<readonly ResumePoint[]>;
}

export type OpenedCheckpoints = {
  readonly ofClients: {
    readonly trackedRuns: (caller: Caller, opens?: OpensKeys) => TrackedRuns;
    /** After whatever a client did, or the gate for it: a checkpoint, where its run has come to a boundary. */
    readonly signIfDue: (runId: string) => Promise<void>;
  };
  readonly checkpointing: Checkpointing;
  readonly faces: CheckpointFaces;
  readonly kept: Pick<CheckpointManager, "forget" | "spaceOf" | "findLeft" | "removeLeft" | "blockedKeys">;
};

export const openCheckpoints = (options: {
  readonly ledger: Ledger;
  readonly engine: Caller;
  readonly stores: CheckpointStores;
  readonly key: () => Promise<Uint8Array>;
  readonly versions: AgentVersions;
  /** Checks one run against all that is kept of it. */
  readonly verify: (runId: string) => Promise<Verification>;
  readonly durable: {
    readonly checkpoints: KeptIn;
    readonly checkpointEvery: number;
    readonly checkpointBefore: CheckpointPolicy["before"];
    readonly checkpointAt: BoundaryPolicy["at"];
  };
}): OpenedCheckpoints => {
  const { ledger, engine, stores, key, versions, durable, verify } = options;
  const { versionOf } = versions;
  const manager = createCheckpoints({ ledger, stores, keepIn: durable.checkpoints, key, versionOf });
  const policy = { every: durable.checkpointEvery || null, before: durable.checkpointBefore };
  const boundary = { every: policy.every, at: durable.checkpointAt };
  const signIfDue = boundaries({ ledger, manager, engine, policy: boundary });
  const ofClient: OpenedCheckpoints["ofClients"]["trackedRuns"] = (caller, opens) =>
    trackedRuns({ ledger, manager, signIfDue, verify }, ledger.check(caller), opens);
  return {
    ofClients: { trackedRuns: ofClient, signIfDue },
    checkpointing: createCheckpointing({ ledger, engine, manager, versions, policy }),
    kept: manager,
    faces: {
      trackedRuns: (caller) => ofClient(caller),
      checkpoints: (runId) => manager.list(runId),
      checkpoint: (caller, runId) => manager.signRun(runId, "demand", { caller: ledger.check(caller) }),
      resumePoints: async (runId) => {
        const points: ResumePoint[] = [];
        for (const step of (await ledger.load(runId)).steps.flatMap(workedSteps))
          if (step.state.status === "in_progress" && step.effects.checkpoint !== null)
            points.push(await resumePoint(manager, runId, step));
        return points;
      },
    },
  };
};

const resumePoint = async (
  manager: CheckpointManager,
  runId: string,
  step: WorkedStep,
): Promise<ResumePoint> => {
  const { found, broken } = await manager.restore(runId, step);
  const { spec, attempt, candidate = null } = step;
  const of = { stepId: spec.id, attempt, candidate, agent: spec.ownerAgent, broken };
  if (found === null) return { ...of, from: null };
  const { turn, eventLogPosition, blockedEffectKeysInAll, suggestedNextAction } = found.content;
  return {
    ...of,
    from: {
      ...{ checkpoint: found.id, turn, eventLogPosition, suggestedNextAction },
      blockedEffectKeys: blockedEffectKeysInAll,
    },
  };
};
