import type { OpenEffect } from "./effects.js";
import { workedSteps } from "./race.js";
import type { Run, WorkedStep } from "./run.js";

/** An effect of which a person is asked whether it happened, and whose it is. */
export type AskedEffect = { readonly step: WorkedStep; readonly open: OpenEffect };

/** In the order of the plan. */
export const askedEffects = ({ steps }: Run): readonly AskedEffect[] => steps.flatMap(askedEffectsOf);

/** Of a step and all who race for it, or of one of them. What was left open by one that is over asks nobody any more. */
export const askedEffectsOf = (step: WorkedStep): readonly AskedEffect[] =>
  (step.candidate === undefined ? workedSteps(step) : [step])
    .filter(({ state }) => state.status === "in_progress")
    .flatMap((one) =>
      one.effects.open.filter(({ decision }) => decision === "fail").map((open) => ({ step: one, open })),
    );

/** Why one asks, for a sentence that names the step. */
export const effectDoubt = ({ open: { call } }: AskedEffect): string =>
  `effect ${call.position} "${call.name}" had begun, and nobody knows whether it happened`;
