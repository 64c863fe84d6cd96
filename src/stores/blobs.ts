import { randomUUID } from "node:crypto";
import { open, readdir, readFile, rename, rm, stat, utimes } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { deflateRaw, inflateRaw } from "node:zlib";
import { sha256 } from "../core/canonical.js";
import { LedgerError } from "../core/errors.js";
import { diskError } from "./disk-errors.js";
import { makeFolders, syncFolder } from "./folders.js";
import type { KeptBlob } from "./store.js";

/** Patches, logs and other bytes that are named by what they are, so nobody can swap them unseen. */
export type Blobs = {
  readonly put: (bytes: Uint8Array) => Promise<string>;
  readonly get: (hash: string) => Promise<Uint8Array | undefined>;
  readonly list: () => Promise<readonly KeptBlob[]>;
  readonly remove: (listed: Pick<KeptBlob, "hash" | "writtenAtMs">) => Promise<void>;
};

/** Each blob is a compressed file of its own; one that has its final name is whole and on the disk. */
export const fileBlobs = (folder: string): Blobs => ({
  put: async (bytes) => {
    refuseTooLarge(bytes);
    const hash = sha256(bytes);
    const file = pathOf(folder, hash);
    try {
      if (await exists(file)) await touch(file);
      else await writeWhole(folder, file, await deflated(bytes));
      // Also when another writer was faster: its rename may not be on the disk yet.
      await syncFolder(dirname(file));
    } catch (error) {
      throw diskError("a blob", "Check the disk and its mount, then start again.", error);
    }
    return hash;
  },
  get: async (hash) => {
    if (!HASH.test(hash)) return undefined;
    const packed = await readIfThere(pathOf(folder, hash));
    return packed && verified(hash, await unpacked(hash, packed));
  },
  list: () => listFiles(folder),
  remove: async ({ hash, writtenAtMs }) => {
    if (!HASH.test(hash)) return;
    const file = pathOf(folder, hash);
    if ((await unlessMissing(stat(file)))?.mtimeMs === writtenAtMs) await rm(file, { force: true });
  },
});

const listFiles = async (folder: string): Promise<readonly KeptBlob[]> => {
  const entries = (await unlessMissing(readdir(folder, { recursive: true, withFileTypes: true }))) ?? [];
  const found = await Promise.all(
    entries
      .filter((entry) => entry.isFile() && HASH.test(entry.name))
      .map(async ({ name }) => {
        const facts = await unlessMissing(stat(pathOf(folder, name)));
        return facts && { hash: name, bytes: facts.size, writtenAtMs: facts.mtimeMs };
      }),
  );
  return found.filter((blob) => blob !== undefined);
};

/** For ledgers that live in memory. */
export const memoryBlobs = (): Blobs => {
  const kept = new Map<string, Uint8Array>();
  const writtenAtMs = new Map<string, number>();
  return {
    put: async (bytes) => {
      refuseTooLarge(bytes);
      const hash = sha256(bytes);
      kept.set(hash, Uint8Array.from(bytes));
      writtenAtMs.set(hash, Date.now());
      return hash;
    },
    get: async (hash) => {
      const bytes = kept.get(hash);
      return bytes && Uint8Array.from(bytes);
    },
    list: async () =>
      [...kept].map(([hash, { byteLength }]) => ({
        hash,
        bytes: byteLength,
        writtenAtMs: writtenAtMs.get(hash) ?? 0,
      })),
    remove: async (listed) => {
      if (writtenAtMs.get(listed.hash) === listed.writtenAtMs) kept.delete(listed.hash);
    },
  };
};

/** A blob is held in memory whole; a larger patch or log helps nobody who must read it. */
const BLOB_BYTES = 256 * 1024 * 1024;

const refuseTooLarge = (bytes: Uint8Array): void => {
  if (bytes.byteLength <= BLOB_BYTES) return;
  throw new LedgerError(
    "limit_exceeded",
    `A blob of ${bytes.byteLength} bytes is larger than ${BLOB_BYTES}.`,
    {
      hint: "Keep generated and binary files out of what is captured.",
    },
  );
};

/** A hash may come from an event or a caller; anything else must not become a path. */
const HASH = /^[0-9a-f]{64}$/;

const pathOf = (folder: string, hash: string): string =>
  join(folder, hash.slice(0, 2), hash.slice(2, 4), hash);

const deflated = promisify(deflateRaw);
const inflated = promisify(inflateRaw);

/** In one folder, so that what a crash left there is found without a walk through all blobs. */
export const unfinishedIn = (folder: string): string => join(folder, "unfinished");

/** A blob is written in seconds; one that is not finished after an hour has lost its writer. */
const UNFINISHED_MS = 3_600_000;

// What writers that died on the way left is of no use to anybody; one that lives may be at it still.
export const removeAbandoned = async (folder: string): Promise<void> => {
  const unfinished = unfinishedIn(folder);
  for (const name of (await unlessMissing(readdir(unfinished))) ?? []) {
    const file = join(unfinished, name);
    const begun = await unlessMissing(stat(file));
    if (begun !== undefined && Date.now() - begun.mtimeMs > UNFINISHED_MS) await rm(file, { force: true });
  }
};

/** Under another name until it is synced, so that a crash leaves no half blob under the hash of a whole one. */
const writeWhole = async (folder: string, file: string, bytes: Uint8Array): Promise<void> => {
  for (const needed of [dirname(file), unfinishedIn(folder)]) await makeFolders(needed);
  const unfinished = join(unfinishedIn(folder), randomUUID());
  try {
    const handle = await open(unfinished, "wx", 0o600);
    try {
      await handle.writeFile(bytes);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(unfinished, file);
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  }
};

/** Whoever puts a blob again is about to name it: a cleaning must not take it for a forgotten one. */
const touch = async (file: string): Promise<void> => {
  const now = new Date();
  await unlessMissing(utimes(file, now, now));
};

const exists = async (file: string): Promise<boolean> => (await unlessMissing(stat(file))) !== undefined;

const readIfThere = (file: string): Promise<Buffer | undefined> => unlessMissing(readFile(file));

const unlessMissing = async <T>(asked: Promise<T>): Promise<T | undefined> => {
  try {
    return await asked;
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw error;
  }
};

const hasCode = (error: unknown, code: string): boolean =>
  error instanceof Error && "code" in error && error.code === code;

const unpacked = async (hash: string, packed: Uint8Array): Promise<Uint8Array> => {
  try {
    return await inflated(packed, { maxOutputLength: BLOB_BYTES });
  } catch (cause) {
    throw corrupt(hash, cause);
  }
};

const verified = (hash: string, bytes: Uint8Array): Uint8Array => {
  if (sha256(bytes) !== hash) throw corrupt(hash);
  return bytes;
};

const corrupt = (hash: string, cause?: unknown): LedgerError =>
  new LedgerError("blob_corrupt", `The bytes kept as blob ${hash} are not the ones that were written.`, {
    hint: "Restore the file from a backup; what was judged by it can no longer be shown.",
    details: { hash },
    cause,
  });
