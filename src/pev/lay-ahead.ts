import { readdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setImmediate } from "node:timers/promises";
import type { Cone } from "./cone.js";
import type { Disposal, RegisteredFolder } from "./disposal.js";
import type { Git } from "./git.js";
import type { Places } from "./places.js";
import { factsOf, readLaidFiles } from "./room-files.js";
import { makeRoomFolder } from "./room-frame.js";
import { INDEX, type LaidTree, layCommit, TREE } from "./room-tree.js";
import { markOf, watchFiles } from "./written-files.js";

export type RoomAhead = {
  readonly folder: RegisteredFolder;
  /**
   * Asked when the room is taken, and nobody who could have touched it is at work any more; undefined when somebody has.
   * What was noted of files while somebody else could write to them proves nothing about their bytes, so these are read.
   */
  readonly untouched: () => Promise<LaidTree | undefined>;
};

export const layAhead = async (
  store: Git,
  { places, disposal, cone }: { readonly places: Places; readonly disposal: Disposal; readonly cone: Cone },
  runId: string,
  commit: string,
): Promise<RoomAhead> => {
  const folder = await makeRoomFolder(places, { runId });
  try {
    const view = await layCommit(store, folder, commit, cone);
    await rm(join(folder.path, INDEX));
    const inside = namesInside(view.files.map(({ path }) => path));
    const tree = join(folder.path, TREE);
    const before = await factsOf(tree, view.files);
    const folders = await watchFiles(folder.path, [...inside.keys()]);
    const untouched = async (): Promise<LaidTree | undefined> => {
      if ((await folders()).length > 0 || !(await holdsOnly(folder.path, inside))) return undefined;
      const facts = await readLaidFiles(tree, view.files);
      const isSame =
        facts !== undefined && [...facts].every(([path, now]) => markOf(now) === markOf(before.get(path)));
      return isSame ? { commit, view, facts } : undefined;
    };
    return { folder, untouched };
  } catch (error) {
    await disposal.later(folder);
    throw error;
  }
};

/** Reading folders is synchronous (three times as fast); leases are renewed in between. */
const FOLDERS_PER_TURN = 64;

type Inside = ReadonlyMap<string, ReadonlySet<string>>;

/** What was added beside the files shows in the folders; each of them a folder still, and no link to another one. */
const holdsOnly = async (root: string, inside: Inside): Promise<boolean> => {
  for (const [n, [folder, expected]] of [...inside].entries()) {
    if (n % FOLDERS_PER_TURN === 0) await setImmediate();
    const entries = readdirSync(join(root, folder), { withFileTypes: true });
    const isExpected = entries.every(
      (entry) => expected.has(entry.name) && entry.isDirectory() === inside.has(join(folder, entry.name)),
    );
    if (!isExpected || entries.length !== expected.size) return false;
  }
  return true;
};

/** What git lays out in each folder of the room, the room itself included. */
const namesInside = (files: readonly string[]): Inside => {
  const inside = new Map<string, Set<string>>([
    ["", new Set([TREE])],
    [TREE, new Set()],
  ]);
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
