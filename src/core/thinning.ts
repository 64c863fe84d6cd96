import type { KeptCheckpoint } from "./checkpoints.js";
import * as limit from "./limits.js";
import { workedSteps } from "./race.js";
import type { Run } from "./run.js";

/**
 * Those that nobody needs, the oldest first: none of the newest, none that an attempt under way would go on from, and none
 * that one of these builds on. As many at once as make it worth an event.
 */
export const thinnable = (run: Run, keep: number): readonly KeptCheckpoint[] => {
  const { keptCheckpoints } = run;
  const needed = new Set(
    keptCheckpoints.slice(Math.max(0, keptCheckpoints.length - keep)).map(({ seq }) => seq),
  );
  for (const { effects, state } of run.steps.flatMap(workedSteps))
    if (state.status === "in_progress" && effects.checkpoint !== null) needed.add(effects.checkpoint.seq);
  // What one builds on is older than itself.
  for (const { seq, full, former } of keptCheckpoints.toReversed())
    if (needed.has(seq) && !full && former !== null) needed.add(former);
  const unneeded = keptCheckpoints.filter(({ seq }) => !needed.has(seq));
  return unneeded.length < limit.CHECKPOINTS_THINNED_MIN
    ? []
    : unneeded.slice(0, limit.CHECKPOINTS_THINNED_MAX);
};
