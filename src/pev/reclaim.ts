import { lstat, realpath } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { processAlive } from "../ledger/owner.js";
import { removeDraft } from "./drafts.js";
import type { Place, Places } from "./places.js";
import { removeFolder } from "./private-folder.js";
import { killSurvivors } from "./process-sweep.js";
import { isGroupOf, killGroups, removeGroups } from "./walls/groups.js";

export type ReclaimOptions = {
  readonly places: Places;
  /** Folders that rooms and workspaces are made in; nothing outside them is ever removed. */
  readonly roots: readonly string[];
  readonly isOwnerDead: (owner: string) => boolean;
  /** Workspaces of unfinished runs: their work has not been proposed yet. */
  readonly keep: (place: Place) => boolean;
};

export type Reclaimed = {
  /** Processes that were still alive. */
  readonly killed: number;
  /** Folders and drafts that were removed. */
  readonly removed: readonly string[];
  readonly kept: readonly Place[];
};

/**
 * What a crash left behind is known from the register alone, so cleaning up needs no guess. Processes go first, else they
 * would write into folders that are being removed.
 */
export const reclaim = async (options: ReclaimOptions): Promise<Reclaimed> => {
  const { places, isOwnerDead, keep } = options;
  const roots = await Promise.all(options.roots.map(resolved));
  const left = (await places.list()).filter(({ owner }) => isOwnerDead(owner));
  let killed = 0;
  for (const place of left.filter(({ kind }) => kind === "process")) {
    killed += await killLeftovers(place, roots);
    await places.remove(place.id);
  }
  const removed: string[] = [];
  const kept: Place[] = [];
  for (const place of left.filter(({ kind }) => kind !== "process")) {
    const wanted = place.kind === "workspace" && keep(place);
    if (wanted || place.path === null || !(await removeLeft(places, place, place.path, roots))) {
      kept.push(place);
      continue;
    }
    removed.push(place.path);
  }
  return { killed, removed, kept };
};

const removeLeft = async (
  places: Places,
  place: Place,
  path: string,
  roots: readonly string[],
): Promise<boolean> => {
  if (place.kind === "draft") return removeDraft(places, place);
  if (!(await removeOwn(path, place.id, roots))) return false;
  await places.remove(place.id);
  return true;
};

const killLeftovers = async (place: Place, roots: readonly string[]): Promise<number> => {
  const { token, path, pid, startTime, groups = [] } = place;
  const own = groups.filter((group) => token !== undefined && isGroupOf(group, token));
  const inGroups = await killGroups(own);
  await removeGroups(own);
  // A group is only known to be the registered one while its leader is.
  const led = pid !== undefined && startTime !== undefined && processAlive({ pid, startTime });
  const folder = path !== null && roots.includes(dirname(path)) ? path : null;
  const target = { token, folder, leaders: led ? [pid] : [], since: startTime ?? 0 };
  return inGroups + (await killSurvivors(target));
};

/** The register is a file that others may have written to: only a folder directly below a root and named by its id is ours. */
const removeOwn = async (path: string, id: string, roots: readonly string[]): Promise<boolean> => {
  const root = await resolved(dirname(path));
  if (basename(path) !== id || !roots.includes(root)) return false;
  const found = await lstat(path).catch(() => undefined);
  if (found !== undefined && !found.isDirectory()) return false;
  // A git of the dead one's that still unpacks there would go on making what is being removed.
  await killSurvivors({ token: undefined, folder: join(root, id), leaders: [], since: 0 });
  return removeFolder(path).then(
    () => true,
    () => false,
  );
};

/** A folder that is not there has nothing in it, so its name need not be resolved. */
const resolved = (path: string): Promise<string> => realpath(path).catch(() => path);
