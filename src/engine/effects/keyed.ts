import {
  type EffectCall,
  type EffectOutcome,
  effectKey,
  type OnAmbiguous,
  type PaidAmbiguous,
  policyWhenSilent,
  requirePolicy,
  requireSameCall,
} from "../../core/effects.js";
import type { Calls } from "./calls.js";
import { resultOf } from "./known.js";
import type { RecordedEffect } from "./recorded.js";
import { keptOutcome } from "./values.js";

/** An effect of a program, which names it by its key: the order of its calls is not ours. */
export type KeyedCall = Omit<EffectCall, "position" | "key"> & { readonly key: string };

export type KeyedAnswer = {
  readonly status: "done" | "skipped";
  /** Through JSON and without secrets; null when it was skipped. */
  readonly value: unknown;
};

/** Whoever holds it does the effect, and nobody else does until he has told how it ended or is gone. */
export type HeldEffect = {
  /** For the other side, which then takes two calls for one. */
  readonly key: string;
  /** On the disk when they resolve. */
  done(value: unknown): Promise<KeyedAnswer>;
  failed(error: string): Promise<void>;
  /** He is gone, and nobody knows whether it happened. Does nothing after an end. */
  lost(): void;
};

export interface KeyedEffects {
  /**
   * What came of it, or the right to do it now. One that failed may be tried again; while somebody else does it, it is waited
   * for. Rejects with `effect_ambiguous` when nobody knows whether it happened and a person is asked.
   */
  begin(said: KeyedCall): Promise<KeyedAnswer | HeldEffect>;
}

type Parts = {
  readonly calls: Calls;
  readonly recorded: ReadonlyMap<number, RecordedEffect>;
  /** The end of the attempt waits for it; rejects when that has come. */
  readonly underWay: <T>(name: string, work: () => Promise<T>) => Promise<T>;
};

export const keyedEffects = ({ calls, recorded, underWay }: Parts): KeyedEffects => {
  const { ledger, paidAmbiguous } = calls.options;
  const latest = new Map<string, RecordedEffect>();
  for (const one of recorded.values()) if (one.call.key !== null) latest.set(one.call.key, one);
  const held = new Map<string, Promise<void>>();
  let next = Math.max(-1, ...recorded.keys()) + 1;

  const end = async (call: EffectCall & { key: string }, outcome: EffectOutcome): Promise<void> => {
    calls.settle(call, outcome);
    latest.set(call.key, { call, outcome });
    await calls.recorder.flush();
  };
  const answer = async (call: EffectCall, outcome: EffectOutcome): Promise<KeyedAnswer> => {
    const value = (await resultOf(ledger, calls.of.runId, call, outcome)) ?? null;
    return { status: outcome.kind === "skipped" ? "skipped" : "done", value };
  };
  const hold = (call: EffectCall & { key: string }, release: () => void): HeldEffect => {
    let isEnding = false;
    const ending = async (outcome: EffectOutcome): Promise<void> => {
      isEnding = true;
      await end(call, outcome).finally(release);
    };
    return {
      key: effectKey(call, calls.of),
      done: (value) =>
        underWay(call.name, async () => {
          isEnding = true;
          const outcome = await keptOutcome(ledger, { runId: calls.of.runId, name: call.name }, value);
          await ending(outcome);
          return answer(call, outcome);
        }),
      failed: (error) =>
        underWay(call.name, () =>
          ending({ kind: "failed", error: ledger.redactor.text(error), happened: false }),
        ),
      lost: () => {
        if (!isEnding) release();
      },
    };
  };
  const enter = async (said: KeyedCall, release: () => void): Promise<KeyedAnswer | HeldEffect> => {
    const before = latest.get(said.key);
    // Its key was given back, so it is another call.
    const again = before === undefined || isFree(before) ? undefined : before;
    const call = { ...said, position: again?.call.position ?? next };
    if (again === undefined) next += 1;
    else requireSameCall(again.call, call);
    if (again?.outcome) return answer(call, again.outcome);
    const known = await calls.enter(call, again !== undefined);
    latest.set(said.key, { call, outcome: known ?? null });
    return known === undefined ? hold(call, release) : answer(call, known);
  };
  const begin = async (said: KeyedCall): Promise<KeyedAnswer | HeldEffect> => {
    const { free, release } = turn();
    held.set(said.key, free);
    const leave = (): void => {
      if (held.get(said.key) === free) held.delete(said.key);
      release();
    };
    try {
      const entered = await enter(said, leave);
      if ("status" in entered) leave();
      return entered;
    } catch (error) {
      leave();
      throw error;
    }
  };
  return {
    begin: async (given) => {
      const said = { ...given, onAmbiguous: given.onAmbiguous ?? policyOfPaid(given, paidAmbiguous) };
      requirePolicy({ ...said, position: 0 });
      while (held.has(said.key)) await held.get(said.key);
      return underWay(said.name, () => begin(said));
    },
  };
};

/** A program that names no risk has not said "none", so only of a paid effect the settings say what it leaves out. */
const policyOfPaid = ({ class: kind, risk }: KeyedCall, paid: PaidAmbiguous): OnAmbiguous | null =>
  kind === "guarded" && risk === "paid" ? policyWhenSilent(risk, paid) : null;

/** It certainly did not happen, and may be tried again. */
const isFree = ({ outcome }: RecordedEffect): boolean => outcome?.kind === "failed" && !outcome.happened;

const turn = (): { readonly free: Promise<void>; readonly release: () => void } => {
  let release = (): void => undefined;
  const free = new Promise<void>((resolve) => {
    release = resolve;
  });
  return { free, release: () => release() };
};
