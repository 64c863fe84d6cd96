import type { Run } from "../../core/run.js";
import type { TrackedStatus } from "../../core/tracked.js";

/** Where a run stands, in the words of seed 000. */
export const trackedStatus = ({ state, tracked }: Run): TrackedStatus => {
  if (state.status === "completed" || state.status === "failed") return state.status;
  if (state.status === "paused") return "interrupted";
  return tracked?.handoffs.some(({ kind }) => kind === "approval") ? "blocked" : "active";
};

/** Whoever asks gets all that is needed to go on, from a checkpoint or from the journal. */
export const isResumable = (run: Run): boolean => {
  const status = trackedStatus(run);
  return status !== "completed" && status !== "failed";
};
