import type { JournalEvent } from "../core/events.js";
import { maySayWhatIsDue, nextActions, nextWake } from "../core/next.js";
import { isActive, type Run } from "../core/run.js";
import { questionIn, whyRun } from "../core/why.js";
import type { RunProjection } from "../stores/store.js";

const projected = new WeakMap<Run, RunProjection>();

/** The same after these events of it. Most are of effects and change nothing that lists show, however many steps there are. */
export const projectionAfter = (
  events: readonly JournalEvent[],
  run: Run,
  before: Run | undefined,
): RunProjection => {
  const isAsBefore = isActive(run) && !events.some(maySayWhatIsDue);
  const known = isAsBefore && before !== undefined ? projected.get(before) : undefined;
  const projection = known ?? projectionOf(run);
  projected.set(run, projection);
  return projection;
};

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
