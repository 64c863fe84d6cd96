import { hasUnwantedChildren, unwantedChildren } from "./children.js";
import type { JournalEvent } from "./events.js";
import { isOwnIntent, wakeOf } from "./intents.js";
import * as limit from "./limits.js";
import { isRaced, isUnderWay, named, workedSteps } from "./race.js";
import {
  awaitsApproval,
  completedIds,
  hasPolicyRequest,
  isActive,
  isAwake,
  isReady,
  isTerminal,
  type Run,
  type Step,
  type WorkedStep,
} from "./run.js";
import { isOver, type Wait } from "./waits.js";

/** What is to be done for a run now. `engine/executor.ts` performs each and submits what came of it. */
export type Action =
  /**
   * Let an agent work, of a raced step each candidate's: on a new attempt of a ready step, or on with the one a crash cut
   * off.
   */
  | { readonly kind: "work"; readonly stepId: string; readonly candidate?: number; readonly agent: string }
  /** Judge the oldest proposal: one verdict at a time, so that every head passed the judge of the step that made it. */
  | { readonly kind: "verify"; readonly stepId: string; readonly candidate?: number }
  /** Answer a policy request. */
  | { readonly kind: "decide_policy"; readonly stepId: string }
  /** Judge the whole against one acceptance criterion. */
  | { readonly kind: "verify_criterion"; readonly index: number }
  /** Cancel a run that was started for an attempt that is over. */
  | { readonly kind: "end_child"; readonly childId: string }
  /** Of a run that is over: tell the one that started it. */
  | { readonly kind: "tell_parent" };

/** An agent that does thousands of effects makes no other action due by any of them, nor a running run wait for anybody else; nor does whoever is refused. */
export const maySayWhatIsDue = ({ type }: JournalEvent): boolean =>
  type !== "effect_intended" && type !== "effect_settled" && type !== "access_refused";

// Crash recovery is no path of its own: nothing was recorded, so the same action is named again.
export const nextActions = (run: Run): readonly Action[] => {
  // A host works on its own runs; nobody here is started for them.
  if (run.source !== null) return [];
  const family = familyActions(run);
  if (!isActive(run)) return family;
  const verify = oldestProposal(run);
  const due = run.steps.length > 0 && run.steps.every(({ state }) => state.status === "completed");
  const criterion = due ? run.criteria.findIndex(({ state }) => state.status === "unchecked") : -1;
  return [
    ...(verify === undefined ? [] : [{ kind: "verify", stepId: verify.spec.id, ...named(verify) } as const]),
    ...run.steps
      .filter(asksForPolicy)
      .map(({ spec }) => ({ kind: "decide_policy", stepId: spec.id }) as const),
    ...workable(run).map(
      (step) =>
        ({ kind: "work", stepId: step.spec.id, ...named(step), agent: step.spec.ownerAgent }) as const,
    ),
    ...(criterion === -1 ? [] : [{ kind: "verify_criterion", index: criterion } as const]),
    ...family,
  ];
};

// Named until they are done, so that neither a crash nor a pause nor the end of a run keeps them from being done.
const familyActions = (run: Run): readonly Action[] => [
  ...unwantedChildren(run).map(({ childId }) => ({ kind: "end_child", childId }) as const),
  ...(isTerminal(run) && run.parent !== null && !run.parentTold ? [{ kind: "tell_parent" } as const] : []),
];

const oldestProposal = (run: Run): WorkedStep | undefined => {
  const due = run.steps.flatMap(dueProposals);
  return due.reduce<WorkedStep | undefined>(
    (oldest, step) => (oldest === undefined || proposedAt(step) < proposedAt(oldest) ? step : oldest),
    undefined,
  );
};

/** Of a race for the smallest patch only that one, and not before everybody has said the last word. */
const dueProposals = (step: Step): readonly WorkedStep[] => {
  if (!isRaced(step)) return isDue(step) ? [step] : [];
  if (step.state.status !== "racing") return [];
  const proposed = workedSteps(step).filter(({ state }) => state.status === "verify_pending");
  if (step.spec.race?.pick !== "smallest") return proposed.filter(isDue);
  if (step.candidates.some(isUnderWay)) return [];
  return proposed
    .sort((a, b) => patchBytes(a) - patchBytes(b))
    .slice(0, 1)
    .filter(isDue);
};

const patchBytes = ({ state }: Step): number =>
  state.status === "verify_pending"
    ? (state.proposal.capture.patchBytes ?? Number.MAX_SAFE_INTEGER)
    : Number.MAX_SAFE_INTEGER;

const isDue = (step: Step): boolean =>
  step.state.status === "verify_pending" &&
  !awaitsApproval(step) &&
  step.state.errors < limit.VERIFY_ERRORS_MAX;

const proposedAt = ({ state }: Step): number => (state.status === "verify_pending" ? state.proposal.seq : 0);

// An errored verdict is first tried again; only then it asks.
const asksForPolicy = (step: Step): boolean => hasPolicyRequest(step) && dueProposals(step).length === 0;

/** When the first of a run's timers is due, or time alone changes one of its intents; null when neither is to come. */
export const nextWake = (run: Run): string | null => {
  if (!isAwake(run)) return null;
  const waits = isActive(run) ? openWaits(run) : [];
  const timers = waits.flatMap(({ wait }) => (wait.kind === "timer" ? [wait.dueAt] : []));
  const intents = run.intents.filter((one) => isOwnIntent(run, one)).flatMap((one) => wakeOf(one) ?? []);
  return [...timers, ...intents].reduce<string | null>(
    (first, at) => (first === null || at < first ? at : first),
    null,
  );
};

/** What attempts that are under way wait for. */
export const openWaits = (run: Run): readonly { readonly step: WorkedStep; readonly wait: Wait }[] =>
  run.steps
    .flatMap(workedSteps)
    .filter(({ state }) => state.status === "in_progress")
    .flatMap((step) => step.effects.waits.filter((wait) => !isOver(wait)).map((wait) => ({ step, wait })));

const workable = (run: Run): readonly WorkedStep[] =>
  dueToWork(run).filter((step) => !isSuspended(step) && !hasUnwantedChildren(step));

/** Its agent has left until something it waits for is over. */
export const isSuspended = ({ state, effects }: WorkedStep): boolean =>
  state.status === "in_progress" && effects.suspended;

/** Somebody's work was begun, and is due again: whoever did it is gone. Clients that come by themselves leave between two calls. */
export const isCutOff = (run: Run, toolAgents: readonly string[] = []): boolean =>
  run.steps
    .flatMap(workedSteps)
    .some(
      (step) =>
        step.state.status === "in_progress" &&
        !isSuspended(step) &&
        !toolAgents.includes(step.spec.ownerAgent),
    );

const dueToWork = (run: Run): readonly WorkedStep[] => {
  const open = run.steps.flatMap(atWork);
  const completed = completedIds(run);
  const ready = run.steps.filter((step) => isReady(step, completed)).flatMap(workedSteps);
  if (run.workspaceIsolation) return [...open, ...ready];
  const busy = run.steps.some(({ state }) => state.status === "verify_pending");
  return busy ? [] : [...open, ...ready].slice(0, 1);
};

/** Who is at work goes on before who has not begun. */
const atWork = (step: Step): readonly WorkedStep[] => {
  if (step.state.status === "in_progress") return [step];
  if (step.state.status !== "racing") return [];
  const candidates = workedSteps(step);
  return (["in_progress", "pending"] as const).flatMap((status) =>
    candidates.filter(({ state }) => state.status === status),
  );
};
