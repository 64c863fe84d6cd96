import {
  type EffectCall,
  type EffectDecision,
  type EffectOutcome,
  openEffect,
  type PaidAmbiguous,
} from "../../core/effects.js";
import { isLedgerError, LedgerError } from "../../core/errors.js";
import { workedStep } from "../../core/race.js";
import { findStep, type WorkedStep } from "../../core/run.js";
import type { Ledger } from "../../ledger/ledger.js";
import type { TokenOf } from "../../ledger/tokens.js";
import { findKnown } from "./known.js";
import { type AttemptName, isEffect, type RecordedEffect } from "./recorded.js";
import { createRecorder, type EffectEntry, type Recorder } from "./recorder.js";

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
  /** Nothing is left to do but to wait: tells the agent to end. */
  readonly leave: () => void;
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
  enter(call: EffectCall, isOpen: boolean): Promise<EffectOutcome | undefined>;
  settle(call: EffectCall, outcome: EffectOutcome): void;
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
  const settle = (call: EffectCall, outcome: EffectOutcome): void => {
    open.delete(call.position);
    recorder.settle(call, outcome);
  };
  const intend = async (call: EffectCall): Promise<void> => {
    await recorder.intend(call);
    open.set(call.position, call);
  };
  const decisionOn = async (call: EffectCall): Promise<EffectDecision> => {
    const { decision, isNew } = await decided(options, call);
    const words = `Whether effect ${call.position} "${call.name}" happened is not known: whoever did it was lost on the way.`;
    if (isNew || decision === "fail") await options.decide(call.position, decision, words);
    asked.delete(call.position);
    if (decision !== "fail") return decision;
    asked.add(call.position);
    throw new LedgerError("effect_ambiguous", words, { hint: "A person decides, then the run is resumed." });
  };
  const answered = async (call: EffectCall): Promise<EffectOutcome | undefined> => {
    const known = await findKnown(options.ledger, call);
    if (known === undefined) return undefined;
    settle(call, { kind: "known", origin: known.origin });
    return known.outcome;
  };
  const enter: Calls["enter"] = async (call, isOpen) => {
    if (isOpen) {
      if (call.class !== "guarded" || (await decisionOn(call)) === "rerun") return undefined;
      settle(call, { kind: "skipped" });
      return { kind: "skipped" };
    }
    const known = await answered(call);
    if (known !== undefined || (call.class !== "guarded" && call.key === null)) return known;
    try {
      await intend(call);
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
      const decision = await decisionOn(call).catch(unlessAsked);
      if (decision === "skip") settle(call, { kind: "skipped" });
    }
  };
  return { options, of, recorder, asked, enter, settle, decideOpen };
};

/** Decided once: what was decided when it was first found open holds from then on. */
const decided = async (
  { ledger, runId, step: { spec, candidate } }: EffectsOptions,
  call: EffectCall,
): Promise<{ readonly decision: EffectDecision; readonly isNew: boolean }> => {
  const step = findStep(await ledger.load(runId), spec.id);
  const open = step && openEffect(workedStep(step, candidate).effects, call.position);
  const before = open?.decision ?? null;
  // As it was said when it began: settings and agents may have changed since.
  const said = (open?.call ?? call).onAmbiguous;
  return { decision: before ?? said ?? "fail", isNew: before === null };
};

const unlessAsked = (error: unknown): undefined => {
  if (!isLedgerError(error, "effect_ambiguous")) throw error;
};
