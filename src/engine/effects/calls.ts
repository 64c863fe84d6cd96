import {
  type EffectCall,
  type EffectClass,
  type EffectDecision,
  type EffectOutcome,
  type Effects,
  openEffect,
  type PaidAmbiguous,
} from "../../core/effects.js";
import { isLedgerError, LedgerError } from "../../core/errors.js";
import { workedStep } from "../../core/race.js";
import { findStep, type WorkedStep } from "../../core/run.js";
import type { AtMost, Spent } from "../../core/spent.js";
import type { Ledger } from "../../ledger/ledger.js";
import type { TokenOf } from "../../ledger/tokens.js";
import type { NewChild } from "../children.js";
import { broughtTo, endedElsewhere, findKnown, isKeyFree, type KnownEffect } from "./known.js";
import { type AttemptName, isEffect, type RecordedEffect, readRecorded } from "./recorded.js";
import { createRecorder, type EffectEntry, type Recorder } from "./recorder.js";
import type { AttemptCheckpoints } from "./turns.js";

export type EffectsOptions = {
  readonly ledger: Ledger;
  readonly runId: string;
  readonly step: WorkedStep;
  readonly record: (entries: readonly EffectEntry[]) => Promise<void>;
  /** What is to be done with an effect that was left open. */
  readonly decide: (position: number, decision: EffectDecision, reason: string) => Promise<void>;
  /** What holds for paid effects of functions that do not say it. */
  readonly paidAmbiguous: PaidAmbiguous;
  /** How long an effect may still take when its agent has ended without waiting for it. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly tokenOf: TokenOf;
  /** Makes the run that an attempt is recorded to have started, or finds it made. */
  readonly startChild: (child: NewChild) => Promise<void>;
  /** Numbers of calls begin here; 0 where it is not given. */
  readonly numberedFrom?: number;
  /** Nothing is left to do but to wait: tells the agent to end. */
  readonly leave: () => void;
  readonly checkpoints: AttemptCheckpoints;
  /** A checkpoint is taken before an effect of these classes happens that did not happen before. */
  readonly before: { readonly classes: readonly EffectClass[]; readonly sign: () => Promise<void> };
};

/** The calls of one attempt as they begin and end, whoever numbers them. */
export interface Calls {
  readonly options: EffectsOptions;
  readonly of: AttemptName;
  readonly recorder: Recorder;
  /** Positions of effects that a person is asked about. */
  readonly asked: ReadonlySet<number>;
  /**
   * On its way: what came of it when that is known already, and undefined when it is to be performed now. `isOpen`: it had
   * begun before. Rejects with `effect_ambiguous` when a person is asked.
   */
  enter(call: EffectCall, isOpen: boolean, atMost?: AtMost): Promise<EffectOutcome | undefined>;
  settle(call: EffectCall, outcome: EffectOutcome, spent?: readonly Spent[]): void;
  /** Nobody is left who could tell how those that are open ended. */
  decideOpen(): Promise<void>;
}

type Parts = Pick<Calls, "options" | "of"> & { readonly recorded: ReadonlyMap<number, RecordedEffect> };

export const openCalls = ({ options, of, recorded }: Parts): Calls => {
  const recorder = createRecorder(options.record);
  const asked = new Set<number>();
  const open = new Map<number, EffectCall>();
  for (const { call, outcome } of recorded.values())
    if (outcome === null && isEffect(call)) open.set(call.position, call);
  const settle: Calls["settle"] = (call, outcome, spent = []) => {
    open.delete(call.position);
    recorder.settle(call, outcome, spent);
  };
  const intend = async (call: EffectCall, atMost: AtMost | undefined): Promise<void> => {
    await recorder.intend(call, atMost);
    open.set(call.position, call);
  };
  const decisionOn = async (call: EffectCall, isDoneNow: boolean): Promise<EffectDecision> => {
    const { decision, isNew } = await decided(options, call);
    const words = `Whether effect ${call.position} "${call.name}" happened is not known: whoever did it was lost on the way.`;
    // Done again, it is paid for again: each time that is checked and counted.
    const isPaidAgain = isDoneNow && decision === "rerun" && call.risk === "paid";
    if (isNew || isPaidAgain || decision === "fail") await options.decide(call.position, decision, words);
    asked.delete(call.position);
    if (decision !== "fail") return decision;
    asked.add(call.position);
    throw new LedgerError("effect_ambiguous", words, { hint: "A person decides, then the run is resumed." });
  };
  /** What a person has said of it since this life began. */
  const told = async (call: EffectCall): Promise<EffectOutcome | undefined> => {
    const effects = await effectsOf(options);
    if (effects === undefined || openEffect(effects, call.position) !== undefined) return undefined;
    const outcome = (await readRecorded(options.ledger, of, effects)).get(call.position)?.outcome;
    if (!outcome) return undefined;
    open.delete(call.position);
    asked.delete(call.position);
    return outcome;
  };
  const learned = async (
    call: EffectCall,
    known: KnownEffect | undefined,
  ): Promise<EffectOutcome | undefined> => {
    if (known === undefined) return undefined;
    const outcome = await broughtTo(options.ledger, options.runId, known);
    settle(call, { kind: "known", origin: known.origin, outcome });
    return outcome;
  };
  const answered = async (call: EffectCall): Promise<EffectOutcome | undefined> =>
    learned(call, await findKnown(options.ledger, call));
  const reenter = async (call: EffectCall, atMost?: AtMost): Promise<EffectOutcome | undefined> => {
    const ended = (await told(call)) ?? (await learned(call, await endedElsewhere(options.ledger, of, call)));
    if (ended !== undefined) return ended;
    if (call.class !== "guarded" || (await decisionOn(call, true)) === "rerun")
      return (await isKeyFree(options.ledger, call)) ? begin(call, atMost) : undefined;
    settle(call, { kind: "skipped" });
    return { kind: "skipped" };
  };
  const enter: Calls["enter"] = async (call, isOpen, atMost) => {
    if (isOpen) return unlessAnswered(() => reenter(call, atMost));
    const known = await answered(call);
    if (known !== undefined) return known;
    if (options.before.classes.includes(call.class)) {
      // What settled before it belongs into the checkpoint; for all others it waits for the next intent.
      await recorder.flush();
      await options.before.sign();
    }
    return call.class !== "guarded" && call.key === null ? undefined : begin(call, atMost);
  };
  const begin = async (call: EffectCall, atMost: AtMost | undefined): Promise<EffectOutcome | undefined> => {
    try {
      await intend(call, atMost);
      return undefined;
    } catch (error) {
      // Somebody else took its key since: what came of theirs is what this one gets.
      const theirs = isLedgerError(error, "effect_key_used") ? await answered(call) : undefined;
      if (theirs === undefined) throw error;
      return theirs;
    }
  };
  const decideOpen: Calls["decideOpen"] = async () => {
    for (const call of open.values()) {
      if (call.class !== "guarded" || asked.has(call.position)) continue;
      await unlessAnswered(async () => {
        if ((await told(call)) !== undefined) return;
        const decision = await decisionOn(call, false).catch(unlessAsked);
        if (decision === "skip") settle(call, { kind: "skipped" });
      });
    }
  };
  return { options, of, recorder, asked, enter, settle, decideOpen };
};

/** Decided once: what was decided when it was first found open holds from then on. */
const decided = async (
  options: EffectsOptions,
  call: EffectCall,
): Promise<{ readonly decision: EffectDecision; readonly isNew: boolean }> => {
  const effects = await effectsOf(options);
  const open = effects && openEffect(effects, call.position);
  const before = open?.decision ?? null;
  // As it was said when it began: settings and agents may have changed since.
  const said = (open?.call ?? call).onAmbiguous;
  return { decision: before ?? said ?? "fail", isNew: before === null };
};

/** As they stand now. */
const effectsOf = async ({ ledger, runId, step }: EffectsOptions): Promise<Effects | undefined> => {
  const found = findStep(await ledger.load(runId), step.spec.id);
  return found && workedStep(found, step.candidate).effects;
};

/** A person may answer between our look and our word: then we look once more. */
const unlessAnswered = <T>(work: () => Promise<T>): Promise<T> =>
  work().catch((error: unknown) => {
    if (!isLedgerError(error, "effect_not_open")) throw error;
    return work();
  });

const unlessAsked = (error: unknown): undefined => {
  if (!isLedgerError(error, "effect_ambiguous")) throw error;
};
