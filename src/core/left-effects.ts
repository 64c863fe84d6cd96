import { type LeftEffect, type OpenEffect, openEffect } from "./effects.js";
import type { JournalEvent } from "./events.js";
import { named, workedStep, workedSteps } from "./race.js";
import { findStep, isTerminal, type Run } from "./run.js";

/** Which effect of which attempt. */
type EffectPlace = {
  readonly stepId: string;
  readonly candidate?: number | undefined;
  readonly attempt: number;
  readonly position: number;
};

type Ended = JournalEvent & { readonly type: "effect_settled" | "effect_decided" };

/** Before a new attempt begins: what the last one left open under a business key would be forgotten with it. */
export const withLeft = (run: Run, of: { stepId: string; candidate?: number | undefined }): Run => {
  const step = findStep(run, of.stepId);
  const open = step === undefined ? [] : workedStep(step, of.candidate).effects.open;
  const left = open.filter(({ call }) => call.key !== null);
  if (left.length === 0) return run;
  const about = { stepId: of.stepId, ...named(of) };
  return { ...run, left: [...run.left, ...left.map((one) => ({ ...about, open: one }))] };
};

export const isOfLeft = ({ left }: Run, event: Ended): boolean =>
  left.length > 0 && left.some((one) => isAt(one, placeOf(event)));

export const withoutLeft = (run: Run, event: Ended): Run => ({
  ...run,
  left: run.left.filter((one) => !isAt(one, placeOf(event))),
});

/** Open, and whoever could have told how it ended is gone with its attempt or run; undefined for every other. */
export const openAfterEnd = (run: Run, of: EffectPlace): OpenEffect | undefined => {
  const left = run.left.find((one) => isAt(one, of));
  if (left !== undefined) return left.open;
  const step = findStep(run, of.stepId);
  const worked = step && workedStep(step, of.candidate);
  if (worked === undefined || (worked.state.status === "in_progress" && !isTerminal(run))) return undefined;
  const open = openEffect(worked.effects, of.position);
  return open?.attempt === of.attempt ? open : undefined;
};

/** An effect that was left open with its attempt: until a person says what became of it, nobody does anything under its key. */
export type HeldKey = EffectPlace & { readonly key: string; readonly name: string; readonly since: string };

/** Those of earlier attempts first. */
export const heldKeys = (run: Run): readonly HeldKey[] => {
  const over = run.steps
    .flatMap(workedSteps)
    .filter(({ state }) => state.status !== "in_progress" || isTerminal(run))
    .flatMap((step) => step.effects.open.map((open) => ({ stepId: step.spec.id, ...named(step), open })));
  return [...run.left, ...over].flatMap(({ open: { call, attempt, since }, ...of }) => {
    const { key, name, position } = call;
    return key === null ? [] : [{ ...of, attempt, position, key, name, since }];
  });
};

const placeOf = ({ attempt, payload }: Ended): EffectPlace => ({ attempt, ...payload });

const isAt = ({ stepId, candidate, open }: LeftEffect, of: EffectPlace): boolean =>
  stepId === of.stepId &&
  candidate === of.candidate &&
  open.attempt === of.attempt &&
  open.call.position === of.position;
