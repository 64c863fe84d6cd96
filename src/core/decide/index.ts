import type { Command, CommandOf, CommandType } from "../commands.js";
import { completion } from "../completion.js";
import type { JournalEvent } from "../events.js";
import { evolve } from "../evolve.js";
import { isTerminal, type Run } from "../run.js";
import { refuseAccess } from "./access.js";
import { setBudget, stopAtBudget } from "./budget.js";
import { discardCheckpoints, passOverCheckpoints, signCheckpoint } from "./checkpoints.js";
import { finishChild, tellParent } from "./children.js";
import { recordCriterionVerdict } from "./criteria.js";
import { decideEffect, recordEffects } from "./effects.js";
import { forkRun } from "./fork.js";
import {
  type CreatingType,
  type DecideContext,
  type Decided,
  type Decider,
  existing,
  requireBound,
  requireDrivenHere,
  requirePlanned,
} from "./guards.js";
import { orderIntent, reportIntent } from "./intent-orders.js";
import { applyStanding, cancelIntent, endedWithRun, expireIntents, voteIntent } from "./intent-votes.js";
import { proposeIntent } from "./intents.js";
import { attachPlan, cancelRun, createRun, pauseRun, resumeRun, workerLost, writeNote } from "./lifecycle.js";
import { mirrorRun, reportChange, syncProjection } from "./mirror.js";
import { applyPolicy } from "./policy-action.js";
import {
  approveStep,
  interruptStep,
  proposeStepResult,
  recordVerdict,
  rejectStep,
  startStep,
} from "./step.js";
import { mirrorTeammates } from "./teammates.js";
import {
  completeHandoff,
  endTracked,
  openHandoff,
  recordEvent,
  resumeTracked,
  startTracked,
} from "./tracked.js";
import { fireTimers, resolvePromise, suspendStep } from "./waits.js";

export type Decision = {
  /** Ready to be appended: seq, time and actor are set. Empty when the command was carried out before. */
  readonly events: readonly JournalEvent[];
  readonly run: Run;
};

// The one place where it is decided what may happen; every face, tool and engine gets the same refusals.
export const decide = (
  command: Command,
  run: Run | undefined,
  context: DecideContext,
  runId: string,
): Decision => {
  requireBound(runId, context.caller);
  const bodies = isCreating(command)
    ? creating(command, run, context)
    : deciding(command, existing(run, runId), context);
  const direct = stamped(bodies, run, context, runId);
  const after = existing(direct.reduce<Run | undefined>(evolve, run), runId);
  if (direct.length === 0) return { events: [], run: after };
  const final = stamped(completion(after, context.rules.onUnmetCriteria), after, context, runId);
  const over = final.reduce(evolve, after);
  const ended = isTerminal(over) ? stamped(endedWithRun(over), over, context, runId) : [];
  return { events: [...direct, ...final, ...ended], run: ended.reduce(evolve, over) };
};

type LaterType = Exclude<CommandType, CreatingType>;

export const isCreating = (command: Command): command is CommandOf<CreatingType> =>
  Object.hasOwn(creators, command.type);

const creating = (
  command: CommandOf<CreatingType>,
  run: Run | undefined,
  context: DecideContext,
): readonly Decided[] => (creators[command.type] as Decider<CreatingType>)(command, run, context);

const creators: { readonly [T in CreatingType]: Decider<T> } = {
  create_run: createRun,
  fork_run: forkRun,
  mirror_run: mirrorRun,
  start_run: startTracked,
};

const deciding = (command: CommandOf<LaterType>, run: Run, context: DecideContext): readonly Decided[] => {
  if (!ofAnyRun.includes(command.type)) requireDrivenHere(run);
  if (ofPlansAlone.includes(command.type)) requirePlanned(run);
  return (deciders[command.type] as Decider<LaterType>)(command, run, context);
};

/** What may be said of a run that a host drives: its own reports, and what changes nothing of how it goes on. */
const ofAnyRun: readonly LaterType[] = [
  "report_change",
  "sync_projection",
  "mirror_teammates",
  "write_note",
  "refuse_access",
  "worker_lost",
];

/** What makes no sense without a plan: the run of a client has none. */
const ofPlansAlone: readonly LaterType[] = [
  "attach_plan",
  "start_step",
  "propose_step_result",
  "interrupt_step",
  "record_effects",
  "decide_effect",
  "suspend_step",
  "pass_over_checkpoints",
  "discard_checkpoints",
  "resolve_promise",
  "finish_child",
  "tell_parent",
  "record_verdict",
  "record_criterion_verdict",
  "apply_policy",
  "approve_step",
  "reject_step",
  "pause_run",
  "resume_run",
  "set_budget",
  "stop_at_budget",
  "report_change",
  "sync_projection",
];

const deciders: { readonly [T in LaterType]: Decider<T> } = {
  attach_plan: attachPlan,
  start_step: startStep,
  propose_step_result: proposeStepResult,
  interrupt_step: interruptStep,
  record_effects: recordEffects,
  decide_effect: decideEffect,
  suspend_step: suspendStep,
  seal_checkpoint: signCheckpoint,
  pass_over_checkpoints: passOverCheckpoints,
  discard_checkpoints: discardCheckpoints,
  fire_timers: fireTimers,
  resolve_promise: resolvePromise,
  propose_intent: proposeIntent,
  vote_intent: voteIntent,
  apply_standing: applyStanding,
  cancel_intent: cancelIntent,
  expire_intents: expireIntents,
  order_intent: orderIntent,
  report_intent: reportIntent,
  finish_child: finishChild,
  tell_parent: tellParent,
  record_verdict: recordVerdict,
  record_criterion_verdict: recordCriterionVerdict,
  apply_policy: applyPolicy,
  approve_step: approveStep,
  reject_step: rejectStep,
  write_note: writeNote,
  pause_run: pauseRun,
  resume_run: resumeRun,
  cancel_run: cancelRun,
  set_budget: setBudget,
  stop_at_budget: stopAtBudget,
  report_change: reportChange,
  sync_projection: syncProjection,
  refuse_access: refuseAccess,
  worker_lost: workerLost,
  mirror_teammates: mirrorTeammates,
  record_event: recordEvent,
  open_handoff: openHandoff,
  complete_handoff: completeHandoff,
  resume_tracked: resumeTracked,
  end_tracked: endTracked,
};

const stamped = (
  bodies: readonly Decided[],
  run: Run | undefined,
  { caller, at }: DecideContext,
  runId: string,
): readonly JournalEvent[] =>
  // What is spread comes last, or V8 adds each member behind it by a slow way; no body names a run or a place in it.
  bodies.map((body, index) => ({
    runId,
    seq: (run?.seq ?? 0) + index + 1,
    at,
    actor: { name: caller.name, role: caller.role },
    sessionKey: caller.sessionKey,
    ...body,
  }));
