import { askedAgain } from "./asked-again.js";
import { budgetSet, budgetWarned, isOwn, noBudget, withAttempt, withPause } from "./budget.js";
import { withState, withStep, withWorked } from "./changed-steps.js";
import { changedRun, withEffects } from "./copies.js";
import { type EffectEvent, effectsAfter } from "./effect-events.js";
import { noEffects } from "./effects.js";
import type { EventOf, EventType, JournalEvent } from "./events.js";
import { withIntent } from "./intent-fold.js";
import { isOfLeft, withLeft, withoutLeft } from "./left-effects.js";
import { reportedSpec, runStateOf, stepStateOf } from "./mirror.js";
import { withPassedOver } from "./passed-over.js";
import { afterPolicyAction } from "./policy-fold.js";
import { cancelled } from "./race.js";
import { noRefusals, refusalsAfter } from "./refusals.js";
import type { CriterionState, Run, Step } from "./run.js";
import { findStep, isPausedOnRequest, isTerminal } from "./run.js";
import { newCriterion, newStep } from "./steps.js";
import { trackingEvolvers, withTracking } from "./tracked-fold.js";
import { withSpending } from "./usage.js";

type Evolvers = { readonly [T in EventType]: (run: Run, event: EventOf<T>) => Run };

// One step of the fold: what we know after one more fact. Deciding what may happen is not its business.
export const evolve = (run: Run | undefined, event: JournalEvent): Run => {
  const before = event.type === "run_created" ? created(event) : run;
  if (before === undefined) throw new Error(`event ${event.seq} of ${event.runId} comes before run_created`);
  const evolver = evolvers[event.type] as (run: Run, event: JournalEvent) => Run;
  const after = withTracking(evolver(before, event), event);
  return changedRun(after, { steps: after.steps, seq: event.seq, updatedAt: changedAt(before, event) });
};

/** Who is refused at a run that is over has not changed it: noise makes it no newer, and keeps it no longer. */
const changedAt = (before: Run, { type, at }: JournalEvent): string =>
  type === "access_refused" && isTerminal(before) ? before.updatedAt : at;

/** The run after all of its events; undefined when there are none. */
export const fold = (events: Iterable<JournalEvent>, start?: Run): Run | undefined => {
  let run = start;
  for (const event of events) run = evolve(run, event);
  return run;
};

const created = (event: EventOf<"run_created">): Run => ({
  runId: event.runId,
  seq: event.seq,
  goal: event.payload.goal,
  originalRequest: event.payload.originalRequest,
  sessionKey: event.sessionKey,
  createdBy: event.actor,
  createdAt: event.at,
  updatedAt: event.at,
  forkedFrom: event.payload.forkedFrom,
  source: event.payload.source,
  parent: event.payload.parent,
  parentTold: false,
  report: null,
  degraded: null,
  workspaceIsolation: event.payload.workspaceIsolation,
  base: event.payload.base,
  head: event.payload.base,
  planDigest: null,
  protect: [],
  steps: [],
  criteria: [],
  notes: {},
  intents: [],
  spending: [],
  refusals: noRefusals,
  budget: noBudget,
  waivers: [],
  workersLost: 0,
  lastLostEpoch: 0,
  left: [],
  checkpoint: null,
  keptCheckpoints: [],
  passedOver: [],
  blockedTeammates: [],
  tracked: null,
  state: { status: "planning" },
});

/** What becomes of the effects and waits of the step, or of one candidate's. */
const ofEffects = (run: Run, event: JournalEvent & EffectEvent): Run =>
  withWorked(run, event.payload, event.at, (step) => withEffects(step, effectsAfter(event, step.effects)));

const evolvers: Evolvers = {
  ...trackingEvolvers,
  run_created: (run) => run,
  plan_requested: (run, { payload }) => ({ ...run, steps: [newStep(payload.step)] }),
  plan_attached: (run, event) => ({
    // Who paused it meant the run, whatever becomes of its plan meanwhile.
    ...(isPausedOnRequest(run) ? run : { ...withPause(run, event), state: { status: "running" } }),
    goal: event.payload.plan.goal,
    planDigest: event.payload.digest,
    protect: event.payload.plan.protect,
    steps: event.payload.plan.steps.map(newStep),
    criteria: event.payload.plan.acceptanceCriteria.map(newCriterion),
  }),
  note_written: (run, { payload }) => ({ ...run, notes: { ...run.notes, [payload.key]: payload.value } }),
  step_started: (run, event) => started(run, event),
  step_result_proposed: (run, { payload, seq, at }) =>
    withWorked(run, payload, at, (step) => ({
      ...step,
      state: {
        status: "verify_pending",
        proposal: { seq, at, result: payload.result, evidence: payload.evidence, capture: payload.capture },
        approval: null,
        errors: 0,
        lastError: null,
      },
    })),
  effect_intended: ofEffects,
  effect_settled: (run, event) =>
    isOfLeft(run, event) ? withoutLeft(run, event) : ofEffects(withSpending(run, event), event),
  effect_decided: (run, event) => (isOfLeft(run, event) ? run : ofEffects(withSpending(run, event), event)),
  timer_armed: ofEffects,
  timer_fired: ofEffects,
  promise_created: ofEffects,
  promise_resolved: ofEffects,
  child_started: ofEffects,
  child_finished: ofEffects,
  parent_told: (run) => ({ ...run, parentTold: true }),
  step_suspended: ofEffects,
  checkpoints_passed_over: (run, { payload, attempt, seq }) =>
    withPassedOver(run, { ...payload, attempt, seq }),
  checkpoint_discarded: ofEffects,
  checkpoint_sealed: (run, event) => signed(run, event),
  checkpoints_thinned: (run, { payload }) => {
    const gone = new Set(payload.ids);
    return { ...run, keptCheckpoints: run.keptCheckpoints.filter(({ id }) => !gone.has(id)) };
  },
  intent_proposed: withIntent,
  policy_checked: withIntent,
  intent_blocked: withIntent,
  approval_requested: withIntent,
  intent_approved: withIntent,
  intent_denied: withIntent,
  approval_reminded: withIntent,
  approval_extended: withIntent,
  intent_unopposed: withIntent,
  intent_expired: withIntent,
  intent_cancelled: withIntent,
  execution_ordered: withIntent,
  intent_reported: withIntent,
  intent_skipped: withIntent,
  approval_received: (run, { payload, actor, at }) =>
    withState(run, payload.stepId, (state) =>
      payload.decision === "approve" && state.status === "verify_pending"
        ? { ...state, approval: { by: actor, at, reason: payload.reason } }
        : state,
    ),
  step_validation_passed: (run, event) => passed(run, event),
  step_validation_failed: (run, event) => failed(run, event),
  step_validation_errored: (run, { payload, at }) =>
    withWorked(run, payload, at, (step) => {
      const { state } = step;
      if (state.status !== "verify_pending") return step;
      return { ...step, state: { ...state, errors: state.errors + 1, lastError: payload.verdict } };
    }),
  step_interrupted: (run, { payload, attempt, at }) =>
    withWorked(run, payload, at, (step) => ({
      ...step,
      feedback: { kind: "interrupted", attempt, reason: payload.reason, tail: payload.tail },
      state: { status: "interrupted", reason: payload.reason, tail: payload.tail },
    })),
  candidate_cancelled: (run, { payload }) =>
    withStep(run, payload.stepId, (step) => cancelled(step, payload.candidate, payload.reason)),
  policy_decision_applied: afterPolicyAction,
  criterion_met: (run, { payload, at }) =>
    withCriterion(run, payload.index, () => ({ status: "met", at, verdict: payload.verdict })),
  criterion_unmet: (run, { payload, at }) =>
    withCriterion(run, payload.index, (state) =>
      payload.verdict.outcome === "errored" && state.status === "unchecked"
        ? { status: "unchecked", errors: state.errors + 1 }
        : { status: "unmet", at, verdict: payload.verdict },
    ),
  run_paused: (run, { payload, at, actor }) => ({
    ...run,
    state: { status: "paused", ...payload, since: at, by: actor },
  }),
  run_resumed: (run, event) => ({
    ...askedAgain(withPause(run, event)),
    state: { status: run.planDigest === null ? "planning" : "running" },
  }),
  budget_set: (run, { payload }) => budgetSet(run, payload.budget),
  budget_warned: (run, { payload }) => budgetWarned(run, payload.kind, payload.limit),
  run_completed: (run, { payload, at }) => ({
    ...run,
    blockedTeammates: [],
    state: { status: "completed", at, summary: payload.summary },
  }),
  run_failed: (run, { payload, at }) => ({
    ...run,
    blockedTeammates: [],
    state: { status: "failed", at, ...payload },
  }),
  run_reported: (run, { payload, at, actor }) => {
    const { status, ...report } = payload;
    const told = { ...run, report, state: runStateOf[status]({ ...report, at, by: actor }) };
    return isTerminal(told) ? { ...told, blockedTeammates: [] } : told;
  },
  step_reported: (run, event) => reported(run, event),
  projection_synced: (run, { payload }) => ({
    ...run,
    degraded: payload.status === "degraded" ? payload.error : null,
  }),
  // What a fork took over was refused in another run.
  access_refused: (run, event) =>
    isOwn(run, event) ? { ...run, refusals: refusalsAfter(run.refusals, event) } : run,
  worker_lost: (run, { payload }) => ({
    ...run,
    workersLost: run.workersLost + 1,
    lastLostEpoch: payload.epoch,
  }),
  teammate_approval_blocked: (run, { payload, at }) => {
    const { others, former } = withoutRequest(run, payload.grantRequestId);
    return { ...run, blockedTeammates: [...others, { ...payload, since: former?.since ?? at }] };
  },
  teammate_approval_unblocked: (run, { payload }) => ({
    ...run,
    blockedTeammates: withoutRequest(run, payload.grantRequestId).others,
  }),
};

const started = (run: Run, event: EventOf<"step_started">): Run => {
  const { payload, attempt, at } = event;
  const known = withAttempt(withSpending(run, event), event, findStep(run, payload.stepId), attempt);
  return withWorked(withLeft(known, payload), payload, at, (step) => ({
    ...step,
    attempt,
    base: payload.base,
    fresh: false,
    effects: noEffects,
    state: { status: "in_progress", startedAt: at },
  }));
};

const withoutRequest = ({ blockedTeammates }: Run, grantRequestId: string) => ({
  others: blockedTeammates.filter((one) => one.grantRequestId !== grantRequestId),
  former: blockedTeammates.find((one) => one.grantRequestId === grantRequestId),
});

/** A step that was never reported before comes last. */
const reported = (run: Run, { payload, at, actor }: EventOf<"step_reported">): Run => {
  const { stepId, status, result, error, row } = payload;
  const change = (step: Step): Step => ({
    ...step,
    spec: row === null ? step.spec : reportedSpec({ stepId, ...row }),
    attempt: status === "running" && step.state.status !== "in_progress" ? step.attempt + 1 : step.attempt,
    report: { result, error },
    state: stepStateOf[status]({ result, error, at, by: actor }),
  });
  if (findStep(run, stepId) !== undefined) return withStep(run, stepId, change);
  const spec = reportedSpec({ stepId, ...(row ?? { goal: "", agent: "", dependsOn: [] }) });
  return { ...run, steps: [...run.steps, change(newStep(spec))] };
};

const passed = (run: Run, { payload, at }: EventOf<"step_validation_passed">): Run => {
  const { verdict } = payload;
  const judged = withWorked(run, payload, at, (step) => ({
    ...step,
    state: {
      status: "completed",
      how: verdict.reason === "approved" ? "approved" : "verified",
      completedAt: at,
      proposal: step.state.status === "verify_pending" ? step.state.proposal : null,
      verdict,
    },
  }));
  return { ...judged, head: verdict.commit ?? judged.head };
};

const failed = (run: Run, { payload, attempt, at }: EventOf<"step_validation_failed">): Run =>
  withWorked(run, payload, at, (step) => {
    if (step.state.status !== "verify_pending") return step;
    const { verdict } = payload;
    return {
      ...step,
      feedback: { kind: "verdict", attempt, verdict },
      state: { status: "failed", proposal: step.state.proposal, verdict },
    };
  });

/** Those of a past that a fork took over were signed for another run. */
const signed = (run: Run, { payload, seq, at }: EventOf<"checkpoint_sealed">): Run => {
  const { id, seal, of, turn, calls, agentVersion, full, former, keptIn } = payload;
  if (run.forkedFrom !== null && seq <= run.forkedFrom.seq) return run;
  const keptCheckpoints = [...run.keptCheckpoints, { id, seq, full, former, keptIn }];
  const after: Run = { ...run, checkpoint: { id, signature: seal, seq }, keptCheckpoints };
  if (of === null || turn === 0) return after;
  return withWorked(after, of, at, (step) => {
    const depth = full ? 0 : (step.effects.checkpoint?.depth ?? 0) + 1;
    return {
      ...step,
      effects: { ...step.effects, checkpoint: { id, seq, turn, calls, agentVersion, depth } },
    };
  });
};

const withCriterion = (run: Run, index: number, change: (state: CriterionState) => CriterionState): Run => ({
  ...run,
  criteria: run.criteria.map((criterion, at) =>
    at === index ? { ...criterion, state: change(criterion.state) } : criterion,
  ),
});
