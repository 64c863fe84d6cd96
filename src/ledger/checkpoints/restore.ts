import type { CheckpointContent } from "../../core/checkpoints.js";
import { quoted } from "../../core/defects.js";
import { LedgerError } from "../../core/errors.js";
import * as limit from "../../core/limits.js";
import type { Run, WorkedStep } from "../../core/run.js";
import { type CheckpointParts, checkCheckpoint, isSigned } from "./read.js";

/** One that cannot be used, and why, in words that follow its id. */
export type BrokenCheckpoint = { readonly id: string; readonly why: string };

/** The newest one that holds, and those that were tried before it. */
export type Restored = {
  readonly found: { readonly id: string; readonly content: CheckpointContent } | null;
  readonly broken: readonly BrokenCheckpoint[];
};

/** The newest that holds; before all of them is the journal, which needs none. */
export const restore = async (
  parts: CheckpointParts,
  runId: string,
  { effects, attempt, spec, candidate }: WorkedStep,
): Promise<Restored> => {
  const broken: BrokenCheckpoint[] = [];
  let seq = effects.checkpoint?.seq ?? null;
  while (seq !== null && broken.length < limit.CHECKPOINTS_TRIED) {
    const event = await parts.eventAt(runId, seq);
    if (!isSigned(event)) break;
    const { id, of, turn, former } = event.payload;
    const isOurs = of?.stepId === spec.id && of.attempt === attempt && of.candidate === candidate;
    const checked = await checkCheckpoint(parts, event);
    if ("content" in checked && isOurs && turn > 0)
      return { found: { id, content: checked.content }, broken };
    broken.push({ id, why: "why" in checked ? checked.why : "belongs to another attempt" });
    // And so were all of the attempt before it.
    if ("lack" in checked && checked.lack === "thinned") break;
    seq = former;
  }
  return { found: null, broken };
};

/** The same for a run that its client drives: each of its checkpoints is of the whole run, and stands alone. */
export const restoreRun = async (
  parts: CheckpointParts,
  { runId, keptCheckpoints }: Run,
  checkpointId?: string,
): Promise<Restored> => {
  const broken: BrokenCheckpoint[] = [];
  const asked =
    checkpointId === undefined ? keptCheckpoints : keptCheckpoints.filter(({ id }) => id === checkpointId);
  if (checkpointId !== undefined && asked.length === 0) throw notOfRun(runId, checkpointId);
  for (const { id, seq } of asked.toReversed().slice(0, limit.CHECKPOINTS_TRIED)) {
    const event = await parts.eventAt(runId, seq);
    const checked = isSigned(event) ? await checkCheckpoint(parts, event) : { why: "is gone" };
    if ("content" in checked && checked.content.runId === runId)
      return { found: { id, content: checked.content }, broken };
    broken.push({ id, why: "why" in checked ? checked.why : "belongs to another run" });
  }
  return { found: null, broken };
};

const notOfRun = (runId: string, checkpointId: string): LedgerError =>
  new LedgerError("checkpoint_not_found", `Run "${runId}" has no checkpoint ${quoted(checkpointId)}.`, {
    hint: `Those that it has: runledger checkpoints ${runId}`,
  });
