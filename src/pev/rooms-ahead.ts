import { readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { setImmediate } from "node:timers/promises";
import type { Disposal, RegisteredFolder } from "./disposal.js";
import type { Git } from "./git.js";
import { listTree } from "./objects.js";
import type { Places } from "./places.js";
import { makeRoomFolder } from "./room-frame.js";
import { INDEX, layCommit, TREE } from "./room-tree.js";
import { watchFiles } from "./written-files.js";

/**
 * Rooms whose files are laid out while agents work, each for one verdict: no code has ever run in one. Agents are the same
 * user as we are, so one that looks for such a room can find it; a room that was touched in the meantime is not used.
 */
export interface RoomsAhead {
  /**
   * Begins one for the run's next verdict, at a commit that is near it; not when there is one already. Answers when it is
   * laid out, for whoever wants to know.
   */
  prepare(runId: string, commit: string): Promise<void>;
  /** The run's room, waited for while it is laid out; undefined when there is none that can be trusted. */
  take(runId: string): Promise<RegisteredFolder | undefined>;
  /** Nobody drives the run here any more. Waits until its room is handed over to be deleted. */
  drop(runId: string): Promise<void>;
  /** Drops all, and waits until nothing is being laid out. */
  close(): Promise<void>;
}

/** More runs than that at once keep a machine busy enough; each room takes the disk space of a checkout. */
const ROOMS_AHEAD_MAX = 4;

export const createRoomsAhead = (
  store: Git,
  { places, disposal }: { readonly places: Places; readonly disposal: Disposal },
): RoomsAhead => {
  const ahead = new Map<string, Promise<RoomAhead | undefined>>();
  const dropping = new Set<Promise<void>>();
  let closed = false;

  /** One that cannot be handed over stays registered, and goes with the next start. */
  const discard = async (room: RoomAhead | undefined): Promise<void> => {
    if (room !== undefined) await disposal.later(room.folder).catch(() => undefined);
  };
  const drop: RoomsAhead["drop"] = (runId) => {
    const laid = ahead.get(runId);
    ahead.delete(runId);
    const dropped = Promise.resolve(laid).then(discard);
    dropping.add(dropped);
    return dropped.finally(() => dropping.delete(dropped));
  };
  return {
    prepare: async (runId, commit) => {
      if (closed || ahead.has(runId) || ahead.size >= ROOMS_AHEAD_MAX) return;
      // Whatever went wrong goes wrong again when the verdict makes its own room, and is told then.
      const laid = layAhead(store, places, disposal, runId, commit).catch(() => undefined);
      ahead.set(runId, laid);
      await laid;
    },
    take: async (runId) => {
      const laid = ahead.get(runId);
      ahead.delete(runId);
      const room = await laid;
      if (room === undefined || (await room.isUntouched())) return room?.folder;
      await discard(room);
      return undefined;
    },
    drop,
    close: async () => {
      closed = true;
      await Promise.all([...[...ahead.keys()].map(drop), ...dropping]);
    },
  };
};

type RoomAhead = { readonly folder: RegisteredFolder; readonly isUntouched: () => Promise<boolean> };

const layAhead = async (
  store: Git,
  places: Places,
  disposal: Disposal,
  runId: string,
  commit: string,
): Promise<RoomAhead | undefined> => {
  const folder = await makeRoomFolder(places, { runId });
  try {
    await layCommit(store, folder, commit);
    const isUntouched = await watchFolders(
      folder.path,
      (await listTree(store, commit)).map(({ path }) => path),
    );
    if (isUntouched !== undefined) return { folder, isUntouched };
  } catch (error) {
    await disposal.later(folder);
    throw error;
  }
  await disposal.later(folder);
  return undefined;
};

/** Reading folders is synchronous (three times as fast); leases are renewed in between. */
const FOLDERS_PER_TURN = 64;

/**
 * Files are git's to check when the room is used, by an index that is watched here; what was added beside them shows in
 * the folders. Undefined when something was added before this looked.
 */
const watchFolders = async (
  root: string,
  files: readonly string[],
): Promise<(() => Promise<boolean>) | undefined> => {
  const inside = namesInside(files);
  const folders = [...inside.keys()];
  const changed = await watchFiles(root, [INDEX, "", ...folders]);
  for (const [n, folder] of folders.entries()) {
    if (n % FOLDERS_PER_TURN === 0) await setImmediate();
    const names = readdirSync(join(root, folder));
    const expected = inside.get(folder);
    if (names.length !== expected?.size || names.some((name) => !expected.has(name))) return undefined;
  }
  return async () => (await changed()).length === 0;
};

/** What git lays out in each folder. */
const namesInside = (files: readonly string[]): ReadonlyMap<string, ReadonlySet<string>> => {
  const inside = new Map<string, Set<string>>([[TREE, new Set()]]);
  for (const file of files) {
    let path = join(TREE, file);
    for (let folder = dirname(path); folder !== "."; [path, folder] = [folder, dirname(folder)]) {
      const names = inside.get(folder) ?? new Set();
      inside.set(folder, names);
      const name = path.slice(folder.length + 1);
      if (names.has(name)) break;
      names.add(name);
    }
  }
  return inside;
};
