import type { Effects } from "./effects.js";
import type { Run, Step } from "./run.js";

// Every event makes these anew. Each member is written out, because V8 takes microseconds to spread an object of so many; one that
// is forgotten here does not compile, be it one that may be left out.
type Whole<T> = { [K in keyof Required<T>]: T[K] };

/** The run with other steps, or further on. */
export const changedRun = (
  run: Run,
  { steps, seq, updatedAt }: Pick<Run, "steps" | "seq" | "updatedAt">,
): Whole<Run> => ({
  runId: run.runId,
  seq,
  goal: run.goal,
  originalRequest: run.originalRequest,
  sessionKey: run.sessionKey,
  createdBy: run.createdBy,
  createdAt: run.createdAt,
  updatedAt,
  forkedFrom: run.forkedFrom,
  source: run.source,
  parent: run.parent,
  parentTold: run.parentTold,
  report: run.report,
  degraded: run.degraded,
  workspaceIsolation: run.workspaceIsolation,
  base: run.base,
  head: run.head,
  planDigest: run.planDigest,
  protect: run.protect,
  steps,
  criteria: run.criteria,
  notes: run.notes,
  intents: run.intents,
  spending: run.spending,
  refusals: run.refusals,
  budget: run.budget,
  waivers: run.waivers,
  workersLost: run.workersLost,
  lastLostEpoch: run.lastLostEpoch,
  left: run.left,
  checkpoint: run.checkpoint,
  keptCheckpoints: run.keptCheckpoints,
  passedOver: run.passedOver,
  blockedTeammates: run.blockedTeammates,
  tracked: run.tracked,
  state: run.state,
});

/** The step with other effects. */
export const withEffects = (step: Step, effects: Effects): Whole<Step> => ({
  spec: step.spec,
  attempt: step.attempt,
  retryCount: step.retryCount,
  base: step.base,
  feedback: step.feedback,
  fresh: step.fresh,
  effects,
  candidates: step.candidates,
  lastDecision: step.lastDecision,
  report: step.report,
  state: step.state,
});
