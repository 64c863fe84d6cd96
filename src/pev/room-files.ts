import { createHash } from "node:crypto";
import {
  type BigIntStats,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readlinkSync,
  readSync,
  rmdirSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { FOLDER } from "./index-file.js";
import type { ObjectReader } from "./object-reader.js";
import type { TreeEntry } from "./objects.js";
import type { Difference } from "./tree-view.js";

/** Reading and writing is synchronous (three times as fast); leases are renewed in between. */
const FILES_PER_TURN = 128;
const CHUNK_BYTES = 1_048_576;

/** What the system says of each file that lies there as its commit has it, by path. */
export type Facts = ReadonlyMap<string, BigIntStats>;

/**
 * Reads every file once and compares its bytes with the object's name; undefined when one is another, or something else
 * than a file or link of its own.
 */
export const readLaidFiles = async (
  root: string,
  files: readonly TreeEntry[],
): Promise<Facts | undefined> => {
  const found = new Map<string, BigIntStats>();
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
  for (const [n, entry] of files.entries()) {
    if (n % FILES_PER_TURN === 0) await setImmediate();
    const facts = readLaidFile(join(root, entry.path), entry, chunk);
    if (facts === undefined) return undefined;
    found.set(entry.path, facts);
  }
  return found;
};

/** Of files that nobody but us can have written. */
export const factsOf = async (root: string, files: readonly TreeEntry[]): Promise<Facts> => {
  const found = new Map<string, BigIntStats>();
  for (const [n, { path }] of files.entries()) {
    if (n % FILES_PER_TURN === 0) await setImmediate();
    found.set(path, lstatSync(join(root, path), { bigint: true }));
  }
  return found;
};

/** Makes one tree out of another, and answers with the facts of what it wrote. What is gone goes first: a folder may come there. */
export const layDifference = async (
  objects: ObjectReader,
  root: string,
  { gone, made }: Difference,
): Promise<Facts> => {
  for (const { path, mode } of gone) {
    if (mode === FOLDER) continue;
    unlinkSync(join(root, path));
    removeEmpty(root, dirname(path));
  }
  const written = new Map<string, BigIntStats>();
  for (const { path, mode, oid } of made) {
    if (mode === FOLDER) continue;
    const target = join(root, path);
    mkdirSync(dirname(target), { recursive: true });
    const bytes = await objects.blob(oid);
    if (mode === LINK) symlinkSync(bytes, target);
    else writeFileSync(target, bytes, { flag: "wx", mode: mode === EXECUTABLE ? 0o777 : 0o666 });
    written.set(path, lstatSync(target, { bigint: true }));
  }
  return written;
};

const LINK = "120000";
const EXECUTABLE = "100755";

const removeEmpty = (root: string, folder: string): void => {
  for (let at = folder; at !== "."; at = dirname(at))
    try {
      rmdirSync(join(root, at));
    } catch {
      // Something is left in it.
      return;
    }
};

const readLaidFile = (path: string, { mode, oid }: TreeEntry, chunk: Buffer): BigIntStats | undefined => {
  try {
    if (mode !== LINK) return readFile(path, mode === EXECUTABLE, oid, chunk);
    const facts = lstatSync(path, { bigint: true });
    const target = readlinkSync(path, { encoding: "buffer" });
    return nameOf(target) === oid && isItsOwn(facts) ? facts : undefined;
  } catch {
    // Gone, no link, or not to be opened: somebody was here.
    return undefined;
  }
};

const readFile = (path: string, executable: boolean, oid: string, chunk: Buffer): BigIntStats | undefined => {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const facts = fstatSync(fd, { bigint: true });
    if (!facts.isFile() || !isItsOwn(facts)) return undefined;
    if (((facts.mode & BigInt(constants.S_IXUSR)) !== 0n) !== executable) return undefined;
    const hash = createHash("sha1").update(`blob ${facts.size}\0`);
    for (let read = readSync(fd, chunk); read > 0; read = readSync(fd, chunk))
      hash.update(chunk.subarray(0, read));
    return hash.digest("hex") === oid ? facts : undefined;
  } finally {
    closeSync(fd);
  }
};

/** A second name of a file is a way to write it from elsewhere. */
const isItsOwn = ({ nlink }: BigIntStats): boolean => nlink === 1n;

const nameOf = (bytes: Buffer): string =>
  createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex");
