import { quoted } from "./defects.js";
import { LedgerError } from "./errors.js";
import type { GateContext } from "./gate-context.js";
import type { IntentContent } from "./intents.js";

// What becomes a key in a store comes back from it as it went. What is held already under a key of before is answered as ever.

type Named = Pick<IntentContent, "destination" | "idempotencyKey">;

/**
 * Half a character becomes another one in some stores, so that two keys would be one there. Nobody sees a control character, and an
 * approver would read another name than the one that counts: marks that hide or turn text, line ends of Unicode, letters and selectors that draw nothing (but for the one that makes a sign a picture).
 */
const UNFIT =
  /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]|(?!\ufe0f)\p{Default_Ignorable_Code_Point}|(?<!\p{Extended_Pictographic})\ufe0f/u;

/** Throws `invalid_input`. */
export const requireVisible = (key: string | null): void => {
  const unfit = key === null ? null : UNFIT.exec(key);
  if (key === null || unfit === null) return;
  const point = unfit[0].codePointAt(0)?.toString(16).toUpperCase().padStart(4, "0");
  throw new LedgerError(
    "invalid_input",
    `The key or name ${quoted(key)} is not made of visible characters: there is U+${point} in it.`,
    { hint: "Leave out control characters, marks that nobody sees, and half surrogate pairs." },
  );
};

/**
 * With its key a destination makes one name, in which the first colon divides the two. Throws `invalid_input` for what is new: what is
 * held is answered, for whoever renames it would do it a second time.
 */
export const requireFitName = (
  { destination, idempotencyKey: key }: Named,
  held: GateContext["held"],
): void => {
  // `a:b` with `c` and `a` with `b:c` are one key: which of them has it, its intent says. Where nobody can read that any more it is skipped, and told so.
  if (held !== null && (held.intent === null || held.intent.content.destination === destination)) return;
  requireVisible(destination);
  requireVisible(key);
  if (key === null || !destination.includes(":")) return;
  throw new LedgerError("invalid_input", `The destination ${quoted(destination)} has a colon, and a key.`, {
    hint: "Name it without one, such as crm.import: its key in the ledger is DESTINATION:KEY. What happened under the old name is not known under the new one.",
  });
};

export const isFitName = ({ destination, idempotencyKey: key }: Named): boolean =>
  !UNFIT.test(destination) && !(key !== null && (UNFIT.test(key) || destination.includes(":")));
