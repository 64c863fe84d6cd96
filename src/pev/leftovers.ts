import type { Ledger } from "../ledger/ledger.js";
import { ownerIsDead } from "../ledger/owner.js";
import { openPrivateRoot } from "./private-folder.js";
import type { Project } from "./project.js";
import { type Reclaimed, reclaim } from "./reclaim.js";

// What a crash left: processes and rooms go, and so do workspaces of completed runs. Work not proposed yet stays.
export const reclaimLeftovers = async (ledger: Ledger, project: Project): Promise<Reclaimed> => {
  const { places, workspaceRoot } = project;
  const unfinished = new Set<string>();
  for (const runId of new Set((await places.list()).map((place) => place.runId))) {
    const row = await ledger.store.runRow(runId);
    if (row !== undefined && row.status !== "completed") unfinished.add(runId);
  }
  return reclaim({
    places,
    roots: [await openPrivateRoot(), workspaceRoot],
    isOwnerDead: ownerIsDead,
    keep: ({ runId }) => unfinished.has(runId),
  });
};
