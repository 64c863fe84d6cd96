import type { Caller } from "../../core/commands.js";
import { requireRole } from "../../core/decide/guards.js";
import { type EffectDecision, openEffect } from "../../core/effects.js";
import { named, workedStep } from "../../core/race.js";
import { findStep, type Run } from "../../core/run.js";
import type { Ledger, SubmitOptions } from "../../ledger/ledger.js";
import { keepValue } from "./values.js";

/** What a person says of an effect that a crash left open. */
export type EffectAnswer = {
  readonly stepId: string;
  readonly position: number;
  readonly decision: EffectDecision;
  readonly reason: string;
  /** The attempt that was looked at; the last one when not given. */
  readonly attempt?: number;
  /** Of a raced step. */
  readonly candidate?: number;
  /** Of one that is done: what it answered, as JSON has it; null where it answered nothing. */
  readonly value?: unknown;
};

/** Throws `effect_not_open` for one that is settled, `effect_not_found` for one that was never begun. */
export const answerEffect = async (
  ledger: Ledger,
  caller: Caller,
  runId: string,
  answer: EffectAnswer,
  options: Pick<SubmitOptions, "idempotencyKey"> = {},
): Promise<Run> => {
  const { stepId, position, decision, reason, candidate, value } = answer;
  // Nothing is kept for who may not say it.
  if (value !== undefined) requireRole(ledger.check(caller), "say what became of an effect", "human");
  const step = findStep(await ledger.load(runId), stepId);
  const call = step && openEffect(workedStep(step, candidate).effects, position)?.call;
  const of = { runId, name: call?.name ?? `${position}` };
  const kept = value === undefined ? {} : { value: await keepValue(ledger, of, value) };
  const attempt = answer.attempt ?? step?.attempt ?? 0;
  const which = { stepId, ...named({ candidate }), attempt, position };
  const command = { type: "decide_effect", ...which, decision, reason, ...kept } as const;
  return (await ledger.submit(runId, command, caller, options)).run;
};
