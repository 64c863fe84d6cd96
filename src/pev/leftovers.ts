import type { Ledger } from "../ledger/ledger.js";
import { ownerIsDead } from "../ledger/owner.js";
import { runIdTime } from "../ledger/run-id.js";
import { dropRun, runsWithRefs } from "./objects.js";
import type { Place } from "./places.js";
import { openPrivateRoot } from "./private-folder.js";
import type { Project } from "./project.js";
import { type Reclaimed, reclaim } from "./reclaim.js";

/** Between the capture of a run's base and the run itself passes less; a longer one was refused, or died. */
const CREATING_MS = 3_600_000;

// What a crash left: processes and rooms go, and so do workspaces of completed runs. Work not proposed yet stays.
export const reclaimLeftovers = async (ledger: Ledger, project: Project): Promise<Reclaimed> => {
  const { places, workspaceRoot } = project;
  const keep = await neededOf(ledger, project);
  await forgetUnknownRuns(ledger, project);
  return reclaim({
    places,
    roots: [await openPrivateRoot(), workspaceRoot],
    isOwnerDead: ownerIsDead,
    keep,
  });
};

/** How much of it there is now. */
export const countLeftovers = async (ledger: Ledger, project: Project): Promise<number> => {
  const keep = await neededOf(ledger, project);
  const left = (await project.places.list()).filter(({ owner }) => ownerIsDead(owner));
  return left.filter((place) => place.kind !== "workspace" || !keep(place)).length;
};

/** Tells workspaces that are still needed; nobody has worked in one that was not made to the end. */
const neededOf = async (ledger: Ledger, { places }: Project): Promise<(place: Place) => boolean> => {
  const unfinished = new Set<string>();
  for (const runId of new Set((await places.list()).map((place) => place.runId))) {
    const row = await ledger.store.runRow(runId);
    if (row !== undefined && row.status !== "completed") unfinished.add(runId);
  }
  return ({ runId, base }) => unfinished.has(runId) && base !== undefined;
};

/**
 * The base is captured first and the run recorded after it; a run that was refused leaves commits nobody will ask for. And
 * whoever erased one may have been killed before its commits were gone.
 */
export const forgetUnknownRuns = async (
  { store: rows }: Pick<Ledger, "store">,
  { store }: Project,
): Promise<void> => {
  if (store === null) return;
  for (const runId of await runsWithRefs(store)) {
    const row = await rows.runRow(runId);
    const madeAt = runIdTime(runId);
    const isRefused = row === undefined && madeAt !== undefined && Date.now() - madeAt >= CREATING_MS;
    if (isRefused || row?.seal === "erased") await dropRun(store, runId);
  }
};
