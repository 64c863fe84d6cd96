import type { Run } from "../../core/run.js";
import type { TrackedStatus } from "../../core/tracked.js";
import { hasTracking, unansweredApprovals } from "../../core/tracked-facts.js";

/** Where a run stands, in the words of seed 000. */
export const trackedStatus = (run: Run): TrackedStatus => {
  const { state } = run;
  if (state.status === "completed" || state.status === "failed") return state.status;
  if (state.status === "paused") return "interrupted";
  return hasTracking(run) && unansweredApprovals(run).length > 0 ? "blocked" : "active";
};

/** Whoever asks gets all that is needed to go on, from a checkpoint or from the journal. */
export const isResumable = (run: Run): boolean => {
  const status = trackedStatus(run);
  return status !== "completed" && status !== "failed";
};
