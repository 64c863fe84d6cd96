import { nextActions, nextWake } from "../core/next.js";
import type { Run } from "../core/run.js";
import { questionIn, whyRun } from "../core/why.js";
import type { RunProjection } from "../stores/store.js";

/** What lists show of a run. */
export const projectionOf = (run: Run): RunProjection => {
  // Only a person's part is kept, which is the same with a worker and without; what workers do is a long sentence.
  const waiting = whyRun(run, false);
  const wakeAt = nextWake(run);
  return {
    status: run.state.status,
    goal: run.goal,
    sessionKey: run.sessionKey,
    stepsTotal: run.steps.length,
    stepsCompleted: run.steps.filter(({ state }) => state.status === "completed").length,
    blocker: waiting.for === "person" ? waiting.sentence : questionIn(run),
    runnable: nextActions(run).length > 0,
    wakeAt: wakeAt === null ? null : Date.parse(wakeAt),
  };
};
