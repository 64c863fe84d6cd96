import { lstat, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { ignoreExisting } from "./private-folder.js";

/** `cp` copies 9,000 files in a third of the time that Node needs, and can be stopped. */
export const copyCommand = (source: string, target: string): readonly string[] => {
  const reflink = process.platform === "linux" ? ["--reflink=auto"] : [];
  return ["cp", "-a", ...reflink, "--", source, target];
};

/** Makes what is missing, and never goes through a link: those in the tree were made by an agent. */
export const makeFolders = async (tree: string, parts: readonly string[]): Promise<string | undefined> => {
  let at = tree;
  for (const part of parts) {
    at = join(at, part);
    await mkdir(at).catch(ignoreExisting);
    if (!(await lstat(at)).isDirectory()) return undefined;
  }
  return at;
};

/** A link that leads nowhere is there, too. */
export const isThere = async (path: string): Promise<boolean> =>
  (await lstat(path).catch(() => undefined)) !== undefined;
