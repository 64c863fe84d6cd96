import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { digestOf } from "../../core/canonical.js";
import {
  type EffectCall,
  type EffectClass,
  type EffectOutcome,
  effectKey,
  type OnAmbiguous,
  policyWhenSilent,
  type Risk,
  requirePolicy,
  requireSameCall,
} from "../../core/effects.js";
import { LedgerError } from "../../core/errors.js";
import { named } from "../../core/race.js";
import type { Spent } from "../../core/spent.js";
import { underEither } from "../../pev/under-either.js";
import { type Calls, type EffectsOptions, openCalls } from "./calls.js";
import { type KeyedEffects, keyedEffects } from "./keyed.js";
import { resultOf } from "./known.js";
import { createNumbers, Lost } from "./numbers.js";
import type { Racing } from "./racing.js";
import {
  type AttemptName,
  type ChildResult,
  leftOpen,
  type RecordedEffect,
  readRecorded,
} from "./recorded.js";
import { readAtMost, readSpent, type SpentTokens } from "./spending.js";
import { createTurns, type Turns } from "./turns.js";
import { failedWith, type InlineValue, inlineValue, keptOutcome } from "./values.js";
import { createWaiting } from "./waiting.js";
import { createWaits, type Waits } from "./waits.js";

export type EffectOptions = {
  readonly class: EffectClass;
  /** What doing it twice would harm. */
  readonly risk?: Risk;
  /** For `guarded`: what to do when a crash leaves open whether it happened. May be left out at risk `none` and `paid`. */
  readonly onAmbiguous?: OnAmbiguous;
  /** Of the business, such as `order-17`: once in the whole ledger, whatever run asks. */
  readonly key?: string;
  /** What it is done with; a later life of the attempt must come with the same. */
  readonly input?: unknown;
  /** Of a `paid` one: what it may use at most. Where the run has a budget of that sort, one that does not say it is refused. */
  readonly atMost?: { readonly tokens: number; readonly nanoUsd?: number | null };
  /**
   * Tried again under the same key when it throws: so often, waiting that long (doubled each time). An error that bears
   * `retryable: false` ends it at once.
   */
  readonly retry?: { readonly times: number; readonly backoffMs: number };
};

export type EffectGiven = {
  /** The same in every life of the attempt: hand it to the other side, which then takes two calls for one. */
  readonly key: string;
  readonly signal: AbortSignal;
  /** What a call of a model used: recorded with the effect's end, whether it is done or fails, and counted once. */
  readonly spend: (spent: SpentTokens) => void;
};

type Perform<T> = (given: EffectGiven) => Promise<T> | T;

/** What an agent in this process does to the world, so that a crash neither repeats nor forgets it (seed 003). */
export interface EffectContext extends Turns {
  /**
   * Does it once: a later life of the attempt gets what was recorded, through JSON, and nothing runs. Rejects with
   * `effect_failed` for one that threw, now and in each later life.
   */
  effect<T>(
    name: string,
    options: EffectOptions & { onAmbiguous: "skip" },
    perform: Perform<T>,
  ): Promise<T | undefined>;
  effect<T>(name: string, options: EffectOptions, perform: Perform<T>): Promise<T>;
  /** Milliseconds since 1970, the same in each life of the attempt. */
  now(): Promise<number>;
  /** From 0 up to 1, the same in each life of the attempt. */
  random(): Promise<number>;
  uuid(): Promise<string>;
  /**
   * Until so long after the first life of the attempt came here: `"1h30m"`, or milliseconds. When there is nothing else to
   * do, the agent is told to end and called again when it is due; nothing is held meanwhile.
   */
  sleep(duration: string | number): Promise<void>;
  /** Until somebody outside resolves it, in the same way. Rejects with `effect_failed` when they reject it. */
  promise<T = unknown>(name: string, options?: PromiseOptions): Promise<T>;
  /**
   * Starts a run of this plan, once whatever crashes, and waits for its end in the same way; a run that failed is an answer
   * too. It works beside this one, from the commit at which the attempt began; what it makes stays in it.
   */
  child(name: string, plan: unknown, options?: ChildOptions): Promise<ChildResult>;
  /** All of them, each to its end; then the first that failed, by its place in the list. */
  all<T extends readonly unknown[] | []>(parts: T): Promise<{ -readonly [P in keyof T]: Awaited<T[P]> }>;
  /**
   * The first that ends, the same one in each life of the attempt. Functions are called for it: what one of them began that has
   * lost nobody waits for, its waits and further calls reject, and a later life calls it again only to end an effect that was left
   * open. Of promises that have lost nobody waits for a `sleep`, `promise` or `child`.
   */
  race<T>(parts: readonly Racing<T>[]): Promise<T>;
}

export type ChildOptions = {
  /** In whose words it was asked for; the plan's goal when not given. */
  readonly request?: string;
};

export type PromiseOptions = {
  /** Hands the token to who is to resolve it: a guarded effect, done again with the same token when a crash leaves it open. */
  readonly deliver?: (given: PromiseGiven) => Promise<unknown> | unknown;
  readonly onAmbiguous?: OnAmbiguous;
};

export type PromiseGiven = {
  readonly runId: string;
  /** Which of the run's promises it is. */
  readonly id: string;
  /** Whoever has it can resolve the promise: for nobody that works on the run. */
  readonly token: string;
};

export type OpenedEffects = {
  readonly context: EffectContext;
  /** For programs, whose order of calls is not ours. */
  readonly keyed: KeyedEffects;
  /** All that has settled is on the disk when it resolves; rejects with what kept it from there. */
  readonly flush: () => Promise<void>;
  /**
   * The agent has ended: what it began and did not end is waited for, and what is then still open is decided as after a crash.
   * Everything is on the disk when it resolves. Answers whether a person is asked before the attempt can go on, and what an
   * agent waits for that has left.
   */
  readonly close: (ended: {
    readonly isStopped: boolean;
  }) => Promise<{ readonly waits: boolean; readonly waitsFor: readonly number[] }>;
};

export const openEffects = async (options: EffectsOptions): Promise<OpenedEffects> => {
  const { ledger, runId, step, signal } = options;
  const { attempt, spec, effects } = step;
  const of: AttemptName = { runId, stepId: spec.id, attempt, ...named(step) };
  const recorded = await readRecorded(ledger, of, effects);
  const calls = openCalls({ options, of, recorded });
  const inFlight = new Set<Promise<unknown>>();
  const numbers = createNumbers(leftOpen(recorded));
  numbers.goOnAt(options.numberedFrom ?? 0);
  let isClosed = false;
  const waiting = createWaits({ ledger, of, signal, flush: calls.recorder.flush, leave: options.leave });
  const underWay = <T>(name: string, work: () => Promise<T>): Promise<T> => {
    if (isClosed) return Promise.reject(hasEnded(name));
    const done = work();
    inFlight.add(done);
    const forget = (): void => void inFlight.delete(done);
    done.then(forget, forget);
    return done;
  };
  const effectAt = (
    position: number,
    name: string,
    said: EffectOptions,
    perform: Perform<unknown>,
  ): Promise<unknown> => {
    const work = async (): Promise<unknown> => {
      const call = callOf(position, name, said, options.paidAmbiguous);
      const before = recorded.get(position);
      requireMade(waiting, call, before);
      if (before === undefined && numbers.hasLost()) throw new Lost();
      const outcome = before?.outcome ?? (await live(calls, call, said, perform, before !== undefined));
      return resultOf(ledger, options.runId, call, outcome);
    };
    return underWay(name, () => waiting.busy(work)).finally(() => numbers.ended(position));
  };
  const effect = (name: string, said: EffectOptions, perform: Perform<unknown>): Promise<unknown> =>
    numbers.call(() => {
      const position = numbers.take();
      const before = isClosed ? undefined : recorded.get(position);
      const value = inlineOf(before);
      if (value === undefined) return effectAt(position, name, said, perform);
      // At once: when a run goes on, thousands of these come one after the other.
      requireMade(waiting, callOf(position, name, said, options.paidAmbiguous), before);
      waiting.moved();
      return Promise.resolve(inlineValue(name, value));
    });
  const turns = createTurns({
    checkpoints: options.checkpoints,
    redactor: ledger.redactor,
    waits: waiting,
    flush: calls.recorder.flush,
    numbers,
    underWay,
  });
  const recordedValue = <T>(name: string, make: () => T): Promise<T> =>
    effect(name, { class: "pure" }, make) as Promise<T>;
  return {
    context: {
      effect: effect as EffectContext["effect"],
      now: () => recordedValue("now", () => Date.parse(ledger.now())),
      random: () => recordedValue("random", () => Math.random()),
      uuid: () => recordedValue("uuid", () => randomUUID()),
      ...createWaiting({ calls, recorded, waits: waiting, numbers, effectAt, underWay }),
      ...turns,
    },
    keyed: keyedEffects({ calls, recorded, underWay }),
    flush: calls.recorder.flush,
    close: async ({ isStopped }) => {
      // First of all: who has ended does not leave any more, whatever goes on beside it.
      const waitsFor = waiting.close();
      if (!isStopped)
        await underEither([signal, AbortSignal.timeout(options.timeoutMs)], (either) =>
          settledOr(inFlight, either),
        );
      isClosed = true;
      if (!isStopped && !signal.aborted) await calls.decideOpen();
      await calls.recorder.flush();
      return { waits: calls.asked.size > 0, waitsFor };
    },
  };
};

const hasEnded = (name: string): LedgerError =>
  new LedgerError("step_not_in_progress", `Effect "${name}" comes after the end of its attempt.`, {
    hint: "Wait for every effect before the agent returns.",
  });

const settledOr = (inFlight: ReadonlySet<Promise<unknown>>, signal: AbortSignal): Promise<unknown> =>
  Promise.race([
    Promise.allSettled(inFlight),
    new Promise((resolve) =>
      signal.aborted ? resolve(undefined) : signal.addEventListener("abort", resolve, { once: true }),
    ),
  ]);

const callOf = (
  position: number,
  name: string,
  said: EffectOptions,
  paid: EffectsOptions["paidAmbiguous"],
): EffectCall => ({
  position,
  name,
  class: said.class,
  risk: said.risk ?? "none",
  onAmbiguous: said.onAmbiguous ?? (said.class === "guarded" ? policyWhenSilent(said.risk, paid) : null),
  key: said.key ?? null,
  input: said.input === undefined ? null : digestOf(said.input),
});

/** That it may be made, here and now; where it was made before, that it is the same. */
const requireMade = (waiting: Waits, call: EffectCall, before: RecordedEffect | undefined): void => {
  requirePolicy(call);
  waiting.requireHere();
  if (before !== undefined) requireSameCall(before.call, call);
};

/** What stands in its event, of one that is done. */
const inlineOf = (before: RecordedEffect | undefined): InlineValue | undefined =>
  before?.outcome?.kind === "done" && before.outcome.value.kind === "inline"
    ? before.outcome.value
    : undefined;

/** Not settled in an earlier life: it happens now, unless it may have happened then. */
const live = async (
  calls: Calls,
  call: EffectCall,
  said: EffectOptions,
  perform: Perform<unknown>,
  isOpen: boolean,
): Promise<EffectOutcome> => {
  const known = await calls.enter(call, isOpen, readAtMost(said.atMost));
  if (known !== undefined) return known;
  const { outcome, spent } = await performed(calls, call, said, perform);
  calls.settle(call, outcome, spent);
  return outcome;
};

/** Trying again would fail in the same way, as whoever threw it says: `retryable`, or as providers of models call it. */
const isFinal = (error: unknown): boolean => {
  if (typeof error !== "object" || error === null) return false;
  const { retryable, isRetryable } = error as {
    readonly retryable?: unknown;
    readonly isRetryable?: unknown;
  };
  return retryable === false || isRetryable === false;
};

const performed = async (
  { options, of }: Calls,
  call: EffectCall,
  { retry = { times: 0, backoffMs: 0 } }: EffectOptions,
  perform: Perform<unknown>,
): Promise<{ readonly outcome: EffectOutcome; readonly spent: readonly Spent[] }> => {
  const { ledger, signal } = options;
  const spent: Spent[] = [];
  const given: EffectGiven = {
    // A digest, which most never ask for.
    get key() {
      return effectKey(call, of);
    },
    signal,
    spend: (told) => void spent.push(readSpent(told, spent.length)),
  };
  for (let tried = 0; ; tried += 1) {
    let value: unknown;
    try {
      value = await perform(given);
    } catch (error) {
      // What was cut off is not over: the next life finds it open.
      signal.throwIfAborted();
      if (tried >= retry.times || isFinal(error))
        return { outcome: failedWith(ledger.redactor, error, false), spent };
      await delay(retry.backoffMs * 2 ** tried, undefined, { signal });
      continue;
    }
    return { outcome: await keptOutcome(ledger, { runId: options.runId, name: call.name }, value), spent };
  }
};
