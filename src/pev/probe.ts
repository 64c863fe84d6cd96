import { existsSync } from "node:fs";
import { join } from "node:path";
import { isLedgerError } from "../core/errors.js";
import { headOf, requireFolders } from "./checkout.js";
import { isInCone } from "./cone.js";
import { listTree } from "./objects.js";
import type { Project } from "./project.js";
import { whyNotCached } from "./setup-cache.js";
import { refuseUnfitTree } from "./unfit-repository.js";
import { userGit } from "./user-git.js";
import { findIncluded, INCLUDE_FILE, unignoredMatches } from "./worktree-include.js";

// What a run would find in the user's repository, in one sentence; throws LedgerError where it would be refused.
export const probeRepository = async ({ folder, store }: Project): Promise<string> => {
  if (store === null) return probeUnneeded(folder);
  const git = await userGit(folder);
  await refuseUnfitTree(git.plumbing, git, await headOf(git));
  return `${git.topLevel} at ${(await git.run(["rev-parse", "--short", "HEAD"])).trim()}`;
};

/** What changed in the folder is still what git says of it. */
const probeUnneeded = (folder: string): Promise<string> =>
  userGit(folder).then(
    () => "not needed without workspace isolation",
    (error: unknown) => {
      if (!isLedgerError(error)) throw error;
      return "none that can be used: without workspace isolation only file_changed and test_pass need one";
    },
  );

/** What a run would not see, because it is in no commit; nothing where there is no repository to look at. */
export const uncommittedPaths = async ({ folder, store, ownFiles }: Project): Promise<readonly string[]> => {
  if (store === null) return [];
  const git = await userGit(folder).catch((error: unknown) => {
    // Told by the probe above.
    if (isLedgerError(error)) return undefined;
    throw error;
  });
  const status = await git?.run(["status", "--porcelain", "-z", "--no-renames"]);
  return (status ?? "")
    .split("\0")
    .filter(Boolean)
    .map((line) => line.slice(3))
    .filter((path) => git !== undefined && !ownFiles.includes(join(git.topLevel, path)));
};

/** What `.worktreeinclude` brings into fresh trees; null when there is no such list. */
export const probeIncluded = async ({ folder, store, ownFiles }: Project): Promise<IncludedFound | null> => {
  if (store === null || !existsSync(join(folder, INCLUDE_FILE))) return null;
  const checkout = { projectDir: folder, ownFiles };
  const { files, problem } = await findIncluded(checkout);
  if (problem !== null) return { problem };
  return { files: files.length, unignored: await unignoredMatches(checkout) };
};

export type IncludedFound =
  | { readonly problem: string }
  | {
      readonly files: number;
      /** Files that it names and git does not ignore, so they are not copied. */
      readonly unignored: readonly string[];
    };

/** Why workspace.cache keeps nothing; null when it does, or when it says nothing. */
export const probeCache = async ({ folder, store, cache }: Project): Promise<string | null> => {
  if (store === null || cache.length === 0) return null;
  const git = await userGit(folder);
  return whyNotCached(await listTree(git.plumbing, await headOf(git)), cache);
};

/** Throws LedgerError where a folder of workspace.sparse is not there; how many files remain of how many. */
export const probeSparse = async ({ folder, store, cone }: Project): Promise<readonly [number, number]> => {
  const git = await userGit(folder);
  const head = await headOf(git);
  if (store !== null) await requireFolders(git.plumbing, head, cone.folders);
  const all = await listTree(git.plumbing, head);
  return [all.filter(({ path }) => isInCone(cone, path)).length, all.length];
};
