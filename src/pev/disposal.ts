import { statfs } from "node:fs/promises";
import { dirname } from "node:path";
import type { Places } from "./places.js";
import { removeFolder } from "./private-folder.js";

/** A folder that is registered under its id. */
export type RegisteredFolder = { readonly id: string; readonly path: string };

/**
 * Deletes rooms and workspaces that have served. Deleting takes as long as making them, and some file systems make new
 * files ten times slower right after; so it waits until no run is driven here. Until then they stay registered: after a
 * crash the next start finds them.
 */
export interface Disposal {
  /** Takes a folder over; it is nobody's any more. Waits only when far too many of them wait. */
  later(folder: RegisteredFolder): Promise<void>;
  /** From now until the answer is called there is no quiet. Who ends it waits until all is gone, unless others hold on. */
  hold(): () => Promise<void>;
  /** Until everything that was handed over is gone. */
  settle(): Promise<void>;
}

/** Rooms of a usual project, dependencies included, are well below a gigabyte. */
const WAITING_MAX = 16;
/** Below this share of what users may fill nothing waits: others need the disk as well. */
const FREE_SHARE_MIN = 0.25;

export const createDisposal = (places: Places): Disposal => {
  const waiting: RegisteredFolder[] = [];
  let holders = 0;
  /** All of them, quiet or not. */
  let urgent = false;
  let emptying: Promise<void> | undefined;

  const deleteAll = async (): Promise<void> => {
    while (urgent || holders === 0) {
      const next = waiting.shift();
      if (next === undefined) break;
      await deleteOne(places, next);
    }
  };
  const empty = async (): Promise<void> => {
    while (waiting.length > 0 && (urgent || holders === 0)) {
      emptying ??= deleteAll().finally(() => {
        emptying = undefined;
      });
      await emptying;
    }
    await emptying;
    urgent &&= waiting.length > 0;
  };
  return {
    later: async (folder) => {
      // On a full disk not even this can be written: then it goes now.
      const isNoted = await places.update(folder.id, { kind: "discarded" }).then(
        () => true,
        () => false,
      );
      waiting.push(folder);
      if (!isNoted || waiting.length > WAITING_MAX || (await isFull(folder.path))) urgent = true;
      const emptied = empty();
      if (!isNoted || waiting.length > 2 * WAITING_MAX) await emptied;
    },
    hold: () => {
      let held = true;
      holders += 1;
      return async () => {
        if (held) holders -= 1;
        held = false;
        await empty();
      };
    },
    settle: async () => {
      urgent = true;
      await empty();
    },
  };
};

/** One that cannot be deleted stays registered, so the next start tries again. */
const deleteOne = (places: Places, { id, path }: RegisteredFolder): Promise<void> =>
  removeFolder(path)
    .then(() => places.remove(id))
    .catch(() => undefined);

const isFull = async (path: string): Promise<boolean> => {
  const disk = await statfs(dirname(path)).catch(() => undefined);
  if (disk === undefined) return true;
  const { bavail, bfree, blocks } = disk;
  return bavail < (blocks - bfree + bavail) * FREE_SHARE_MIN;
};
