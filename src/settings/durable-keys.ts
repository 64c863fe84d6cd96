import * as z from "zod";
import { closed } from "../core/wire.js";
import { choice, list, toggle } from "./kinds.js";

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
});

/** What a crash means where nobody said it, and whether what is kept is sealed. */
export type DurableSettings = Readonly<z.output<typeof DurableKeys>>;
