import { stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { LedgerError } from "../core/errors.js";
import { type Git, gitAt } from "./git.js";
import { userGit } from "./user-git.js";

export type GitObject = { readonly kind: "commit" | "tree"; readonly id: string };

/** Those of them that a repository does not have; it may be a checkout or a bare one, such as a ledger's own store. */
export const objectsMissing = async (
  folder: string,
  objects: readonly GitObject[],
): Promise<readonly GitObject[]> => {
  const git = await repositoryAt(resolve(folder));
  const missing: GitObject[] = [];
  for (const object of objects) {
    // What a statement says is no option of git's.
    if (!OBJECT_ID.test(object.id) || !(await isThere(git, object))) missing.push(object);
  }
  return missing;
};

const OBJECT_ID = /^[0-9a-f]{40}$/;

const isThere = (git: Git, { kind, id }: GitObject): Promise<boolean> =>
  git.run(["cat-file", "-t", id]).then(
    ({ stdout }) => stdout.trim() === kind,
    () => false,
  );

const repositoryAt = async (folder: string): Promise<Git> => {
  const facts = await stat(folder).catch(() => undefined);
  if (facts?.isDirectory() !== true)
    throw new LedgerError("file_not_found", `There is no folder "${folder}".`, {
      hint: "Give --repo a repository.",
    });
  const isBare = (await stat(join(folder, "objects")).catch(() => undefined))?.isDirectory() === true;
  return isBare ? gitAt(folder) : (await userGit(folder)).plumbing;
};
