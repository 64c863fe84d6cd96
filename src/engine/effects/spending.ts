import { misfit } from "../../core/defects.js";
import { LedgerError } from "../../core/errors.js";
import * as limit from "../../core/limits.js";
import { AtMost, Spent } from "../../core/spent.js";

/** What a call of a model used; null where its provider does not say. */
export type SpentTokens = {
  /** As its provider calls it. */
  readonly model: string;
  readonly tokensIn: number | null;
  readonly tokensOut: number | null;
  /** Of `tokensIn`: read from the provider's cache, and written to it. */
  readonly cacheRead?: number | null;
  readonly cacheWrite?: number | null;
  /** Of `tokensOut`: thought, and not said. */
  readonly reasoning?: number | null;
  /** Tries before it that may have been charged, and nobody knows how much. */
  readonly uncounted?: number;
  /** What it cost, in billionths of a US dollar. */
  readonly nanoUsd?: number | null;
};

/** Throws `invalid_input` for what cannot be recorded; `told`: how many calls this effect has told of before. */
export const readSpent = (said: SpentTokens, told: number): Spent => {
  if (told >= limit.SPENT_PER_EFFECT)
    throw new LedgerError("limit_exceeded", `An effect tells of at most ${limit.SPENT_PER_EFFECT} calls.`, {
      hint: "Make each call of a model an effect of its own.",
    });
  const whole = { cacheRead: null, cacheWrite: null, reasoning: null, uncounted: 0, nanoUsd: null, ...said };
  const { success, data, error } = Spent.safeParse(whole);
  if (success) return data;
  throw misfit("what a call has used", error.issues, said);
};

/** Throws `invalid_input` for what cannot be recorded. */
export const readAtMost = (
  said: { readonly tokens: number; readonly nanoUsd?: number | null } | undefined,
): AtMost | undefined => {
  if (said === undefined) return undefined;
  const { success, data, error } = AtMost.safeParse({ nanoUsd: null, ...said });
  if (success) return data;
  throw misfit("what a call may use at most", error.issues, said);
};
