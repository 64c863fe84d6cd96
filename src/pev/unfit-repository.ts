import { isUtf8 } from "node:buffer";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { TOTAL_BYTES_MAX } from "./capture.js";
import type { Git } from "./git.js";
import { asksForLargeFiles, isPointer, POINTER_BYTES_MAX } from "./large-files.js";
import { type UserGit, unsupported } from "./user-git.js";
import { DEPTH_MAX, ENTRIES_MAX } from "./walk.js";

/** What no workspace could hold, or would lack in silence, is refused now, rather than after an agent's work. */
export const refuseUnfitTree = async (git: Git, user: UserGit, commit: string): Promise<void> => {
  const where = user.topLevel;
  if (user.partialClone)
    throw unsupported(where, "it is a partial clone, so some of its objects are elsewhere");
  const listing = await git.runBytes(["ls-tree", "-r", "-l", "-z", "--full-tree", commit]);
  const lines = listing.toString("utf8").split("\0").filter(Boolean).map(parseLine);
  const submodule = lines.find(({ mode }) => mode === "160000");
  if (submodule !== undefined) throw unsupported(where, `${submodule.path} is a submodule`);
  const odd = isUtf8(listing) ? undefined : lines.find(({ path }) => path.includes("\uFFFD"));
  if (odd !== undefined) throw unsupported(where, `the name ${odd.path} is not UTF-8`);
  const deep = lines.find(({ path }) => path.split("/").length > DEPTH_MAX);
  if (deep !== undefined) throw unsupported(where, `${deep.path} is deeper than ${DEPTH_MAX} folders`);
  if (lines.length > ENTRIES_MAX)
    throw unsupported(where, `it has ${lines.length} files, more than ${ENTRIES_MAX}`);
  const bytes = lines.reduce((sum, line) => sum + line.bytes, 0);
  if (bytes > TOTAL_BYTES_MAX)
    throw unsupported(where, `it has ${bytes} bytes, more than ${TOTAL_BYTES_MAX}`);
  await refuseLargeFileStorage(git, where, lines);
};

type Line = { readonly mode: string; readonly oid: string; readonly bytes: number; readonly path: string };

const parseLine = (line: string): Line => {
  const tab = line.indexOf("\t");
  const [mode = "", , oid = "", bytes = ""] = line.slice(0, tab).split(/ +/);
  return { mode, oid, bytes: Number(bytes) || 0, path: line.slice(tab + 1) };
};

/**
 * Attributes of the tree say it, or those that only the user's own git knows: then the checkout has the file and the
 * commit has the pointer to it. A pointer that is one in the checkout as well is somebody's test data.
 */
const refuseLargeFileStorage = async (git: Git, where: string, lines: readonly Line[]): Promise<void> => {
  const attributes = lines.filter(({ path, mode }) => FILE.test(mode) && ATTRIBUTES.test(path));
  for (const [n, text] of (await contentsOf(git, attributes)).entries())
    if (asksForLargeFiles(text.toString("utf8")))
      throw unsupported(where, `${attributes[n]?.path} keeps files in Git LFS`);
  const small = lines.filter(({ mode, bytes }) => FILE.test(mode) && isPointerSize(bytes));
  for (const [n, bytes] of (await contentsOf(git, small)).entries()) {
    const path = small[n]?.path ?? "";
    if (isPointer(bytes) && !(await isSame(join(where, path), bytes)))
      throw unsupported(where, `${path} is in Git LFS, and the commit has a pointer to it`);
  }
};

const FILE = /^100/;
const ATTRIBUTES = /(^|\/)\.gitattributes$/;

/** With the name of its object and a size no pointer is shorter. */
const isPointerSize = (bytes: number): boolean => bytes >= 120 && bytes <= POINTER_BYTES_MAX;

/** "OID TYPE SIZE", as many bytes, and the end of a line, for each. */
const contentsOf = async (git: Git, lines: readonly Line[]): Promise<readonly Buffer[]> => {
  if (lines.length === 0) return [];
  const input = lines.map(({ oid }) => `${oid}\n`).join("");
  const answer = await git.runBytes(["cat-file", "--batch"], { input });
  let at = 0;
  return lines.map(({ bytes }) => {
    const start = answer.indexOf(0x0a, at) + 1;
    at = start + bytes + 1;
    return answer.subarray(start, start + bytes);
  });
};

const isSame = (path: string, bytes: Buffer): Promise<boolean> =>
  readFile(path).then(
    (found) => found.equals(bytes),
    () => false,
  );
