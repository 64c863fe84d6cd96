import { isLedgerError } from "../core/errors.js";
import type { Store } from "../stores/store.js";
import { areMandatesAltered } from "./mandates.js";
import { alteredSdkKeys } from "./sdk-keys.js";

/** A sentence for each thing beside the journals that is sealed and not as it was written; none where the key of the seals is not here. */
export const alteredWords = async (store: Store): Promise<readonly string[]> => {
  try {
    // It may only be looked for: whoever checks makes none.
    if (store.seals.tokenKeyIfAny() === null) return [];
    const keys = await alteredSdkKeys(store);
    const mandates = (await areMandatesAltered(store))
      ? ["The delegations and standing approvals are not as this ledger wrote them."]
      : [];
    return [...mandates, ...keys.map((id) => `SDK key ${id} is not as this ledger wrote it.`)];
  } catch (error) {
    if (isLedgerError(error, "key_unavailable")) return [];
    throw error;
  }
};
