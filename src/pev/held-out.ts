import { lstat, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { LaidFile } from "../../validators/room.js";
import { digestOf, sha256 } from "../core/canonical.js";
import { LedgerError } from "../core/errors.js";
import { isWithin } from "../core/within.js";
import type { Project } from "./project.js";
import { partsOf } from "./tree-files.js";
import { userGit } from "./user-git.js";
import { findIncluded, INCLUDE_FILE } from "./worktree-include.js";

/** Tests that no workspace ever holds, read from the user's checkout. */
export type HeldOut = {
  readonly folder: string;
  /** Of all paths and bytes. */
  readonly digest: string;
  /** By their paths in the tree they are laid over. */
  readonly files: readonly LaidFile[];
};

/** Tests are text that people write; these bounds are far above it. */
const FILES_MAX = 2_000;
const BYTES_MAX = 67_108_864;

/**
 * Reads them, or refuses with what is wrong: a folder that git tracks, or would capture, or that is copied into workspaces,
 * is one that agents see.
 */
export const readHeldOut = async (
  project: Pick<Project, "folder" | "share" | "ownFiles" | "store">,
  folder: string,
): Promise<HeldOut> => {
  if (project.store === null)
    throw unfit(folder, "is in the folder where agents work, without workspace isolation");
  const parts = partsOf(folder);
  if (parts === undefined || parts.length === 0) throw unfit(folder, "is no folder inside the project");
  const path = parts.join("/");
  await requireUnseen(project, path);
  const files: LaidFile[] = [];
  await readBelow(join(project.folder, path), "", path, files);
  if (files.length === 0) throw unfit(path, "is empty");
  const digest = digestOf(files.map(({ path: name, bytes }) => [name, sha256(bytes)]));
  return { folder: path, digest, files };
};

const requireUnseen = async (
  { folder, share, ownFiles }: Pick<Project, "folder" | "share" | "ownFiles">,
  path: string,
): Promise<void> => {
  let at = folder;
  for (const part of path.split("/")) {
    at = join(at, part);
    const facts = await lstat(at).catch(() => undefined);
    if (facts === undefined) throw unfit(path, "does not exist in your checkout");
    if (!facts.isDirectory()) throw unfit(path, "is no folder, or lies behind a link");
  }
  const git = await userGit(folder);
  const listed = (...options: string[]) =>
    git.run(["--literal-pathspecs", "ls-files", "-z", ...options, "--", path]);
  if ((await listed()) !== "") throw unfit(path, "is tracked by git, so every workspace holds it");
  if ((await listed("--others", "--exclude-standard")) !== "")
    throw unfit(path, "is not ignored by git, so a run could capture it");
  const isPart = (one: string) => isWithin(one, path) || isWithin(path, one);
  if (share.some((one) => isPart(partsOf(one)?.join("/") ?? "")))
    throw unfit(path, "is copied into workspaces by workspace.share");
  const included = await findIncluded({ projectDir: folder, ownFiles });
  if (included.files.some((one) => isPart(one.path)))
    throw unfit(path, `is copied into workspaces by ${INCLUDE_FILE}`);
};

const readBelow = async (at: string, prefix: string, folder: string, files: LaidFile[]): Promise<void> => {
  for (const entry of await readdir(at, { withFileTypes: true })) {
    const path = `${prefix}${entry.name}`;
    if (entry.isDirectory()) await readBelow(join(at, entry.name), `${path}/`, folder, files);
    else if (!entry.isFile() || partsOf(path) === undefined)
      throw unfit(folder, `holds ${path}, which is no regular file of a project`);
    else files.push({ path, bytes: await readFile(join(at, entry.name)) });
    const bytes = files.reduce((sum, file) => sum + file.bytes.length, 0);
    if (files.length > FILES_MAX || bytes > BYTES_MAX)
      throw unfit(folder, `holds more than ${FILES_MAX} files or ${BYTES_MAX} bytes`);
  }
};

const unfit = (folder: string, why: string): LedgerError =>
  new LedgerError("held_out_unfit", `The folder of held-out tests (${folder}) ${why}.`, {
    hint: "Put the tests into a folder of your checkout that .gitignore or .git/info/exclude names and that nothing copies, laid out like the project.",
    details: { path: folder, reason: why },
  });
