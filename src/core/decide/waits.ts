import { digestOf } from "../canonical.js";
import { LedgerError } from "../errors.js";
import { named, workedStep, workedSteps } from "../race.js";
import { isActive, isAwake, type Run, type WorkedStep } from "../run.js";
import { type DurablePromise, isOver, isToken, promiseId, type Timer } from "../waits.js";
import { requireAttempt } from "./effects.js";
import {
  alreadyDone,
  type Decider,
  requireLive,
  requireRole,
  requireSession,
  requireState,
  requireStep,
} from "./guards.js";
import { dueIntents } from "./intent-votes.js";

// Also of a paused run: an agent that has left has left. When one of the waits is over meanwhile, it has not: the attempt
// goes on at once.
export const suspendStep: Decider<"suspend_step"> = (command, run, { caller }) => {
  requireRole(caller, "suspend a step", "engine");
  const step = workedStep(requireStep(run, caller, command.stepId), command.candidate);
  requireLive(run);
  requireState(step, "in_progress", "step_not_in_progress");
  requireAttempt(step, command.attempt);
  const { positions } = command;
  const { waits, suspended } = step.effects;
  const isOpen = (position: number): boolean =>
    waits.some((wait) => wait.position === position && !isOver(wait));
  if (suspended || !positions.every(isOpen)) return alreadyDone;
  const payload = { stepId: step.spec.id, ...named(step), positions };
  return [{ type: "step_suspended", version: 1, attempt: step.attempt, payload }];
};

// A clock that goes back fires nothing twice: what has fired is gone from the run. Of a paused run none fires before it is
// resumed, and of an attempt that has ended none at all.
export const fireTimers: Decider<"fire_timers"> = (_command, run, { caller, at }) => {
  requireRole(caller, "fire timers", "engine");
  const intents = isAwake(run) ? dueIntents(run, at) : [];
  if (!isActive(run)) return intents;
  const fired = run.steps.flatMap(workedSteps).flatMap((step) =>
    dueTimers(step, at).map(({ position }) => {
      const payload = { stepId: step.spec.id, ...named(step), position };
      return { type: "timer_fired", version: 1, attempt: step.attempt, payload } as const;
    }),
  );
  return [...fired, ...intents];
};

const dueTimers = ({ state, effects }: WorkedStep, at: string): readonly Timer[] =>
  state.status !== "in_progress"
    ? []
    : effects.waits.filter((wait): wait is Timer => wait.kind === "timer" && isDue(wait, at));

const isDue = ({ dueAt }: Timer, at: string): boolean => Date.parse(dueAt) <= Date.parse(at);

// Who waits for a promise never resolves it, with whatever token. Before the token is known to be right nothing is said of
// the promise, not even whether there is one.
export const resolvePromise: Decider<"resolve_promise"> = (command, run, { caller }) => {
  requireRole(caller, "resolve a promise", "orchestrator", "human");
  requireSession(run, caller);
  const { step, promise } = requirePromise(run, command);
  const { spec, attempt } = step;
  if (caller.name === spec.ownerAgent)
    throw new LedgerError("access_denied", `"${caller.name}" waits for this promise and may not resolve it.`);
  const { outcome } = command;
  const { position, resolved } = promise;
  if (resolved?.outcome === digestOf(outcome)) return alreadyDone;
  if (resolved !== null)
    throw new LedgerError(
      "promise_resolved",
      `The promise "${promise.name}" was resolved before (event ${resolved.seq}).`,
      { hint: "A promise is resolved once, and stays so." },
    );
  requireLive(run);
  requireState(step, "in_progress", "step_not_in_progress");
  const payload = { stepId: spec.id, ...named(step), position, outcome };
  return [{ type: "promise_resolved", version: 1, attempt, payload }];
};

/** Throws `promise_refused`, in the same words for a promise that is not there and a token that is not right. */
export const requirePromise = (
  run: Run,
  { promise: id, token }: { readonly promise: string; readonly token: string },
): { readonly step: WorkedStep; readonly promise: DurablePromise } => {
  const found = findPromise(run, id);
  const { step, promise } = found ?? nobodys;
  const { stepId, attempt, candidate } = step;
  const { madeIn: runId, position } = promise;
  const isRight = isToken(token, { runId, stepId, attempt, candidate, position }, promise.tokenHash);
  if (found !== undefined && isRight) return { step: found.worked, promise: found.promise };
  throw new LedgerError(
    "promise_refused",
    `Run "${run.runId}" has no promise "${id}" that this token opens.`,
    {
      hint: `A person at the ledger sees them: runledger promises ${run.runId}`,
    },
  );
};

type Found = {
  readonly step: { readonly stepId: string; readonly attempt: number; readonly candidate?: number };
  readonly promise: DurablePromise;
};

/** Checked in the place of one that is not there, so that it takes as long. */
const nobodys: Found = {
  step: { stepId: "", attempt: 0 },
  promise: {
    kind: "promise",
    position: 0,
    name: "",
    since: "",
    tokenHash: "0".repeat(64),
    madeIn: "",
    resolved: null,
  },
};

const findPromise = (run: Run, id: string): (Found & { readonly worked: WorkedStep }) | undefined => {
  for (const worked of run.steps.flatMap(workedSteps))
    for (const wait of worked.effects.waits) {
      const step = { stepId: worked.spec.id, attempt: worked.attempt, ...named(worked) };
      if (wait.kind === "promise" && promiseId({ ...step, position: wait.position }) === id)
        return { worked, step, promise: wait };
    }
  return undefined;
};
