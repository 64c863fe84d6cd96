import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { allEnded } from "./all-ended.js";
import type { Cone } from "./cone.js";
import type { RegisteredFolder } from "./disposal.js";
import type { Git } from "./git.js";
import { makeGitFolder } from "./git-folder.js";
import { indexBytes } from "./index-file.js";
import { withObjects } from "./object-reader.js";
import { writeIndex } from "./objects.js";
import { type Facts, factsOf, layDifference } from "./room-files.js";
import { applied, differenceOf, type View, viewOf } from "./tree-view.js";

/** Where the files of a room lie; beside them, until they are laid out, git's index of them. */
export const TREE = "tree";
export const INDEX = "index";

/** The files of a commit in a folder, each known to be what the commit says. */
export type LaidTree = { readonly commit: string; readonly view: View; readonly facts: Facts };

/** Git writes the files of a commit into an empty folder: as many at once, nothing is faster. */
export const layCommit = async (
  store: Git,
  { path }: RegisteredFolder,
  commit: string,
  cone: Cone,
): Promise<View> => {
  const at = { workTree: join(path, TREE), indexFile: join(path, INDEX) };
  await mkdir(at.workTree);
  const listing = viewOf(store, commit, cone);
  if (cone.folders.length === 0)
    await allEnded([listing, store.run(["read-tree", "--reset", "-u", commit], at)]);
  else {
    await writeIndex(store, at.indexFile, (await listing).files);
    await store.run(["checkout-index", "--all"], at);
  }
  return listing;
};

/** Makes the files of another commit out of what lies there, by the difference alone. */
export const layNext = async (
  store: Git,
  { path }: RegisteredFolder,
  { commit, view, facts }: LaidTree,
  next: string,
  cone: Cone,
): Promise<LaidTree> => {
  if (commit === next) return { commit, view, facts };
  return withObjects(store, async (objects) => {
    const difference = await differenceOf(objects, commit, next, cone);
    const written = await layDifference(objects, join(path, TREE), difference);
    return { commit: next, view: applied(view, difference), facts: new Map([...facts, ...written]) };
  });
};

/** What is known of files that git has just written where nobody else could be. */
export const laidTree = async (
  { path }: RegisteredFolder,
  commit: string,
  view: View,
): Promise<LaidTree> => ({ commit, view, facts: await factsOf(join(path, TREE), view.files) });

/** In a sandbox all files are nobody's, and the index has noted whose they are here. */
const OWNERS_DIFFER = "[core]\n\tcheckStat = minimal\n";

/**
 * The room has a git folder of its own for tests that ask git: branch, index and settings are thrown away with it, and
 * only objects are read from the store.
 */
export const giveGit = async (
  store: Git,
  { path }: RegisteredFolder,
  at: { readonly branch: string; readonly commit: string; readonly cone: Cone },
  laid: LaidTree | null,
): Promise<void> => {
  const { branch, commit, cone } = at;
  const gitDir = join(path, TREE, ".git");
  await makeGitFolder({
    gitDir,
    branch,
    commit,
    cone,
    settings: OWNERS_DIFFER,
    borrows: join(store.gitDir, "objects"),
  });
  if (laid === null) return rename(join(path, INDEX), join(gitDir, "index"));
  await rm(join(path, INDEX), { force: true });
  await writeFile(join(gitDir, "index"), indexOf(laid));
};

/** Nothing is laid out of a folder outside of the cone. */
export const indexOf = ({ view, facts }: LaidTree): Buffer =>
  indexBytes([...view.files.map((file) => ({ ...file, facts: facts.get(file.path) })), ...view.folders]);
