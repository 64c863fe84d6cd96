import { runNotFound } from "../core/decide/guards.js";
import { LedgerError } from "../core/errors.js";
import type { Store } from "../stores/store.js";

/** Why there is no such run: it never was, or it was taken out and can be brought back. */
export const absent = async (store: Store, runId: string): Promise<LedgerError> => {
  const removal = await store.removalOf(runId);
  if (removal === undefined) return runNotFound(runId);
  const { removedAt, archive } = removal;
  return new LedgerError("run_not_found", `Run "${runId}" was removed at ${removedAt}.`, {
    hint: archive === null ? "It was not archived." : `Bring it back: runledger import ${archive}`,
    details: { ...removal },
  });
};
