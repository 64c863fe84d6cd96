import * as z from "zod";
import { EffectClass } from "../core/effects.js";
import { closed } from "../core/wire.js";
import { choice, list, toggle, wholeNumber } from "./kinds.js";

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
      title: "Seal new runs",
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
        "A command that prints the ledger's root key, such as one that asks a keychain; without it the key is a file beside the ledger. RUNLEDGER_KEY comes first.",
    },
    z.string().min(1).max(WORD_CHARS),
    WORDS_MAX,
  ).default([]),
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
  checkpointBefore: list(
    "words",
    {
      title: "Checkpoint before",
      description: "A checkpoint before each effect of these classes: pure, idempotent, guarded.",
    },
    EffectClass,
    EffectClass.options.length,
  ).prefault([]),
});

/** What a crash means where nobody said it, and what is kept for it. */
export type DurableSettings = Readonly<z.output<typeof DurableKeys>>;
