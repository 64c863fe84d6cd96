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

export type RoomAhead = { readonly folder: RegisteredFolder; readonly isUntouched: () => Promise<boolean> };

/** Undefined when somebody was in it before it could be watched. */
export const layAhead = async (
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
