import { ownerIsDead } from "../ledger/owner.js";
import type { Place } from "./places.js";
import { openPrivateRoot } from "./private-folder.js";
import type { Project } from "./project.js";
import { reclaim } from "./reclaim.js";

// Whoever takes a run over is the only one who may work on it: an agent of the worker before would write into the same
// folder. Its owner may even live, stopped or cut off; the lease says that it has nothing more to say. Rooms are only
// removed when it is dead, for then nobody else will until the next start.
export const stopProcessesOf = async ({ places, workspaceRoot }: Project, runId: string): Promise<void> => {
  const isInTheWay = ({ kind, owner }: Place): boolean =>
    kind === "process" || (kind === "room" && ownerIsDead(owner));
  await reclaim({
    places: {
      ...places,
      list: async () => (await places.list({ runId })).filter(isInTheWay),
    },
    roots: [await openPrivateRoot(), workspaceRoot],
    isOwnerDead: () => true,
    keep: () => true,
  });
};
