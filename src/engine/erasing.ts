import type { Caller } from "../core/commands.js";
import { requireRole, runNotSealed } from "../core/decide/guards.js";
import { isLedgerError, LedgerError } from "../core/errors.js";
import { FINISHED } from "../ledger/housekeeping.js";
import { forgetUsesOf } from "../ledger/mandates.js";
import { absent } from "../ledger/removal.js";
import { dropRun } from "../pev/objects.js";
import { tidyStore } from "../pev/transfer.js";
import { disposeWorkspaces } from "../pev/workspaces.js";
import type { LeftBehind, RunRow, Store } from "../stores/store.js";
import { leftBehind } from "./left-behind.js";
import { removeLogs } from "./logs.js";
import type { PruningParts } from "./pruning.js";

export type Erased = {
  readonly runId: string;
  /** Its archive, which nobody can read any more; null when it was never archived or has come back. */
  readonly archive: string | null;
};

export type Erasing = {
  /** Only refuses what would be refused, and says what would go. */
  readonly dryRun?: boolean;
};

/**
 * The key first: from then on nobody can read the run, whatever is cut off. What lies beside the journal goes after it, and
 * again when somebody asks again.
 */
export const eraseRun = async (
  { ledger, project, logFolder, now, checkpoints, receipts }: Omit<PruningParts, "exportRun">,
  caller: Caller,
  runId: string,
  { dryRun = false }: Erasing = {},
): Promise<Erased> => {
  ledger.check(caller);
  requireRole(caller, "erase a run", "human");
  const { store } = ledger;
  const [row, removal] = await Promise.all([store.runRow(runId), store.removalOf(runId)]);
  if (row === undefined && removal === undefined) throw await absent(store, runId);
  requireErasable(runId, row);
  // The store refuses it too, in the transaction that would destroy its key.
  if (dryRun && isPlain(store, runId)) throw runNotSealed(runId);
  const erased = { runId, archive: removal?.archive ?? null };
  if (dryRun) return erased;
  const left = row === undefined ? undefined : await leftIfReadable(ledger, checkpoints, runId);
  const isGone = await store.erase(runId, {
    lastHash: row?.lastHash ?? null,
    at: now(),
    ...(left === undefined ? {} : { left }),
  });
  await forgetUsesOf(store, runId, now());
  await store.removeBlobsOf(runId);
  await checkpoints.forget(runId);
  await receipts.forget(runId);
  await disposeWorkspaces(project, runId);
  await removeLogs(logFolder, runId);
  if (project.store !== null) {
    await dropRun(project.store, runId);
    await tidyStore(project.store);
  }
  if (!isGone)
    throw new LedgerError(
      "store_unavailable",
      "The key is destroyed; the log beside the database still has it.",
      {
        hint: "Somebody reads the ledger: erase again when they are done.",
        details: { runId },
      },
    );
  return erased;
};

/** What cannot be read is erased all the same; the keys that it took itself stay taken in any case. */
const leftIfReadable = async (
  ledger: PruningParts["ledger"],
  checkpoints: PruningParts["checkpoints"],
  runId: string,
): Promise<LeftBehind | undefined> => {
  try {
    return await leftBehind(checkpoints, await ledger.load(runId));
  } catch (error) {
    if (isLedgerError(error)) return undefined;
    throw error;
  }
};

/** Also of one that was taken out. What cannot be opened here, now, is sealed. */
const isPlain = ({ seals }: Store, runId: string): boolean => {
  try {
    return seals.of(runId) === null;
  } catch (error) {
    if (isLedgerError(error, "run_erased") || isLedgerError(error, "key_unavailable")) return false;
    throw error;
  }
};

const requireErasable = (runId: string, row: RunRow | undefined): void => {
  if (row !== undefined && !FINISHED.includes(row.status))
    throw new LedgerError(
      "run_not_finished",
      `Run "${runId}" is ${row.status}; only a finished run is erased.`,
      {
        hint: `End it first: runledger cancel ${runId}`,
      },
    );
  // Who waits for it would wait for ever: nobody could read any more what is to be done.
  if (row !== undefined && row.seal !== "erased" && row.runnable)
    throw new LedgerError(
      "run_not_finished",
      `Run "${runId}" is ${row.status}, and something is still due for it: its parent or its children are to be told.`,
      { hint: `runledger resume ${runId}` },
    );
};
