import type { Flaw, FlawKind } from "../../ledger/verify/flaws.js";
import type { Verification } from "../../ledger/verify/verify.js";

/** One side of a run, and all that is wrong with it. */
export type Integrity = { readonly valid: boolean; readonly flaws: readonly Flaw[] };

/** What was checked of a run, side by side (seed 000). */
export type VerifiedRun = {
  /** Nothing is wrong on any side. */
  readonly valid: boolean;
  /** Its journal and all that is derived from it: list, snapshot, keys, output; and the database that holds them. */
  readonly ledgerIntegrity: Integrity;
  /** Each checkpoint holds under its signature, and none is missing between two others. */
  readonly checkpointIntegrity: Integrity;
  /** The runs that it goes on from, up to the first, are what they were when it began. */
  readonly lineageContinuity: Integrity;
  readonly events: number;
  readonly checkpoints: number;
};

export const verifiedRun = ({ flaws, flawsInAll, events, checkpoints }: Verification): VerifiedRun => {
  const side = (isOfIt: (kind: FlawKind) => boolean): Integrity => {
    const found = flaws.filter(({ kind }) => isOfIt(kind));
    return { valid: found.length === 0, flaws: found };
  };
  return {
    valid: flawsInAll === 0,
    ledgerIntegrity: side((kind) => kind !== "checkpoint" && kind !== "lineage"),
    checkpointIntegrity: side((kind) => kind === "checkpoint"),
    lineageContinuity: side((kind) => kind === "lineage"),
    events,
    checkpoints,
  };
};
