import { type HeldKey, LedgerError, type ListedEffect } from "../../index.js";

/** What doing it twice would mean. */
export const effectClass = ({ class: kind, risk }: ListedEffect): string =>
  risk === "none" ? kind : `${kind} ${risk}`;

/** What else is to be said of one beside its status. */
export const effectWords = (effect: ListedEffect): string => {
  const { status, error, origin, erased, decision, key, held } = effect;
  if (error !== null) return error;
  if (origin !== null)
    return `${erased ? "skipped, result erased; " : ""}first in ${origin.runId}, event ${origin.seq}`;
  if (held) return `nobody is left to end it, and it holds key ${key}: runledger decide`;
  if (status === "asked") return "a person decides: runledger decide";
  if (decision !== null) return `${decision.decision} (${decision.by.name}: ${decision.reason})`;
  return key === null ? "" : `key ${key}`;
};

/** A line for each key that nobody gives back by himself, and what to type. */
export const heldKeyLines = (runId: string, held: readonly HeldKey[]): readonly string[] =>
  held.map(({ stepId, candidate, attempt, position, name, key }) => {
    const which = `--attempt ${attempt}${candidate === undefined ? "" : ` --candidate ${candidate}`}`;
    const decide = `runledger decide ${runId} ${stepId} ${position} done|skip|rerun ${which} [--value JSON] --reason "…"`;
    return `${stepId}: effect ${position} "${name}" had begun when its attempt ended, and holds key "${key}": ${decide}`;
  });

/** What a person types as the result of an effect. */
export const resultIn = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    throw new LedgerError("invalid_input", "The result is no JSON.", {
      hint: `A text stands in double quotes: "paid". A shell takes them inside of others: --value '"paid"'.`,
    });
  }
};
