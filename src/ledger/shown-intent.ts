import { isLedgerError } from "../core/errors.js";
import type { IntentView } from "../core/gate-calls.js";
import { type FirstNow, intentView } from "../core/intent-view.js";
import { holdsKey, type Intent } from "../core/intents.js";
import type { Ledger } from "./ledger.js";

/** As it is told now, with what became of the one that has its key. */
export const shownOf = async (ledger: Ledger, intent: Intent): Promise<IntentView> =>
  intentView(intent, ledger.now(), await firstNow(ledger, intent));

/** What is known now of the one that has its key; null where that run cannot be read any more. */
const firstNow = async (ledger: Ledger, { first }: Intent): Promise<FirstNow> => {
  if (first === null) return null;
  try {
    const found = (await ledger.load(first.runId)).intents.find(({ seq }) => seq === first.seq);
    return found !== undefined && holdsKey(found) ? found : null;
  } catch (error) {
    if (isLedgerError(error)) return null;
    throw error;
  }
};
