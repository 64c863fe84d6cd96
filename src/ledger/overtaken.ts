import { isLedgerError } from "../core/errors.js";
import type { Run } from "../core/run.js";
import type { Ledger } from "./ledger.js";

/**
 * Agents and judges take long, and meanwhile a person may pause, cancel, skip or answer: then their word comes too late, and
 * that is no fault. Undefined in that case; a refusal on the very run that they saw is one, and is thrown.
 */
export const unlessOvertaken = async <T>(
  ledger: Ledger,
  seen: Run,
  submit: () => Promise<T>,
): Promise<T | undefined> => {
  try {
    return await submit();
  } catch (error) {
    if (!isLedgerError(error) || error.kind !== "refused") throw error;
    if ((await ledger.load(seen.runId)).seq === seen.seq) throw error;
    return undefined;
  }
};
