import { realpath } from "node:fs/promises";
import { relative } from "node:path";
import type { ChangedFile } from "../../validators/room.js";
import { unheld } from "./isolation/isolation.js";
import { makeRoomFolder, type OwnedRoom, openRoomFrame, type RoomFrameOptions } from "./room-frame.js";
import { treeFiles } from "./tree-files.js";
import { userGit } from "./user-git.js";

/**
 * Without workspace isolation the project folder itself is judged, as seed 002 describes: nothing is unpacked, there is no
 * base to run anything at, and what changed is what git would show the user. Only the scratch folder is ours.
 */
export const openProjectRoom = async (
  options: Omit<RoomFrameOptions, "isolation"> & { readonly projectDir: string },
): Promise<OwnedRoom> => {
  const { projectDir, places, disposal, runId, name } = options;
  const folder = await makeRoomFolder(places, { runId, stepId: name });
  const dispose = (): Promise<void> => disposal.later(folder);
  const frame = await openRoomFrame({ ...options, isolation: unheld }, folder).catch(
    async (error: unknown) => {
      await dispose();
      throw error;
    },
  );
  return {
    ...frame.commandsIn(projectDir),
    ...treeFiles(projectDir),
    scratch: frame.scratch,
    readScratch: frame.readScratch,
    writeScratch: frame.writeScratch,
    listScratch: frame.listScratch,
    changedFiles: () => uncommittedChanges(projectDir),
    atBase: async () => undefined,
    layHeldOut: async () => undefined,
    atBaseWith: async () => undefined,
    cachedAtBase: async () => undefined,
    // The user's own folder has its dependencies already.
    provision: async () => {
      await frame.fillCaches(projectDir);
      return [];
    },
    // The user and agents work in there meanwhile, and no commit says how it should be.
    changedWhileJudged: async () => [],
    foundAtWalls: async () => frame.foundAtWalls(),
    dispose,
  };
};

/** Paths are those of the project, which may be a folder inside its repository. */
const uncommittedChanges = async (projectDir: string): Promise<readonly ChangedFile[]> => {
  const git = await userGit(projectDir);
  const prefix = relative(git.topLevel, await realpath(projectDir));
  const args = ["status", "--porcelain=v2", "-z", "--untracked-files=all", "--find-renames"];
  const output = await git.run(prefix === "" ? args : [...args, "--", prefix]);
  const below = (path: string): string => relative(prefix, path);
  return parseStatus(output).map((changed) => ({
    ...changed,
    path: below(changed.path),
    ...(changed.from === undefined ? {} : { from: below(changed.from) }),
  }));
};

/** Porcelain v2: a rename is followed by its old path as a field of its own. */
const parseStatus = (output: string): readonly ChangedFile[] => {
  const fields = output.split("\0");
  const changed: ChangedFile[] = [];
  for (let n = 0; n < fields.length; n += 1) {
    const field = fields[n] ?? "";
    if (field.startsWith("? ")) changed.push({ path: field.slice(2), change: "added" });
    if (field.startsWith("1 "))
      changed.push({ path: pathAfter(field, 8), change: changeOf(field.slice(2, 4)) });
    if (field.startsWith("u ")) changed.push({ path: pathAfter(field, 10), change: "modified" });
    if (field.startsWith("2 ")) {
      changed.push({ path: pathAfter(field, 9), change: "renamed", from: fields[n + 1] ?? "" });
      n += 1;
    }
  }
  return changed;
};

const pathAfter = (field: string, spaces: number): string => field.split(" ").slice(spaces).join(" ");

/** First letter: index against HEAD; second: files against index. */
const changeOf = (xy: string): ChangedFile["change"] => {
  if (xy.includes("D")) return "deleted";
  return xy.includes("A") ? "added" : "modified";
};
