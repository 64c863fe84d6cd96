import { copyFile, mkdir, readdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { LedgerError } from "../core/errors.js";
import { allEnded } from "./all-ended.js";
import type { Cone } from "./cone.js";
import { type Git, withScratch } from "./git.js";
import { makeGitFolder } from "./git-folder.js";
import { withObjects } from "./object-reader.js";
import { RUNLEDGER, writeIndex } from "./objects.js";
import { factsOf, layDifference } from "./room-files.js";
import { indexOf } from "./room-tree.js";
import { differenceOf, viewOf } from "./tree-view.js";

/**
 * An agent works in a repository of its own: one commit and its ancestors, and nothing else it could learn from, change or
 * be blamed for. Once it has been in there, no git of ours reads that repository again.
 */
export const createWorkspace = async (input: {
  readonly store: Git;
  /** Not there yet, or empty. */
  readonly folder: string;
  readonly commit: string;
  /** What of it is laid out. */
  readonly cone: Cone;
}): Promise<void> => {
  const { store, commit, cone } = input;
  const folder = resolve(input.folder);
  const gitDir = join(folder, ".git");
  await mkdir(folder, { recursive: true, mode: 0o700 });
  if ((await readdir(folder)).length > 0) {
    throw new LedgerError("workspace_unfit", `${folder} is not empty, so no workspace can be made there.`);
  }
  await makeGitFolder({ gitDir, branch: "runledger", commit, settings: IDENTITY, cone });
  await allEnded([copyHistoryInto(gitDir, store, commit), layClone(store, folder, commit, cone)]);
};

/** The store's objects are those that are being copied, and its attributes are the same. */
const layClone = async (store: Git, folder: string, commit: string, cone: Cone): Promise<void> => {
  const indexFile = join(folder, ".git", "index");
  if (cone.folders.length === 0) {
    await store.run(["read-tree", "-m", "-u", commit], { workTree: folder, indexFile });
    return;
  }
  const view = await viewOf(store, commit, cone);
  await withScratch(store, async (scratch) => {
    const files = { workTree: folder, indexFile: join(scratch, "index") };
    await writeIndex(store, files.indexFile, view.files);
    await store.run(["checkout-index", "--all"], files);
  });
  await writeFile(indexFile, indexOf({ commit, view, facts: await factsOf(folder, view.files) }));
};

/** Leaves a tree of the store as uncommitted files in a workspace of that commit that no agent has entered yet. */
export const layTree = async (input: {
  readonly store: Git;
  readonly folder: string;
  readonly commit: string;
  readonly tree: string;
  readonly cone: Cone;
}): Promise<void> => {
  const { store, folder, commit, tree, cone } = input;
  await withObjects(store, async (objects) =>
    layDifference(objects, folder, await differenceOf(objects, commit, tree, cone)),
  );
};

/** So that an agent can commit; it may change it. */
const IDENTITY = `[user]\n\tname = ${RUNLEDGER.name}\n\temail = ${RUNLEDGER.email}\n`;

/** The store is ours, so its pack is written as it is: no second hashing of a history that may be large. */
const copyHistoryInto = async (gitDir: string, store: Git, commit: string): Promise<void> => {
  const pack = join(gitDir, "objects", "pack", "pack");
  await store.run(["pack-objects", "--revs", "--quiet", "--delta-base-offset", pack], {
    input: `${commit}\n`,
  });
  await copyFile(join(store.gitDir, "shallow"), join(gitDir, "shallow")).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOENT") throw error;
    },
  );
};
