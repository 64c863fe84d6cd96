import * as z from "zod";
import { BoundaryReason } from "../core/checkpoints.js";
import { EffectClass } from "../core/effects.js";
import {
  CHECKPOINTS_KEPT,
  CHECKPOINTS_KEPT_MAX,
  EFFECT_VALUE_BYTES,
  EFFECTS_PER_ATTEMPT,
  EVENTS_PER_RUN,
} from "../core/limits.js";
import { exactSize } from "../core/size.js";
import { closed } from "../core/wire.js";
import { choice, list, size, toggle, wholeNumber } from "./kinds.js";

/** An identifier and a few words fit in. */
const RESULT_MIN_BYTES = 1_024;
/** A run of one step has about ten beside its effects. */
const EVENTS_PER_RUN_MIN = 100;
const EVENTS_PER_RUN_MAX = 10 * EVENTS_PER_RUN;

/** Above it no policy is needed: agents take their own. */
const EVENTS_MAX = 1_000_000;
const WORDS_MAX = 50;
const WORD_CHARS = 1_000;

export const DurableKeys = closed({
  paidAmbiguous: choice(
    {
      title: "Paid calls in doubt",
      description:
        "A paid call that a crash left open is made again; or it is skipped: the run pauses, and a person decides.",
    },
    ["rerun", "skip"],
  ).default("rerun"),
  encryption: toggle(
    {
      title: "Encrypt new runs",
      description:
        "The journal, snapshots and output of new runs are encrypted, each run with a key of its own; older runs stay as they are.",
    },
    false,
  ),
  keyCommand: list(
    "words",
    {
      title: "Root key from a command",
      description:
        "A command that prints the root key, such as one that asks a keychain; without it the key is a file. RUNLEDGER_KEY comes first.",
    },
    z.string().min(1).max(WORD_CHARS),
    WORDS_MAX,
  ).default([]),
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
      description:
        "From so many events of a run on, none of its agents begins another effect, or ends another turn.",
    },
    { min: EVENTS_PER_RUN_MIN, max: EVENTS_PER_RUN_MAX, byDefault: EVENTS_PER_RUN },
  ),
  resultSize: size(
    { title: "Size of a result", description: "How long the result of an effect may be, as JSON." },
    { minBytes: RESULT_MIN_BYTES, maxBytes: EFFECT_VALUE_BYTES },
  ).prefault("1MiB"),
  checkpoints: choice(
    {
      title: "Checkpoints lie in",
      description: "The ledger's database, files of their own, or the memory of the process alone.",
    },
    ["sqlite", "file", "memory"],
  ).default("sqlite"),
  checkpointEvery: wholeNumber(
    {
      title: "Checkpoint every",
      description: "A checkpoint after so many events of a run, beside those that its agents take. 0: none.",
    },
    { min: 0, max: EVENTS_MAX, byDefault: 0 },
  ),
  checkpointsKept: wholeNumber(
    {
      title: "Checkpoints kept",
      description:
        "So many of the newest checkpoints of a run stay, and what agents go on from; older ones are thinned out.",
    },
    { min: 1, max: CHECKPOINTS_KEPT_MAX, byDefault: CHECKPOINTS_KEPT },
  ),
  checkpointBefore: list(
    "words",
    {
      title: "Checkpoint before",
      description: "A checkpoint before each effect of these classes: pure, idempotent, guarded.",
    },
    EffectClass,
    EffectClass.options.length,
  ).prefault([]),
  checkpointAt: list(
    "words",
    {
      title: "Checkpoint at",
      description:
        "Of runs that a client records: a checkpoint behind approval_requested, risky_boundary (side effects).",
    },
    BoundaryReason,
    BoundaryReason.options.length,
  ).prefault([...BoundaryReason.options]),
}).transform(({ resultSize, ...same }) => ({ ...same, resultBytes: resultSize }));

/** What a crash means where nobody said it, and what is kept for it. */
export type DurableSettings = Readonly<z.output<typeof DurableKeys>>;

export const durableWire = ({ resultBytes, ...same }: DurableSettings) => ({
  ...same,
  resultSize: exactSize(resultBytes),
});
