import type { Run } from "../core/run.js";
import type { CheckpointManager } from "../ledger/checkpoints/checkpoints.js";
import type { Ledger } from "../ledger/ledger.js";
import type { LeftBehind } from "../stores/store.js";

/** The run whose past is its own; null for none. */
export const goesOnFrom = ({ tracked, forkedFrom }: Run): string | null =>
  tracked?.lineage?.runId ?? forkedFrom?.runId ?? null;

/** What those who go on from a run must not do again, and where they read on. */
export const leftBehind = async (
  manager: Pick<CheckpointManager, "blockedKeys">,
  run: Run,
): Promise<LeftBehind> => ({ keys: [...(await manager.blockedKeys(run))], from: goesOnFrom(run) });

/** The same of a run that may be gone. */
export const pastOf = async (
  { store, load }: Pick<Ledger, "store" | "load">,
  manager: Pick<CheckpointManager, "blockedKeys">,
  runId: string,
): Promise<LeftBehind> => {
  const row = await store.runRow(runId);
  if (row === undefined || row.seal === "erased") return store.leftBehind(runId);
  return leftBehind(manager, await load(runId));
};
