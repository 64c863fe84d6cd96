import { mkdir, rename } from "node:fs/promises";
import { join } from "node:path";
import type { RegisteredFolder } from "./disposal.js";
import type { Git } from "./git.js";
import { makeGitFolder } from "./git-folder.js";

/** Where the files of a room lie; beside them, until the room is used, git's index of them. */
export const TREE = "tree";
export const INDEX = "index";

/**
 * Makes the files of a room those of a commit. Git writes what is not what its index says it left there, whoever changed
 * it and however well: in an empty folder that is everything, in one that was laid out before it is the difference.
 */
export const layCommit = async (store: Git, { path }: RegisteredFolder, commit: string): Promise<void> => {
  const workTree = join(path, TREE);
  await mkdir(workTree, { recursive: true });
  await store.run(["read-tree", "--reset", "-u", commit], { workTree, indexFile: join(path, INDEX) });
};

/** An index of what lies there, of which git knows nothing yet: so it compares the bytes of every file with the commit's. */
export const indexAnew = async (store: Git, { path }: RegisteredFolder, commit: string): Promise<void> => {
  const at = { workTree: join(path, TREE), indexFile: join(path, INDEX) };
  await store.run(["read-tree", commit], at);
  // It ends with 1 when something differs; that is written anew when the room is laid out for the verdict.
  await store.run(["update-index", "-q", "--refresh"], { ...at, okExitCodes: [0, 1] });
};

/** In a sandbox all files are nobody's, and the index has noted whose they are here. */
const OWNERS_DIFFER = "[core]\n\tcheckStat = minimal\n";

/**
 * The room has a git folder of its own for tests that ask git: branch, index and settings are thrown away with it, and
 * only objects are read from the store.
 */
export const giveGit = async (
  store: Git,
  { path }: RegisteredFolder,
  at: { readonly branch: string; readonly commit: string },
): Promise<void> => {
  const gitDir = join(path, TREE, ".git");
  await makeGitFolder({ gitDir, ...at, settings: OWNERS_DIFFER, borrows: join(store.gitDir, "objects") });
  await rename(join(path, INDEX), join(gitDir, "index"));
};
