import { type Dirent, lstatSync, opendirSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import type { IgnoreRules } from "./ignore.js";
import { below, type RawPath, rawOf, readInside, shown, systemCode, unfit } from "./untrusted.js";

/** Ten times a large repository; above it somebody forgot to ignore a build. */
export const ENTRIES_MAX = 200_000;
/** Deeper than any source tree, and far from where paths become too long for the system. */
export const DEPTH_MAX = 64;
/** Rules are lines written by people. */
const GITIGNORE_BYTES_MAX = 1_048_576;
/** Reading folders is synchronous (three times as fast); leases are renewed in between. */
const FOLDERS_PER_TURN = 32;

/** Where RunLedger writes a file for a model before it takes its name: one that a crash left there is nobody's work. */
export const DRAFT_NAME = ".runledger-draft.tmp";

export type Found = { readonly path: RawPath; readonly kind: "file" | "link" };

/**
 * Finds what belongs to the work in an agent's folder. An ignored folder is not listed, however large; what must come
 * along all the same (`always`) is looked up inside it by name.
 */
export const findWork = async (
  root: string,
  rules: IgnoreRules,
  always: Iterable<string>,
): Promise<Found[]> => {
  const found: Found[] = [];
  let seen = 0;
  let folders: Folder[] = [{ path: "", wanted: wantedTree(always), listed: true }];
  for (let depth = 0; folders.length > 0; depth += 1) {
    const entries: Entry[] = [];
    for (const [n, folder] of folders.entries()) {
      if (depth >= DEPTH_MAX)
        throw unfit(folder.path, `is ${depth} folders deep, where ${DEPTH_MAX} is too deep`);
      if (n % FOLDERS_PER_TURN === 0) await setImmediate();
      const inside = folder.listed ? listFolder(root, folder, ENTRIES_MAX - seen) : lookUp(root, folder);
      seen += inside.length;
      entries.push(...inside);
    }
    await learnRules(root, rules, entries);
    folders = await sortOut(rules, entries, found);
  }
  return found;
};

/** Paths that come along even when ignored, as a tree of names. */
type Wanted = { file: boolean; readonly inside: Map<RawPath, Wanted> };
type Folder = { readonly path: RawPath; readonly wanted: Wanted | undefined; readonly listed: boolean };
type Kind = "file" | "link" | "folder" | "other";
type Entry = {
  readonly path: RawPath;
  readonly kind: Kind;
  readonly wanted: Wanted | undefined;
  /** Found in a listed folder; otherwise looked up in an ignored one. */
  readonly listed: boolean;
};

const wantedTree = (paths: Iterable<string>): Wanted => {
  const top: Wanted = { file: false, inside: new Map() };
  for (const path of paths) {
    let at = top;
    for (const name of rawOf(path).split("/")) {
      const next: Wanted = at.inside.get(name) ?? { file: false, inside: new Map() };
      at.inside.set(name, next);
      at = next;
    }
    at.file = true;
  }
  return top;
};

const listFolder = (root: string, folder: Folder, entriesLeft: number): Entry[] => {
  const entries: Entry[] = [];
  const handle = unlessGone(folder.path, () => opendirSync(below(root, folder.path), { encoding: "latin1" }));
  if (handle === undefined) return entries;
  try {
    for (let entry = handle.readSync(); entry !== null; entry = handle.readSync()) {
      if (isGitFolder(entry.name)) continue;
      if (entries.length >= entriesLeft) {
        throw unfit(
          folder.path,
          `holds more than what is left of the ${ENTRIES_MAX} entries that are captured`,
        );
      }
      const wanted = folder.wanted?.inside.get(entry.name);
      entries.push({ path: pathIn(folder, entry.name), kind: kindOf(entry), wanted, listed: true });
    }
  } finally {
    handle.closeSync();
  }
  return entries;
};

const lookUp = (root: string, folder: Folder): Entry[] => {
  const entries: Entry[] = [];
  for (const [name, wanted] of folder.wanted?.inside ?? []) {
    const path = pathIn(folder, name);
    const facts = isGitFolder(name) ? undefined : unlessGone(path, () => lstatSync(below(root, path)));
    if (facts !== undefined) entries.push({ path, kind: kindOf(facts), wanted, listed: false });
  }
  return entries;
};

/** Whatever such a name stands for (an agent's repository, a pointer to another one), git would never track it. */
const isGitFolder = (name: RawPath): boolean => name.toLowerCase() === ".git";

const pathIn = (folder: Folder, name: RawPath): RawPath =>
  folder.path === "" ? name : `${folder.path}/${name}`;

const kindOf = (entry: Pick<Dirent, "isFile" | "isSymbolicLink" | "isDirectory">): Kind =>
  entry.isFile() ? "file" : entry.isSymbolicLink() ? "link" : entry.isDirectory() ? "folder" : "other";

/** An agent may still be deleting; what is gone is not part of its work. */
const unlessGone = <T>(path: RawPath, look: () => T): T | undefined => {
  try {
    return look();
  } catch (error) {
    const code = systemCode(error);
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw unfit(path, `cannot be read (${code})`);
  }
};

const learnRules = async (root: string, rules: IgnoreRules, entries: readonly Entry[]): Promise<void> => {
  for (const { path, kind, listed } of entries) {
    if (!listed || kind !== "file" || !/(^|\/)\.gitignore$/.test(path)) continue;
    const read = readInside(root, path, GITIGNORE_BYTES_MAX);
    if (read !== undefined) await rules.learn(path, read.bytes);
  }
};

/** Adds what belongs to the work to `found`, and answers the folders to look into next. */
const sortOut = async (rules: IgnoreRules, entries: readonly Entry[], found: Found[]): Promise<Folder[]> => {
  const asked = ({ path, kind }: Entry): RawPath => (kind === "folder" ? `${path}/` : path);
  const ignored = await rules.ignored(entries.filter(({ listed }) => listed).map(asked));
  const folders: Folder[] = [];
  for (const entry of entries) {
    const { path, kind, wanted } = entry;
    const counts = entry.listed && !ignored.has(asked(entry));
    if (kind === "folder") {
      if (counts || (wanted?.inside.size ?? 0) > 0) folders.push({ path, wanted, listed: counts });
    } else if (counts || wanted?.file === true) {
      if (kind === "other") throw unfit(path, "is neither a regular file nor a symbolic link");
      if (rawOf(shown(path)) !== path) throw unfit(path, "has a name that is not UTF-8");
      found.push({ path, kind });
    }
  }
  return folders;
};
