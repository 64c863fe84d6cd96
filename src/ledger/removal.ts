import { runNotFound } from "../core/decide/guards.js";
import { isLedgerError, LedgerError } from "../core/errors.js";
import { shellWord } from "../core/shell-word.js";
import type { Store } from "../stores/store.js";

/** Why there is no such run: it never was, or it was taken out, and can be brought back unless it was erased since. */
export const absent = async (store: Store, runId: string): Promise<LedgerError> => {
  const removal = await store.removalOf(runId);
  if (removal === undefined) return runNotFound(runId);
  const erased = erasureOf(store, runId);
  if (erased !== undefined) return erased;
  const { removedAt, archive } = removal;
  return new LedgerError("run_not_found", `Run "${runId}" was removed at ${removedAt}.`, {
    hint: archive === null ? "It was not archived." : `Bring it back: runledger import ${shellWord(archive)}`,
    details: { ...removal },
  });
};

const erasureOf = (store: Store, runId: string): LedgerError | undefined => {
  try {
    store.seals.of(runId);
  } catch (error) {
    if (isLedgerError(error, "run_erased")) return error;
    // Without the root key nobody can read its archive now, and it can be brought back all the same.
    if (!isLedgerError(error, "key_unavailable")) throw error;
  }
  return undefined;
};
