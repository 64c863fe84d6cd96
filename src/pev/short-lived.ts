import { lstat, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { ownerIsDead, ownerOfThisProcess } from "../ledger/owner.js";

/** No call of ours lasts a day: for what tells no owner of this machine. */
const AGE_MAX_MS = 86_400_000;

/** What is there as long as one call of ours lasts says in its name whose it is; something unique follows the dot. */
export const shortLivedName = (prefix: string): string =>
  `${prefix}${encodeURIComponent(ownerOfThisProcess())}.`;

/** Whether it is certain that the process which gave this name, with this prefix, has ended. */
export const isOrphan = (name: string, prefix: string): boolean =>
  name.startsWith(prefix) && ownerIsDead(ownerIn(name.slice(prefix.length)));

// A process that was killed removes nothing. Whoever comes next does, and leaves alone what a living one may be using.
// What a git of the dead one's is still writing to goes another time.
export const removeOrphans = async (folder: string, prefix: string): Promise<void> => {
  for (const name of await readdir(folder)) {
    if (!name.startsWith(prefix)) continue;
    const path = join(folder, name);
    if (isOrphan(name, prefix) || (await isOld(path)))
      await rm(path, { recursive: true, force: true, maxRetries: 3 }).catch(() => undefined);
  }
};

/** Somebody else may have put a file of any name there. */
const ownerIn = (name: string): string => {
  try {
    return decodeURIComponent(name.slice(0, Math.max(name.lastIndexOf("."), 0)));
  } catch {
    return "";
  }
};

const isOld = async (path: string): Promise<boolean> => {
  const made = await lstat(path).catch(() => undefined);
  return made !== undefined && Date.now() - made.mtimeMs > AGE_MAX_MS;
};
