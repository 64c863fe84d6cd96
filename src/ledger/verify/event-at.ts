import { isLedgerError } from "../../core/errors.js";
import type { StoredEvent } from "../../core/events.js";
import type { Store } from "../../stores/store.js";
import { fromRow } from "../journal.js";

/** Undefined for one that is not there or cannot be read, which is told where its run is checked. */
export const eventAt = async (store: Store, runId: string, seq: number): Promise<StoredEvent | undefined> => {
  const [row] = await store.read(runId, seq - 1, 1);
  if (row?.seq !== seq) return undefined;
  try {
    return fromRow(row, store.seals.of(runId));
  } catch (error) {
    if (isLedgerError(error)) return undefined;
    throw error;
  }
};
