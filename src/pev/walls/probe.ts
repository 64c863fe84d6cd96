import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { promisify } from "node:util";
import type { Limits } from "../../core/walls.js";
import { throughDoors } from "./doors.js";
import { groupFolders, killGroups, makeGroup, removeGroups, removeOrphanGroups } from "./groups.js";
import { findHierarchies, type Hierarchy } from "./hierarchies.js";

/** Starting one small program takes milliseconds; one that hangs has shown that it does not work. */
const TRIAL_MS = 10_000;

/**
 * Where groups can be made here, or the reason why not. Permissions alone do not tell, so a program is started in one: it
 * has to find itself there.
 */
export const probeGroups = async (limits: Limits): Promise<readonly Hierarchy[] | string> => {
  const hierarchies = findHierarchies();
  if (typeof hierarchies === "string") return hierarchies;
  for (const hierarchy of hierarchies) removeOrphanGroups(hierarchy);
  const token = randomUUID();
  const folders = groupFolders(hierarchies, token);
  try {
    const { doors } = makeGroup(hierarchies, token, limits);
    const argv = throughDoors(doors, ["cat", "/proc/self/cgroup"], {});
    const { stdout } = await promisify(execFile)(argv[0] ?? "", argv.slice(1), { timeout: TRIAL_MS });
    const entered = stdout.split("\n").filter((line) => line.endsWith(token)).length;
    return entered === folders.length
      ? hierarchies
      : "a program that was put into a control group was not in it";
  } catch (error) {
    return `a control group could not be used: ${error instanceof Error ? error.message : String(error)}`;
  } finally {
    await killGroups(folders);
    await removeGroups(folders);
  }
};
