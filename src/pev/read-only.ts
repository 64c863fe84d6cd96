import { lstat, realpath } from "node:fs/promises";
import { join } from "node:path";
import { isInstalled, isLockfile } from "./dependency-files.js";
import type { Git } from "./git.js";
import { listTree } from "./objects.js";
import { judgeFileMatcher } from "./protect.js";

/** Each of them is a mount of the sandbox, and a start has to stay cheap; what was written is looked for in all files anyway. */
const FILES_MAX = 200;

/** Where a file's content is what it is; links and submodules are not. */
const REGULAR = /^100/;

/**
 * The files of a commit that decide what its tests mean, as paths in the tree: nobody may write to them while these run.
 * Tests and golden files are not among them, for some projects' tests write there by habit, nor are packages that lie in
 * the tree, for they alone would be too many.
 */
export const judgeFiles = async (
  store: Git,
  commit: string,
  protect: readonly string[],
): Promise<readonly string[]> => {
  const isJudge = judgeFileMatcher(protect);
  const found = (await listTree(store, commit)).filter(
    ({ mode, path }) => REGULAR.test(mode) && isJudge(path) && !isLockfile(path) && !isInstalled(path),
  );
  return found.slice(0, FILES_MAX).map(({ path }) => path);
};

/** Absolute, and only what still is a file at that very place: set-up may have made something else of it. */
export const standingFiles = async (tree: string, paths: readonly string[]): Promise<readonly string[]> => {
  const found = paths.map(async (path) => {
    const file = join(tree, path);
    const isFile = (await lstat(file).catch(() => undefined))?.isFile() === true;
    return isFile && (await realpath(file)) === file ? [file] : [];
  });
  return (await Promise.all(found)).flat();
};
