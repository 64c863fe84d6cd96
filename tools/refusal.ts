import { isRecord } from "../src/core/defects.js";
import { errorKinds, isLedgerError } from "../src/core/errors.js";

/** A refusal as a program reads it. */
export type Refusal = {
  /** One of the ledger's codes, or `unexpected` for what it did not mean to happen. */
  readonly code: string;
  readonly message: string;
  /** What to do next. */
  readonly hint: string;
  readonly details?: Readonly<Record<string, unknown>>;
};

const READ = "Call run_read: it tells where the run and each step stand.";
const MEND = "Mend the input and call again.";

export const refusalOf = (error: unknown): Refusal => {
  if (!isLedgerError(error))
    return {
      code: "unexpected",
      message: error instanceof Error ? error.message : String(error),
      hint: READ,
    };
  return { hint: errorKinds[error.code] === "usage" ? MEND : READ, ...error.toJSON() };
};

/** In words that a model can act on: code, sentence, next step, and all defects of a plan at once, each with its place. */
export const refusalText = ({ code, message, hint, details }: Refusal): string =>
  `error [${code}]: ${message}\nNext: ${hint}${defectLines(details)}`;

const defectLines = (details: Refusal["details"]): string => {
  const defects = Array.isArray(details?.defects) ? details.defects : [];
  return defects
    .filter(isRecord)
    .map(({ path, found, expected }) => `\n- ${path}: found ${found}, expected ${expected}`)
    .join("");
};
