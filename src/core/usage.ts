import * as z from "zod";
import { type Effects, openEffect } from "./effects.js";
import type { JournalEvent } from "./events.js";
import { isOfLeft } from "./left-effects.js";
import { named, workedStep, workedSteps } from "./race.js";
import { findStep, type Run } from "./run.js";
import { naturalInt } from "./shapes.js";
import type { AtMost, Spent } from "./spent.js";

/** What was spent, added up. A call of which nobody knows the tokens is counted as that, and never as nothing. */
export const Usage = z.strictObject({
  /** Answers and refusals that were recorded. */
  calls: naturalInt,
  tokensIn: naturalInt,
  /** Of `tokensIn`, as far as providers tell. */
  cacheRead: naturalInt,
  cacheWrite: naturalInt,
  tokensOut: naturalInt,
  /** Of `tokensOut`, as far as providers tell. */
  reasoning: naturalInt,
  /** Tries that may have been charged, and nobody knows how much: cut off, not counted by the provider, or under way. */
  uncounted: naturalInt,
  /** What those may have used at most, as far as that was said before they were made. */
  uncountedTokens: naturalInt,
  uncountedNanoUsd: naturalInt,
  /** Billionths of a US dollar, of the calls that have a price. */
  nanoUsd: naturalInt,
  /** Counted calls that have none. */
  unpriced: naturalInt,
});
export type Usage = Readonly<z.infer<typeof Usage>>;

/** Of one attempt, or of one candidate's part in it. */
export type Spending = {
  readonly stepId: string;
  readonly attempt: number;
  readonly candidate?: number;
  readonly usage: Usage;
};

const noUsage: Usage = {
  calls: 0,
  tokensIn: 0,
  cacheRead: 0,
  cacheWrite: 0,
  tokensOut: 0,
  reasoning: 0,
  uncounted: 0,
  uncountedTokens: 0,
  uncountedNanoUsd: 0,
  nanoUsd: 0,
  unpriced: 0,
};

export const sumOf = (parts: readonly Usage[]): Usage => parts.reduce(plus, noUsage);

const plus = (a: Usage, b: Usage): Usage => ({
  calls: a.calls + b.calls,
  tokensIn: a.tokensIn + b.tokensIn,
  cacheRead: a.cacheRead + b.cacheRead,
  cacheWrite: a.cacheWrite + b.cacheWrite,
  tokensOut: a.tokensOut + b.tokensOut,
  reasoning: a.reasoning + b.reasoning,
  uncounted: a.uncounted + b.uncounted,
  uncountedTokens: a.uncountedTokens + b.uncountedTokens,
  uncountedNanoUsd: a.uncountedNanoUsd + b.uncountedNanoUsd,
  nanoUsd: a.nanoUsd + b.nanoUsd,
  unpriced: a.unpriced + b.unpriced,
});

const uncountedTries = (uncounted: number, atMost: AtMost | undefined): Usage => ({
  ...noUsage,
  uncounted,
  uncountedTokens: uncounted * (atMost?.tokens ?? 0),
  uncountedNanoUsd: uncounted * (atMost?.nanoUsd ?? 0),
});

/** What one call came to. */
const usageOfCall = (spent: Spent, atMost: AtMost | undefined): Usage => {
  const isCounted = spent.tokensIn !== null && spent.tokensOut !== null;
  const told: Usage = {
    ...noUsage,
    calls: 1,
    tokensIn: spent.tokensIn ?? 0,
    cacheRead: spent.cacheRead ?? 0,
    cacheWrite: spent.cacheWrite ?? 0,
    tokensOut: spent.tokensOut ?? 0,
    reasoning: spent.reasoning ?? 0,
    nanoUsd: spent.nanoUsd ?? 0,
    unpriced: isCounted && spent.nanoUsd === null ? 1 : 0,
  };
  return plus(told, uncountedTries(spent.uncounted + (isCounted ? 0 : 1), atMost));
};

/** All of a run: its own, and not that of the past it took over, which the other run paid for. */
export const usageOfRun = (run: Run): Usage =>
  sumOf([...run.spending.map(({ usage }) => usage), ...run.steps.flatMap(workedSteps).map(underWay)]);

/** Of all attempts at a step. */
export const usageOfStep = (run: Run, stepId: string): Usage => {
  const step = findStep(run, stepId);
  const past = run.spending.filter((one) => one.stepId === stepId).map(({ usage }) => usage);
  return sumOf([...past, ...(step === undefined ? [] : workedSteps(step).map(underWay))]);
};

/** Paid calls whose end nobody has recorded. */
export const underWay = ({ effects }: { readonly effects: Effects }): Usage =>
  sumOf(
    effects.open.filter(({ call }) => call.risk === "paid").map(({ atMost }) => uncountedTries(1, atMost)),
  );

export const isSpending = ({ calls, uncounted }: Usage): boolean => calls + uncounted > 0;

type SpendingEvent = JournalEvent & { readonly type: "effect_settled" | "effect_decided" | "step_started" };

/** The run before the event changes anything else, with what the event says was spent. */
export const withSpending = (run: Run, event: SpendingEvent): Run => {
  // A fork's past was paid for by the run it comes from.
  if (run.forkedFrom !== null && event.seq <= run.forkedFrom.seq) return run;
  const usage = spentBy(run, event);
  if (!isSpending(usage)) return run;
  const { stepId, candidate } = event.payload;
  // What the attempt before a new one left open is that one's.
  const attempt = event.type === "step_started" ? event.attempt - 1 : event.attempt;
  const isSame = (one: Spending): boolean =>
    one.stepId === stepId && one.attempt === attempt && one.candidate === candidate;
  const at = run.spending.findLastIndex(isSame);
  const former = run.spending[at];
  if (former === undefined)
    return { ...run, spending: [...run.spending, { stepId, attempt, ...named({ candidate }), usage }] };
  return { ...run, spending: run.spending.with(at, { ...former, usage: plus(former.usage, usage) }) };
};

const spentBy = (run: Run, event: SpendingEvent): Usage => {
  const step = findStep(run, event.payload.stepId);
  if (step === undefined || (event.type !== "step_started" && isOfLeft(run, event))) return noUsage;
  const { effects } = workedStep(step, event.payload.candidate);
  return sumOf(spentIn(effects, event).map(({ usage }) => usage));
};

/** By the model that was asked; null where nobody says which. */
export type SpentPart = { readonly model: string | null; readonly usage: Usage };

/** What an event of an attempt with these effects says was spent. */
export const spentIn = (effects: Effects, event: SpendingEvent): readonly SpentPart[] => {
  switch (event.type) {
    case "step_started":
      return unnamed(underWay({ effects }));
    case "effect_decided": {
      const open = openEffect(effects, event.payload.position);
      // That a person lets it be done again is no try yet: who does it says so again.
      const isAllowed = event.payload.decision === "rerun" && event.actor.role === "human";
      const isOver = open?.call.risk === "paid" && event.payload.decision !== "fail" && !isAllowed;
      return isOver ? unnamed(uncountedTries(1, open.atMost)) : [];
    }
    case "effect_settled": {
      const { spent = [], position, call, outcome } = event.payload;
      const open = openEffect(effects, position);
      if (spent.length > 0)
        return spent.map((one) => ({ model: one.model, usage: usageOfCall(one, open?.atMost) }));
      const isPaid = (call ?? open?.call)?.risk === "paid";
      const happened = outcome.kind === "done" || outcome.kind === "failed";
      // What a person says of one that was cut off, its decision has counted.
      return isPaid && happened && event.actor.role !== "human"
        ? unnamed(uncountedTries(1, open?.atMost))
        : [];
    }
  }
};

const unnamed = (usage: Usage): readonly SpentPart[] => [{ model: null, usage }];
