import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { digestOf } from "../../core/canonical.js";
import {
  type EffectCall,
  type EffectClass,
  type EffectOutcome,
  effectKey,
  type OnAmbiguous,
  openEffect,
  type Risk,
  requirePolicy,
  requireSameCall,
} from "../../core/effects.js";
import { LedgerError } from "../../core/errors.js";
import type { WorkedStep } from "../../core/run.js";
import type { Ledger } from "../../ledger/ledger.js";
import type { TokenOf } from "../../ledger/tokens.js";
import { findKnown } from "./known.js";
import { type AttemptName, type RecordedEffect, readRecorded } from "./recorded.js";
import { createRecorder, type EffectEntry } from "./recorder.js";
import { keepValue, readValue } from "./values.js";
import { createWaiting } from "./waiting.js";
import { createWaits } from "./waits.js";

export type EffectOptions = {
  readonly class: EffectClass;
  /** What doing it twice would harm; needed for nothing but to say so, and to choose a policy. */
  readonly risk?: Risk;
  /** For `guarded`: what to do when a crash leaves open whether it happened. */
  readonly onAmbiguous?: OnAmbiguous;
  /** Of the business, such as `order-17`: once in the whole ledger, whatever run asks. */
  readonly key?: string;
  /** What it is done with; a later life of the attempt must come with the same. */
  readonly input?: unknown;
  /** Tried again under the same key when it throws: so often, waiting that long (doubled each time). */
  readonly retry?: { readonly times: number; readonly backoffMs: number };
};

export type EffectGiven = {
  /** The same in every life of the attempt: hand it to the other side, which then takes two calls for one. */
  readonly key: string;
  readonly signal: AbortSignal;
};

type Perform<T> = (given: EffectGiven) => Promise<T> | T;

/** What an agent in this process does to the world, so that a crash neither repeats nor forgets it (seed 003). */
export interface EffectContext {
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
  /** All of them, each to its end; then the first that failed, by its place in the list. */
  all<T extends readonly unknown[] | []>(parts: T): Promise<{ -readonly [P in keyof T]: Awaited<T[P]> }>;
  /** The first that ends, the same one in each life of the attempt. Of the others nobody waits for a `sleep` or `promise`. */
  race<T>(parts: readonly Promise<T>[]): Promise<T>;
}

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
  /** Everything is on the disk when it resolves. Answers whether a person is asked before the attempt can go on, and what an agent waits for that has left. */
  readonly close: () => Promise<{ readonly waits: boolean; readonly waitsFor: readonly number[] }>;
};

export type EffectsOptions = {
  readonly ledger: Ledger;
  readonly runId: string;
  readonly step: WorkedStep;
  readonly record: (entries: readonly EffectEntry[]) => Promise<void>;
  /** What is to be done with an effect that a crash left open; `true` when a person is asked. */
  readonly decide: (position: number, decision: OnAmbiguous, reason: string) => Promise<void>;
  readonly signal: AbortSignal;
  readonly tokenOf: TokenOf;
  /** Nothing is left to do but to wait: tells the agent to end. */
  readonly leave: () => void;
};

export const openEffects = async (options: EffectsOptions): Promise<OpenedEffects> => {
  const { ledger, runId, step, record, signal } = options;
  const { attempt, candidate, spec, effects } = step;
  const of: AttemptName = {
    runId,
    stepId: spec.id,
    attempt,
    ...(candidate === undefined ? {} : { candidate }),
  };
  const recorded = await readRecorded(ledger, of, effects);
  const recorder = createRecorder(record);
  let next = 0;
  let waits = false;
  const askPerson = (): void => {
    waits = true;
  };
  const calls: Calls = { options, of, recorded, recorder, askPerson };
  const waiting = createWaits({ ledger, of, signal, flush: recorder.flush, leave: options.leave });
  // Taken before anything is waited for: who is called first is first, whoever ends first.
  const take = (): number => {
    next += 1;
    return next - 1;
  };
  const effectAt = (
    position: number,
    name: string,
    said: EffectOptions,
    perform: Perform<unknown>,
  ): Promise<unknown> =>
    waiting.busy(async () => {
      const call = callOf(position, name, said);
      requirePolicy(call);
      waiting.requireHere();
      const before = recorded.get(call.position);
      if (before !== undefined) requireSameCall(before.call, call);
      const outcome = before?.outcome ?? (await live(calls, call, said, perform, before !== undefined));
      return resultOf(ledger, call, outcome);
    });
  const effect = (name: string, said: EffectOptions, perform: Perform<unknown>): Promise<unknown> =>
    effectAt(take(), name, said, perform);
  const recordedValue = <T>(name: string, make: () => T): Promise<T> =>
    effect(name, { class: "pure" }, make) as Promise<T>;
  return {
    context: {
      effect: effect as EffectContext["effect"],
      now: () => recordedValue("now", () => Date.parse(ledger.now())),
      random: () => recordedValue("random", () => Math.random()),
      uuid: () => recordedValue("uuid", () => randomUUID()),
      ...createWaiting({ ...options, of, recorded, recorder, waits: waiting, take, effectAt }),
    },
    close: async () => {
      const waitsFor = waiting.close();
      await recorder.flush();
      return { waits, waitsFor };
    },
  };
};

type Calls = {
  readonly options: EffectsOptions;
  readonly of: AttemptName;
  readonly recorded: ReadonlyMap<number, RecordedEffect>;
  readonly recorder: ReturnType<typeof createRecorder>;
  readonly askPerson: () => void;
};

const callOf = (position: number, name: string, said: EffectOptions): EffectCall => ({
  position,
  name,
  class: said.class,
  risk: said.risk ?? "none",
  onAmbiguous: said.onAmbiguous ?? null,
  key: said.key ?? null,
  input: said.input === undefined ? null : digestOf(said.input),
});

/** Not settled in an earlier life: it happens now, unless it may have happened then. */
const live = async (
  calls: Calls,
  call: EffectCall,
  said: EffectOptions,
  perform: Perform<unknown>,
  isOpen: boolean,
): Promise<EffectOutcome> => {
  const { recorder } = calls;
  if (isOpen && call.class === "guarded" && (await decisionOn(calls, call)) === "skip") {
    recorder.settle(call, { kind: "skipped" });
    return { kind: "skipped" };
  }
  const known = isOpen ? undefined : await findKnown(calls.options.ledger, call);
  if (known !== undefined) {
    recorder.settle(call, { kind: "known", origin: known.origin });
    return known.outcome;
  }
  if (!isOpen && (call.class === "guarded" || call.key !== null)) await recorder.intend(call);
  const outcome = await performed(calls, call, said, perform);
  recorder.settle(call, outcome);
  return outcome;
};

/** Decided once: what was decided after the first crash holds after the next. */
const decisionOn = async (calls: Calls, call: EffectCall): Promise<OnAmbiguous> => {
  const { step, decide } = calls.options;
  const decided = openEffect(step.effects, call.position)?.decision ?? null;
  const decision = decided ?? call.onAmbiguous ?? "fail";
  const words = `Effect ${call.position} "${call.name}" had begun when its worker was lost; whether it happened is not known.`;
  if (decided === null || decision === "fail") await decide(call.position, decision, words);
  if (decision !== "fail") return decision;
  calls.askPerson();
  throw new LedgerError("effect_ambiguous", words, { hint: "A person decides, then the run is resumed." });
};

const performed = async (
  { options, of }: Calls,
  call: EffectCall,
  { retry = { times: 0, backoffMs: 0 } }: EffectOptions,
  perform: Perform<unknown>,
): Promise<EffectOutcome> => {
  const { ledger, signal } = options;
  const given = { key: effectKey(call, of), signal };
  const failed = (error: unknown): EffectOutcome => ({
    kind: "failed",
    error: ledger.redactor.text(error instanceof Error ? error.message : String(error)),
  });
  for (let tried = 0; ; tried += 1) {
    let value: unknown;
    try {
      value = await perform(given);
    } catch (error) {
      // What was cut off is not over: the next life finds it open.
      signal.throwIfAborted();
      if (tried >= retry.times) return failed(error);
      await delay(retry.backoffMs * 2 ** tried, undefined, { signal });
      continue;
    }
    // It has happened: that its result cannot be kept is no reason to do it again.
    return keepValue(ledger, call.name, value).then(
      (kept) => ({ kind: "done", value: kept }) as const,
      failed,
    );
  }
};

const resultOf = async (ledger: Ledger, call: EffectCall, outcome: EffectOutcome): Promise<unknown> => {
  switch (outcome.kind) {
    case "done":
      return readValue(ledger.store, call.name, outcome.value);
    case "failed":
      throw new LedgerError("effect_failed", outcome.error);
    case "skipped":
      return undefined;
    case "known": {
      const known = await findKnown(ledger, call);
      return known === undefined ? undefined : resultOf(ledger, call, known.outcome);
    }
  }
};
