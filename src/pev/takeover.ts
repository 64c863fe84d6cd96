import { openPrivateRoot } from "./private-folder.js";
import type { Project } from "./project.js";
import { reclaim } from "./reclaim.js";

// Whoever takes a run over is the only one who may work on it: an agent of the worker before would write into the same
// folder. Its owner may even live, stopped or cut off; the lease says that it has nothing more to say.
export const stopProcessesOf = async ({ places, workspaceRoot }: Project, runId: string): Promise<void> => {
  const ofRun = async () =>
    (await places.list()).filter((place) => place.kind === "process" && place.runId === runId);
  await reclaim({
    places: { ...places, list: ofRun },
    roots: [await openPrivateRoot(), workspaceRoot],
    isOwnerDead: () => true,
    keep: () => true,
  });
};
