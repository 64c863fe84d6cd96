import { copyFile, mkdir, readdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { LedgerError } from "../core/errors.js";
import { allEnded } from "./all-ended.js";
import { type Git, withScratch } from "./git.js";
import { makeGitFolder } from "./git-folder.js";
import { RUNLEDGER } from "./objects.js";

/**
 * An agent works in a repository of its own: one commit and its ancestors, and nothing else it could learn from, change or
 * be blamed for. Once it has been in there, no git of ours reads that repository again.
 */
export const createWorkspace = async (input: {
  readonly store: Git;
  /** Not there yet, or empty. */
  readonly folder: string;
  readonly commit: string;
}): Promise<void> => {
  const { store, commit } = input;
  const folder = resolve(input.folder);
  const gitDir = join(folder, ".git");
  await mkdir(folder, { recursive: true, mode: 0o700 });
  if ((await readdir(folder)).length > 0) {
    throw new LedgerError("workspace_unfit", `${folder} is not empty, so no workspace can be made there.`);
  }
  await makeGitFolder({ gitDir, branch: "runledger", commit, settings: IDENTITY });
  // The store's objects are those that are being copied, and its attributes are the same.
  const files = { workTree: folder, indexFile: join(gitDir, "index") };
  await allEnded([
    copyHistoryInto(gitDir, store, commit),
    store.run(["read-tree", "-m", "-u", commit], files),
  ]);
};

/** Leaves a tree of the store as uncommitted files in a workspace that no agent has entered yet. */
export const layTree = async (input: {
  readonly store: Git;
  readonly folder: string;
  readonly tree: string;
}): Promise<void> => {
  const { store, folder, tree } = input;
  await withScratch(store, async (scratch) => {
    const indexFile = join(scratch, "index");
    await copyFile(join(folder, ".git", "index"), indexFile);
    await store.run(["read-tree", "--reset", "-u", tree], { indexFile, workTree: folder });
  });
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
