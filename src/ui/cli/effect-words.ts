import { LedgerError, type ListedEffect } from "../../index.js";

/** What doing it twice would mean. */
export const effectClass = ({ class: kind, risk }: ListedEffect): string =>
  risk === "none" ? kind : `${kind} ${risk}`;

/** What else is to be said of one beside its status. */
export const effectWords = ({ status, error, origin, erased, decision, key }: ListedEffect): string => {
  if (error !== null) return error;
  if (origin !== null)
    return `${erased ? "skipped, result erased; " : ""}first in ${origin.runId}, event ${origin.seq}`;
  if (status === "asked") return "a person decides: runledger decide";
  if (decision !== null) return `${decision.decision} (${decision.by.name}: ${decision.reason})`;
  return key === null ? "" : `key ${key}`;
};

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
