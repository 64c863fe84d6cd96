import { constants, type Stats } from "node:fs";
import { lstat, open, readdir } from "node:fs/promises";
import { join } from "node:path";
import type { FileStat } from "../../validators/room.js";

/** What can be asked about files below one root. */
export interface TreeFiles {
  stat(path: string): Promise<FileStat | undefined>;
  /** At most `bytesMax` bytes from the beginning of a regular file. */
  read(path: string, bytesMax: number): Promise<Buffer | undefined>;
  list(path: string): Promise<readonly string[]>;
}

/**
 * Answers only about what lies below the root, whatever path is asked and whatever links were planted: each part of a
 * path must be a real folder. Nothing runs in a room while its files are read, so what was looked at stays what it was.
 */
export const treeFiles = (root: string): TreeFiles => ({
  stat: async (path) => {
    const found = await locate(root, path);
    return found && { kind: kindOf(found.stats), bytes: found.stats.size };
  },
  read: async (path, bytesMax) => {
    const found = await locate(root, path);
    return found?.stats.isFile() ? readHead(found.path, bytesMax) : undefined;
  },
  list: async (path) => {
    const found = await locate(root, path);
    if (!found?.stats.isDirectory()) return [];
    const names = await readdir(found.path);
    return names.filter((name) => found.path !== root || !isGit(name)).sort();
  },
});

/** The parts of a path that stays below its root; undefined for every other, and for our own git folder. */
export const partsOf = (path: string): readonly string[] | undefined => {
  if (path.startsWith("/") || path.includes("\0")) return undefined;
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  return parts.includes("..") || isGit(parts[0] ?? "") ? undefined : parts;
};

const locate = async (root: string, path: string): Promise<{ path: string; stats: Stats } | undefined> => {
  const parts = partsOf(path);
  if (parts === undefined) return undefined;
  let at = root;
  let stats = await lstat(at);
  for (const part of parts) {
    if (!stats.isDirectory()) return undefined;
    at = join(at, part);
    const next = await lstat(at).catch(() => undefined);
    if (next === undefined) return undefined;
    stats = next;
  }
  return { path: at, stats };
};

const isGit = (name: string): boolean => name.toLowerCase() === ".git";

const kindOf = (stats: Stats): FileStat["kind"] => {
  if (stats.isFile()) return "file";
  if (stats.isDirectory()) return "folder";
  return stats.isSymbolicLink() ? "link" : "other";
};

/** Opened so that a link is refused and a pipe does not hang, should the file have been exchanged after all. */
const readHead = async (path: string, bytesMax: number): Promise<Buffer | undefined> => {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const file = await open(path, flags).catch(() => undefined);
  if (file === undefined) return undefined;
  try {
    const stats = await file.stat();
    if (!stats.isFile()) return undefined;
    const buffer = Buffer.alloc(Math.min(bytesMax, stats.size));
    let length = 0;
    while (length < buffer.length) {
      const { bytesRead } = await file.read(buffer, length, buffer.length - length, length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    return buffer.subarray(0, length);
  } finally {
    await file.close();
  }
};
