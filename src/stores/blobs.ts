import { randomUUID } from "node:crypto";
import { open, readdir, readFile, rename, rm, stat, utimes } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { promisify } from "node:util";
import { deflateRaw, inflateRaw } from "node:zlib";
import { sha256 } from "../core/canonical.js";
import { LedgerError } from "../core/errors.js";
import { diskError } from "./disk-errors.js";
import { makeFolders, syncFolder } from "./folders.js";
import type { KeptBlob, RunCipher } from "./store.js";

/** Patches, logs and other bytes that are named by what they are, so nobody can swap them unseen. */
export type Blobs = {
  readonly put: (bytes: Uint8Array) => Promise<string>;
  readonly get: (hash: string) => Promise<Uint8Array | undefined>;
  readonly putSealed: (bytes: Uint8Array, cipher: RunCipher) => Promise<string>;
  readonly getSealed: (hash: string, cipher: RunCipher) => Promise<Uint8Array | undefined>;
  readonly list: () => Promise<readonly KeptBlob[]>;
  readonly remove: (listed: Omit<KeptBlob, "bytes">) => Promise<void>;
  readonly removeOf: (runId: string) => Promise<void>;
};

/** Each blob is a compressed file of its own; one that has its final name is whole and on the disk. */
export const fileBlobs = (folder: string): Blobs => ({
  put: async (bytes) => {
    refuseTooLarge(bytes);
    const hash = sha256(bytes);
    await keep(folder, pathOf(folder, hash), () => deflated(bytes));
    return hash;
  },
  get: async (hash) => {
    if (!HASH.test(hash)) return undefined;
    const packed = await readIfThere(pathOf(folder, hash));
    return packed && verified(hash, await unpacked(hash, packed));
  },
  putSealed: async (bytes, cipher) => {
    refuseTooLarge(bytes);
    const hash = sha256(bytes);
    const file = sealedPath(folder, cipher.runId, cipher.nameOf(hash));
    await keep(folder, file, async () => cipher.sealBytes(await deflated(bytes), placeOf(hash)));
    return hash;
  },
  getSealed: async (hash, cipher) => {
    if (!HASH.test(hash)) return undefined;
    const sealed = await readIfThere(sealedPath(folder, cipher.runId, cipher.nameOf(hash)));
    return sealed && verified(hash, await unpacked(hash, unsealed(hash, sealed, cipher)));
  },
  list: () => listFiles(folder),
  removeOf: (runId) => rm(join(folder, SEALED_FOLDER, runId), { recursive: true, force: true }),
  remove: async ({ hash, writtenAtMs, runId }) => {
    if (!HASH.test(hash)) return;
    const file = runId === undefined ? pathOf(folder, hash) : sealedPath(folder, runId, hash);
    if ((await unlessMissing(stat(file)))?.mtimeMs === writtenAtMs) await rm(file, { force: true });
  },
});

const keep = async (folder: string, file: string, pack: () => Promise<Uint8Array>): Promise<void> => {
  try {
    if (await exists(file)) await touch(file);
    else await writeWhole(folder, file, await pack());
    // Also when another writer was faster: its rename may not be on the disk yet.
    await syncFolder(dirname(file));
  } catch (error) {
    throw diskError("a blob", "Check the disk and its mount, then start again.", error);
  }
};

const listFiles = async (folder: string): Promise<readonly KeptBlob[]> => {
  const entries = (await unlessMissing(readdir(folder, { recursive: true, withFileTypes: true }))) ?? [];
  const found = await Promise.all(
    entries
      .filter((entry) => entry.isFile() && HASH.test(entry.name))
      .map(async ({ name, parentPath }) => {
        const file = join(parentPath, name);
        const runId = runOf(folder, parentPath);
        if (runId === undefined && file !== pathOf(folder, name)) return undefined;
        const facts = await unlessMissing(stat(file));
        if (facts === undefined) return undefined;
        const blob = { hash: name, bytes: facts.size, writtenAtMs: facts.mtimeMs };
        return runId === undefined ? blob : { ...blob, runId };
      }),
  );
  return found.filter((blob) => blob !== undefined);
};

/** For ledgers that live in memory. */
export const memoryBlobs = (): Blobs => {
  const kept = new Map<string, KeptBlob & { readonly content: Uint8Array }>();
  const put = (hash: string, content: Uint8Array, runId?: string): void => {
    const blob = { hash, content, bytes: content.byteLength, writtenAtMs: Date.now() };
    kept.set(memoryKey(hash, runId), runId === undefined ? blob : { ...blob, runId });
  };
  return {
    put: async (bytes) => {
      refuseTooLarge(bytes);
      const hash = sha256(bytes);
      put(hash, Uint8Array.from(bytes));
      return hash;
    },
    get: async (hash) => {
      const blob = kept.get(memoryKey(hash));
      return blob && Uint8Array.from(blob.content);
    },
    putSealed: async (bytes, cipher) => {
      refuseTooLarge(bytes);
      const hash = sha256(bytes);
      put(cipher.nameOf(hash), cipher.sealBytes(bytes, placeOf(hash)), cipher.runId);
      return hash;
    },
    getSealed: async (hash, cipher) => {
      const blob = kept.get(memoryKey(cipher.nameOf(hash), cipher.runId));
      return blob && unsealed(hash, blob.content, cipher);
    },
    list: async () => [...kept.values()].map(({ content: _content, ...blob }) => blob),
    remove: async ({ hash, runId, writtenAtMs }) => {
      const key = memoryKey(hash, runId);
      if (kept.get(key)?.writtenAtMs === writtenAtMs) kept.delete(key);
    },
    removeOf: async (runId) => {
      for (const [key, blob] of kept) if (blob.runId === runId) kept.delete(key);
    },
  };
};

const memoryKey = (hash: string, runId = ""): string => `${runId}/${hash}`;

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

/** Beside those that all runs share; a run's own go with it. */
const SEALED_FOLDER = "sealed";

const sealedPath = (folder: string, runId: string, name: string): string =>
  join(folder, SEALED_FOLDER, runId, name);

const runOf = (folder: string, parent: string): string | undefined =>
  dirname(parent) === join(folder, SEALED_FOLDER) ? basename(parent) : undefined;

const placeOf = (hash: string): string => `blob ${hash}`;

const unsealed = (hash: string, sealed: Uint8Array, cipher: RunCipher): Uint8Array => {
  const bytes = cipher.openBytes(sealed, placeOf(hash));
  if (bytes === undefined) throw corrupt(hash);
  return bytes;
};

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
