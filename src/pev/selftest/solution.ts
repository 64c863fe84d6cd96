import { readFile, stat } from "node:fs/promises";
import { resolve } from "node:path";
import { isLedgerError, LedgerError } from "../../core/errors.js";
import type { Redactor } from "../../core/redact.js";
import type { ValidatorSpec } from "../../core/spec.js";
import { captureTree } from "../capture.js";
import { fetchCommit } from "../checkout.js";
import { coneOf } from "../cone.js";
import type { Git } from "../git.js";
import { commitTree, keep } from "../objects.js";
import { userGit } from "../user-git.js";
import { treeOfPatch } from "./changes.js";

/** A reference solution as a proposal names it: `commit` on top of `base`. */
export type Solution = { readonly base: string; readonly commit: string };

export type SolutionSource = {
  readonly store: Git;
  readonly runId: string;
  readonly projectDir: string;
  /** Where relative paths start. */
  readonly directory: string;
  /** The base of the trial. */
  readonly base: string;
  readonly validators: readonly ValidatorSpec[];
  readonly redactor: Redactor;
};

// Honest work comes in whatever form people have it: a commit, branch or range of the project, a patch, a folder.
export const openSolution = async (source: SolutionSource, given: string): Promise<Solution> => {
  const path = resolve(source.directory, given);
  const facts = await stat(path).catch(() => undefined);
  const found = facts?.isDirectory()
    ? await ofTree(source, await treeOfFolder(source, path))
    : facts?.isFile()
      ? await ofTree(source, await patchedTree(source, path, given))
      : await ofCommits(source, given);
  await keep(source.store, source.runId, found.commit);
  const { stdout } = await source.store.run(["diff-tree", "--name-only", "-r", found.base, found.commit]);
  if (stdout !== "") return found;
  throw new LedgerError("invalid_input", `The solution "${given}" changes nothing.`, {
    hint: "Name the commit, branch, range, patch or folder that holds the finished work.",
  });
};

const ofTree = async ({ store, base }: SolutionSource, tree: string): Promise<Solution> => {
  const message = "The reference solution\n";
  const commit = await commitTree({ store, tree, parent: base, message, at: new Date(0).toISOString() });
  return { base, commit };
};

const treeOfFolder = async (source: SolutionSource, folder: string): Promise<string> => {
  const { store, base, validators, redactor } = source;
  const alsoPaths = validators.flatMap(({ type, target }) => (type === "artifact_exists" ? [target] : []));
  return (
    await captureTree({ store, folder, baseCommit: base, alsoPaths, leftOut: [], cone: coneOf([]), redactor })
  ).tree;
};

const patchedTree = async ({ store, base }: SolutionSource, file: string, given: string): Promise<string> => {
  try {
    return await treeOfPatch(store, base, await readFile(file));
  } catch (error) {
    if (!isLedgerError(error, "git_failed")) throw error;
    throw new LedgerError("invalid_input", `The patch "${given}" does not fit the base: ${error.message}`, {
      hint: "Make it with git diff or git format-patch against the commit that is checked out.",
      cause: error,
    });
  }
};

/** A range says where the work began; a commit or branch began where it left the base. */
const ofCommits = async (source: SolutionSource, given: string): Promise<Solution> => {
  const { store, projectDir } = source;
  const [from, to] = given.includes("..") ? given.split(/\.{2,3}/) : [undefined, given];
  const user = await userGit(projectDir);
  const commitOf = async (name: string): Promise<string> => {
    const args = ["rev-parse", "--verify", "--quiet", "--end-of-options", `${name || "HEAD"}^{commit}`];
    const commit = await user.run(args).catch(() => "");
    if (commit === "")
      throw new LedgerError("file_not_found", `There is no commit, branch, patch or folder "${name}".`, {
        hint: "A reference solution is a commit, branch or range of this repository, a patch file or a folder.",
      });
    return commit.trim();
  };
  const commit = await commitOf(to ?? "");
  await fetchCommit(store, user, commit);
  if (from !== undefined) return { base: await commitOf(from), commit };
  const { stdout } = await store.run(["merge-base", source.base, commit], { okExitCodes: [0, 1] });
  if (stdout.trim() !== "") return { base: stdout.trim(), commit };
  throw new LedgerError("invalid_input", `"${given}" has no commit in common with the base.`, {
    hint: "Give it as a patch or as a folder.",
  });
};
