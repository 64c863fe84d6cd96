import { EFFECT_VALUE_BYTES, EFFECTS_PER_ATTEMPT, EVENTS_PER_RUN } from "../core/limits.js";
import { exactSize } from "../core/size.js";
import { closed } from "../core/wire.js";
import { choice, size, wholeNumber } from "./kinds.js";

/** What a crash means where nobody said it, and what agents may record. */
export type DurableSettings = {
  readonly paidAmbiguous: "rerun" | "skip";
  readonly effectsPerAttempt: number;
  readonly eventsPerRun: number;
  readonly resultBytes: number;
};

/** An identifier and a few words fit in. */
const RESULT_MIN_BYTES = 1_024;
/** A run of one step has about ten beside its effects. */
const EVENTS_MIN = 100;
const EVENTS_MAX = 10 * EVENTS_PER_RUN;

export const DurableKeys = closed({
  paidAmbiguous: choice(
    {
      title: "Paid calls in doubt",
      description:
        "A paid call that a crash left open is made again; or it is skipped: the run pauses, and a person decides.",
    },
    ["rerun", "skip"],
  ).default("rerun"),
  effectsPerAttempt: wholeNumber(
    {
      title: "Effects per attempt",
      description: "How many effects and waits one attempt of an agent records.",
    },
    { min: 1, max: EFFECTS_PER_ATTEMPT, byDefault: EFFECTS_PER_ATTEMPT },
  ),
  eventsPerRun: wholeNumber(
    {
      title: "Events per run",
      description: "From so many events of a run on, none of its agents begins another effect.",
    },
    { min: EVENTS_MIN, max: EVENTS_MAX, byDefault: EVENTS_PER_RUN },
  ),
  resultSize: size(
    { title: "Size of a result", description: "How long the result of an effect may be, as JSON." },
    { minBytes: RESULT_MIN_BYTES, maxBytes: EFFECT_VALUE_BYTES },
  ).prefault("1MiB"),
}).transform(({ resultSize, ...same }): DurableSettings => ({ ...same, resultBytes: resultSize }));

export const durableWire = ({ resultBytes, ...same }: DurableSettings) => ({
  ...same,
  resultSize: exactSize(resultBytes),
});
