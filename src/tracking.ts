import type { Caller } from "./core/commands.js";
import { boundaries } from "./engine/tracked/boundaries.js";
import type { TrackedParts, TrackedRuns } from "./engine/tracked/tracked.js";
import { trackedRuns } from "./engine/tracked/tracked.js";
import type { CheckpointManager } from "./ledger/checkpoints/checkpoints.js";
import type { Ledger } from "./ledger/ledger.js";
import type { Settings } from "./settings/schema.js";

/** Runs without a plan, whose client does the work and records it here (seed 000). */
export interface TrackingFaces {
  /** What this caller may do with runs of its session. */
  trackedRuns(caller: Caller): TrackedRuns;
}

export type Tracking = Pick<TrackedParts, "sealIfDue"> & { readonly faces: TrackingFaces };

export const openTracking = (parts: {
  readonly ledger: Ledger;
  readonly engine: Caller;
  readonly manager: CheckpointManager;
  readonly settings: Pick<Settings, "durable">;
}): Tracking => {
  const { ledger, engine, manager, settings } = parts;
  const { checkpointEvery, checkpointAt } = settings.durable;
  const policy = { every: checkpointEvery || null, at: checkpointAt };
  const sealIfDue = boundaries({ ledger, manager, engine, policy });
  return {
    sealIfDue,
    faces: { trackedRuns: (caller) => trackedRuns({ ledger, manager, sealIfDue }, ledger.check(caller)) },
  };
};
