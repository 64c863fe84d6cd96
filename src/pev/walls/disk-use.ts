import { readdirSync, statfsSync, statSync } from "node:fs";
import { lstat, opendir } from "node:fs/promises";
import { join } from "node:path";
import type { Limits, Wall } from "../../core/walls.js";

export type DiskWatch = {
  /** The wall that what lies below the folder has gone past. At the end nothing is put off. */
  look(when: "meanwhile" | "at the end"): Promise<Extract<Wall, "disk" | "files"> | undefined>;
  /** Whether the file system was ever seen full. */
  wasFull(): boolean;
};

type Bounds = Pick<Limits, "diskBytes" | "files">;

/** Counting a folder costs a second for a hundred thousand files, so it is done when the file system shrank by this share of a wall. */
const SHARE = 1 / 8;
/** A fifth of the time at most. */
const REST_FACTOR = 4;
/** It is also done so often, because others may free as much as this call writes, and not every file system counts its files. */
const RECOUNT_MS = 5_000;
/** Then it takes a twentieth of the time at most. */
const RECOUNT_FACTOR = 19;
/** Below this every write of any size fails. */
const FULL_BYTES = 1024 ** 2;

/**
 * Watches what the processes of one call write. The file system as a whole tells in no time whether there is anything to
 * count.
 */
export const watchDisk = (
  folder: string,
  bounds: Bounds,
  processes: () => readonly number[],
): DiskWatch | undefined => {
  const dev = statOf(folder)?.dev;
  const before = freeIn(folder);
  if (dev === undefined || before === undefined) return undefined;
  let free = before;
  let full = isFull(free);
  let countedAt = performance.now();
  let countMs = 0;
  const isDue = (now: Free, isLast: boolean): boolean => {
    const since = performance.now() - countedAt;
    if (!isLast && since < countMs * REST_FACTOR) return false;
    if (free.bytes - now.bytes > bounds.diskBytes * SHARE) return true;
    if (since > Math.max(RECOUNT_MS, countMs * RECOUNT_FACTOR)) return true;
    if (now.files === undefined || free.files === undefined) return isLast;
    return free.files - now.files > bounds.files * SHARE;
  };
  return {
    wasFull: () => full,
    look: async (when) => {
      const now = freeIn(folder);
      // A program can remove the folder that it works in.
      if (now === undefined) return undefined;
      full ||= isFull(now);
      // What others have freed is there to be filled again.
      if (now.bytes > free.bytes || (now.files ?? 0) > (free.files ?? 0)) free = largerOf(free, now);
      if (!isDue(now, when === "at the end")) return undefined;
      const startedAt = performance.now();
      const taken = await takenBelow(folder, bounds);
      countedAt = performance.now();
      countMs = countedAt - startedAt;
      free = now;
      if (taken.files > bounds.files) return "files";
      return taken.bytes + heldBy(processes(), dev) > bounds.diskBytes ? "disk" : undefined;
    },
  };
};

/** `files` undefined where the file system has no fixed number of them. */
type Free = { readonly bytes: number; readonly files: number | undefined };

const freeIn = (folder: string): Free | undefined => {
  try {
    const { bavail, bsize, files, ffree } = statfsSync(folder);
    return { bytes: bavail * bsize, files: files > 0 ? ffree : undefined };
  } catch {
    return undefined;
  }
};

const isFull = ({ bytes, files }: Free): boolean => bytes < FULL_BYTES || files === 0;

const largerOf = (one: Free, two: Free): Free => ({
  bytes: Math.max(one.bytes, two.bytes),
  files: one.files === undefined || two.files === undefined ? undefined : Math.max(one.files, two.files),
});

type Taken = { readonly bytes: number; readonly files: number };

const BLOCK_BYTES = 512;
/** Names that are read, and files that are looked at, at once. */
const BATCH = 64;

/** Stops when it is too much of either. Holes in files take no room; what has several names is shared among them. */
const takenBelow = async (folder: string, { diskBytes, files: filesMax }: Bounds): Promise<Taken> => {
  let bytes = 0;
  let files = 0;
  const folders = [folder];
  const count = async (path: string): Promise<void> => {
    const stat = await lstat(path).catch(() => undefined);
    if (stat === undefined) return;
    files += 1;
    bytes += (stat.blocks * BLOCK_BYTES) / (stat.isDirectory() ? 1 : stat.nlink || 1);
    if (stat.isDirectory()) folders.push(path);
  };
  for (let at = folders.pop(); at !== undefined; at = folders.pop()) {
    for await (const batch of batchesIn(at)) {
      await Promise.all(batch.map(count));
      if (bytes > diskBytes || files > filesMax) return { bytes, files };
    }
  }
  return { bytes, files };
};

async function* batchesIn(folder: string): AsyncGenerator<readonly string[]> {
  const entries = await opendir(folder, { bufferSize: BATCH }).catch(() => undefined);
  if (entries === undefined) return;
  let batch: string[] = [];
  try {
    for await (const { name } of entries) {
      batch.push(join(folder, name));
      if (batch.length < BATCH) continue;
      yield batch;
      batch = [];
    }
  } catch {
    // It was removed while it was read.
  }
  yield batch;
}

/** Bytes of files that have no name any more, and go on growing as long as somebody has them open. */
const heldBy = (pids: readonly number[], dev: number): number => {
  const seen = new Map<number, number>();
  for (const pid of pids)
    for (const file of openFilesOf(pid)) {
      const stat = statOf(file);
      if (stat?.isFile() && stat.nlink === 0 && stat.dev === dev)
        seen.set(stat.ino, stat.blocks * BLOCK_BYTES);
    }
  return [...seen.values()].reduce((total, bytes) => total + bytes, 0);
};

const statOf = (file: string) => {
  try {
    return statSync(file);
  } catch {
    return undefined;
  }
};

const openFilesOf = (pid: number): readonly string[] => {
  try {
    return readdirSync(`/proc/${pid}/fd`).map((name) => `/proc/${pid}/fd/${name}`);
  } catch {
    return [];
  }
};
