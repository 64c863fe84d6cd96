import { type Asked, requireBudget } from "../budget.js";
import type { Caller, CommandOf } from "../commands.js";
import {
  type Effects,
  type EffectValue,
  NUMBERED_BEHIND,
  type OpenEffect,
  openEffect,
  requirePolicy,
  requireSameCall,
} from "../effects.js";
import { LedgerError } from "../errors.js";
import type { EventBody } from "../events.js";
import { openAfterEnd } from "../left-effects.js";
import * as limit from "../limits.js";
import { named, workedStep } from "../race.js";
import { hasPolicyRequest, isActive, type Run, type WorkedStep } from "../run.js";
import type { AtMost } from "../spent.js";
import { type WaitCall, waitPrint } from "../waits.js";
import {
  alreadyDone,
  type DecideContext,
  type Decider,
  type Rules,
  requireLive,
  requireOwner,
  requireRole,
  requireSession,
  requireState,
  requireStep,
} from "./guards.js";

type Entry = CommandOf<"record_effects">["entries"][number];
type EntryOf<K extends Entry["kind"]> = Extract<Entry, { kind: K }>;

// Also of a paused run: what an agent had begun when somebody paused it is recorded, or it would happen again.
export const recordEffects: Decider<"record_effects"> = (command, run, { caller, at, rules }) => {
  requireRole(caller, "record an effect", "executor", "engine");
  requireSession(run, caller);
  const step = workedStep(requireStep(run, caller, command.stepId), command.candidate);
  requireLive(run);
  requireOwner(step, caller, step.attempt);
  if (!isOfWhoIsAsked(step, command.entries, caller))
    requireState(step, "in_progress", "step_not_in_progress");
  requireAttempt(step, command.attempt);
  const { entries } = command;
  requireRoom(run, step.effects, entries, rules);
  requireFew(run, step, entries);
  const warned = requireMoney(run, step.effects, entries, { rules, at });
  const told = entries.map((entry) =>
    entry.kind === "waiting" ? begun(run, step, entry, at) : recorded(run, step, entries, entry),
  );
  return [...told, ...warned];
};

/** What begins at once is held of the budget at once: two agents cannot both be given the last of it. */
const requireMoney = (
  run: Run,
  effects: Effects,
  entries: readonly Entry[],
  { rules, at }: Pick<DecideContext, "rules" | "at">,
): readonly EventBody[] => {
  const paid = entries.flatMap((entry) =>
    entry.kind === "intended" &&
    entry.call.risk === "paid" &&
    openEffect(effects, entry.call.position) === undefined
      ? [entry.atMost]
      : [],
  );
  return paid.length === 0 ? [] : requireBudget(run, rules.budget, at, together(paid));
};

/** Null where one of them does not say it. */
const together = (parts: readonly (AtMost | undefined)[]): Asked => {
  const sum = (of: (one: AtMost) => number | null): number | null =>
    parts.reduce<number | null>((total, one) => {
      const part = one === undefined ? null : of(one);
      return total === null || part === null ? null : total + part;
    }, 0);
  return { tokens: sum(({ tokens }) => tokens), nanoUsd: sum(({ nanoUsd }) => nanoUsd) };
};

/** Whoever is asked what becomes of an attempt that has ended does so by effects of it; its own agent does nothing more. */
const isOfWhoIsAsked = (step: WorkedStep, entries: readonly Entry[], { role }: Caller): boolean =>
  role === "engine" &&
  hasPolicyRequest(step) &&
  entries.every((entry) => entry.kind !== "waiting" && entry.call.position >= NUMBERED_BEHIND);

export const requireAttempt = ({ spec, attempt }: WorkedStep, of: number): void => {
  if (attempt === of) return;
  throw new LedgerError("step_not_in_progress", `Step "${spec.id}" is at attempt ${attempt}, not ${of}.`, {
    hint: "It was started anew since: stop working on the earlier attempt.",
  });
};

/** What has begun may always end: only calls that nobody has heard of yet are too many. */
const requireRoom = (run: Run, effects: Effects, entries: readonly Entry[], { recording }: Rules): void => {
  const begun = entries.filter((entry) => isNewCall(effects, entries, entry)).length;
  if (begun === 0) return;
  const { effectsPerAttempt = limit.EFFECTS_PER_ATTEMPT, eventsPerRun = limit.EVENTS_PER_RUN } =
    recording ?? {};
  if (effects.recorded + begun > effectsPerAttempt)
    throw new LedgerError("limit_exceeded", `An attempt records at most ${effectsPerAttempt} effects.`, {
      hint: "Divide the work into more steps, or raise durable.effectsPerAttempt.",
    });
  if (run.seq + entries.length > eventsPerRun)
    throw new LedgerError("limit_exceeded", `Agents of a run stop at ${eventsPerRun} events.`, {
      hint: "Divide the work into more runs, or raise durable.eventsPerRun.",
    });
};

const isNewCall = (effects: Effects, entries: readonly Entry[], entry: Entry): boolean => {
  if (entry.kind !== "settled") return true;
  const { position } = entry.call;
  const begun = (one: Entry): boolean => one.kind === "intended" && one.call.position === position;
  return openEffect(effects, position) === undefined && !entries.some(begun);
};

// The clock is read once: who goes on with the attempt waits for the same moment.
const begun = (run: Run, step: WorkedStep, { wait }: EntryOf<"waiting">, at: string): EventBody => {
  const { waits } = step.effects;
  const { position, name } = wait;
  const taken = waits.find((one) => one.position === position);
  if (taken !== undefined)
    throw new LedgerError(
      "replay_divergence",
      `Call ${position} of "${step.spec.id}" waits for "${taken.name}" already.`,
      { hint: "Another life of the attempt has begun it: read it back.", details: waitPrint(wait) },
    );
  const about = { stepId: step.spec.id, ...named(step), position, name };
  const same = { version: 1, attempt: step.attempt } as const;
  if (wait.kind === "timer") {
    const dueAt = new Date(Date.parse(at) + wait.ms).toISOString();
    return { type: "timer_armed", ...same, payload: { ...about, ms: wait.ms, dueAt } };
  }
  if (wait.kind === "child") {
    const { childId, input } = wait;
    return { type: "child_started", ...same, payload: { ...about, childId, input } };
  }
  const payload = { ...about, tokenHash: wait.tokenHash, madeIn: run.runId };
  return { type: "promise_created", ...same, payload };
};

/** What is begun at once comes in one command, so that is counted as a whole. */
const requireFew = ({ parent }: Run, { effects }: WorkedStep, entries: readonly Entry[]): void => {
  const begun = entries.flatMap((entry) => (entry.kind === "waiting" ? [entry.wait] : []));
  const isOver = (of: WaitCall["kind"], most: number): boolean => {
    const more = begun.filter(({ kind }) => kind === of).length;
    return more > 0 && effects.waits.filter(({ kind }) => kind === of).length + more > most;
  };
  if (isOver("promise", limit.PROMISES_PER_ATTEMPT))
    throw tooMany(`An attempt makes at most ${limit.PROMISES_PER_ATTEMPT} promises.`);
  if (isOver("child", limit.CHILDREN_PER_ATTEMPT))
    throw tooMany(`An attempt starts at most ${limit.CHILDREN_PER_ATTEMPT} runs.`);
  if ((parent?.depth ?? 0) >= limit.CHILD_DEPTH_MAX && begun.some(({ kind }) => kind === "child"))
    throw tooMany(`Runs start runs at most ${limit.CHILD_DEPTH_MAX} deep.`);
};

const tooMany = (message: string): LedgerError =>
  new LedgerError("limit_exceeded", message, { hint: "Divide the work into more steps." });

const recorded = (
  { forkedFrom }: Run,
  step: WorkedStep,
  entries: readonly Entry[],
  entry: EntryOf<"intended" | "settled">,
): EventBody => {
  const { call } = entry;
  const about = { stepId: step.spec.id, ...named(step) };
  const open = openEffect(step.effects, call.position);
  if (open !== undefined) requireSameCall(open.call, call);
  if (entry.kind === "intended") {
    // The first run that had its key has given it back: a fork takes it before it does the same.
    if (open !== undefined && (call.key === null || forkedFrom === null)) throw isOpenAlready(step, open);
    requirePolicy(call);
    const { atMost } = entry;
    const payload = { call, ...(atMost === undefined ? {} : { atMost }), ...about };
    return { type: "effect_intended", version: 1, attempt: step.attempt, payload };
  }
  const isIntended =
    open !== undefined ||
    entries.some((one) => one.kind === "intended" && one.call.position === call.position);
  const { position } = call;
  if (!isIntended) requireNoIntent(step, entry);
  // What is spread comes last: behind it V8 adds each member by a slow way, a microsecond each.
  const { spent = [] } = entry;
  const used = spent.length === 0 ? about : { spent, ...about };
  const payload = { position, call: isIntended ? null : call, outcome: entry.outcome, ...used };
  return { type: "effect_settled", version: 1, attempt: step.attempt, payload };
};

/** What needs an intent has one, unless it is settled already: a person may have said meanwhile what became of it. */
const requireNoIntent = (step: WorkedStep, { call, outcome }: Extract<Entry, { kind: "settled" }>): void => {
  if (outcome.kind === "known" || (call.class !== "guarded" && call.key === null)) return;
  throw notOpen(step, call.position, "It was never begun, or is settled already.");
};

const isOpenAlready = ({ spec }: WorkedStep, { call }: OpenEffect): LedgerError =>
  new LedgerError("effect_ambiguous", `Effect ${call.position} of "${spec.id}" may have happened already.`, {
    hint: "It is to be settled or decided, not begun again.",
  });

// Decided once: the answer holds for every crash that follows. What is paid for is told and checked each time.
export const decideEffect: Decider<"decide_effect"> = (command, run, { caller, rules, at }) => {
  if (command.decision === "done") requireRole(caller, "say what became of an effect", "human");
  requireRole(caller, "decide an effect", "engine", "human");
  const step = workedStep(requireStep(run, caller, command.stepId), command.candidate);
  const { position, decision, reason } = command;
  const ended = caller.role === "human" ? openAfterEnd(run, command) : undefined;
  if (ended !== undefined) return decidedAfterwards(command, step, ended);
  const open = openEffect(step.effects, position);
  // A run that was resumed without an answer is asked again.
  const isAsked = decision !== "fail" || !isActive(run);
  // Done again, it is paid for again, as often as a crash cuts it off; only whoever does it again says so again.
  const isPaidAgain = decision === "rerun" && open?.call.risk === "paid";
  if (open?.decision === decision && isAsked && !(isPaidAgain && caller.role === "engine"))
    return alreadyDone;
  requireLive(run);
  requireAttempt(step, command.attempt);
  if (open === undefined) throw notOpenOrNone(run, step, position);
  if (open.decision !== null && caller.role !== "human" && open.decision !== decision)
    throw new LedgerError("effect_not_open", `It was decided before: ${open.decision}.`);
  const { attempt } = step;
  const about = { stepId: step.spec.id, ...named(step), position };
  const warned = isPaidAgain ? requireBudget(run, rules.budget, at, together([open.atMost])) : [];
  const value = resultTold(command, run, open);
  const decided: EventBody = {
    type: "effect_decided",
    version: 1,
    attempt,
    payload: { ...about, decision, reason },
  };
  if (value !== undefined) {
    const payload = { ...about, call: null, outcome: { kind: "done", value } } as const;
    return [decided, { type: "effect_settled", version: 1, attempt, payload }];
  }
  if (decision !== "fail" || !isActive(run)) return [decided, ...warned];
  const asked = { reason: "escalated", message: reason, stepId: step.spec.id } as const;
  return [decided, { type: "run_paused", version: 1, payload: asked }];
};

/** Nobody goes on with it, so the word of a person is its end: also of a run that is over, whose key others may wait for. */
const decidedAfterwards = (
  command: CommandOf<"decide_effect">,
  step: WorkedStep,
  { call, attempt }: OpenEffect,
): readonly EventBody[] => {
  const { decision, reason, value } = command;
  requireItsResult(command);
  if (decision === "fail")
    throw notOpen(
      step,
      call.position,
      "Its attempt is over: say done, skip, or rerun where it never happened.",
    );
  const about = { stepId: step.spec.id, ...named(step), position: call.position };
  const outcomes = {
    done: { kind: "done", value: value ?? NOTHING },
    skip: { kind: "skipped" },
    // Its key is free again: whoever comes with it next does it.
    rerun: { kind: "failed", error: reason, happened: false },
  } as const;
  const outcome = outcomes[decision];
  return [
    { type: "effect_decided", version: 1, attempt, payload: { ...about, decision, reason } },
    { type: "effect_settled", version: 1, attempt, payload: { ...about, call: null, outcome } },
  ];
};

const NOTHING: EffectValue = { kind: "inline", json: "null" };

const notOpenOrNone = ({ runId }: Run, step: WorkedStep, position: number): LedgerError => {
  const { spec, effects } = step;
  if (position < effects.recorded || position >= NUMBERED_BEHIND)
    return notOpen(step, position, "Only an effect that a crash left open is decided.");
  return new LedgerError("effect_not_found", `Step "${spec.id}" has no effect ${position}.`, {
    hint: `All that there are: runledger effects ${runId}`,
  });
};

const notOpen = ({ spec }: WorkedStep, position: number, hint: string): LedgerError =>
  new LedgerError("effect_not_open", `Effect ${position} of "${spec.id}" is not open.`, { hint });

/** What somebody who found out says that it answered; undefined for every other decision. */
const resultTold = (
  command: CommandOf<"decide_effect">,
  { state }: Run,
  open: OpenEffect,
): EffectValue | undefined => {
  const { value, position } = command;
  requireItsResult(command);
  if (value === undefined) return undefined;
  // Of what nobody asks about, somebody may be doing it at this moment.
  if (open.decision === "fail" && state.status === "paused") return value;
  throw new LedgerError("effect_not_open", `Nobody asks what became of effect ${position}.`, {
    hint: "A run whose worker was lost asks when it is resumed, and waits for the answer; `fail` asks again.",
  });
};

const requireItsResult = ({ decision, value }: CommandOf<"decide_effect">): void => {
  if ((decision === "done") !== (value !== undefined))
    throw new LedgerError("invalid_input", "A result belongs to an effect that is done, and to no other.", {
      hint: "Give it with the decision `done`; null where there is none.",
    });
};
