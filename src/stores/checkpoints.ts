import { readdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { LedgerError } from "../core/errors.js";
import type { CheckpointName, CheckpointStore, Seals } from "./store.js";
import { writeWhole } from "./whole-file.js";

/** In the ledger's folder. */
export const CHECKPOINTS_FOLDER = "checkpoints";

/** Gone with the process: for tests, and for runs that nobody would go on with. */
export const memoryCheckpoints = (): CheckpointStore => {
  const runs = new Map<string, Map<string, Uint8Array>>();
  return {
    put: async ({ runId, id }, bytes) => {
      const kept = runs.get(runId) ?? new Map<string, Uint8Array>();
      if (kept.has(id)) throw new LedgerError("invalid_input", "There is such a checkpoint already.");
      runs.set(runId, kept.set(id, Uint8Array.from(bytes)));
    },
    get: async ({ runId, id }) => runs.get(runId)?.get(id),
    sizes: async (runId) =>
      new Map([...(runs.get(runId) ?? [])].map(([id, { byteLength }]) => [id, byteLength])),
    remove: async (runId, ids) => {
      for (const id of ids) runs.get(runId)?.delete(id);
    },
    removeRun: async (runId) => void runs.delete(runId),
  };
};

/** Those of an encrypted run are bytes that only its key opens, and gone with that. */
export const encryptedCheckpoints = (inner: CheckpointStore, seals: Seals): CheckpointStore => ({
  ...inner,
  put: async (name, bytes) => {
    const cipher = seals.of(name.runId);
    return inner.put(name, cipher === null ? bytes : cipher.sealBytes(bytes, placeOf(name)));
  },
  get: async (name) => {
    const cipher = seals.of(name.runId);
    const kept = await inner.get(name);
    // Bytes that do not open have another hash than their event says.
    return cipher === null || kept === undefined ? kept : (cipher.openBytes(kept, placeOf(name)) ?? kept);
  },
});

const placeOf = ({ id }: CheckpointName): string => `checkpoint ${id}`;

/** A folder for each run, a file for each checkpoint, readable by their owner alone. */
export const fileCheckpoints = (folder: string): CheckpointStore => ({
  put: (name, bytes) => inOurWords(() => writeWhole(fileOf(folder, name), bytes)),
  get: (name) =>
    inOurWords(() =>
      readFile(fileOf(folder, name)).catch((error: NodeJS.ErrnoException) => {
        if (error.code === "ENOENT") return undefined;
        throw error;
      }),
    ),
  sizes: (runId) => inOurWords(() => sizesIn(folderOf(folder, { runId }))),
  remove: (runId, ids) =>
    inOurWords(async () => {
      for (const id of ids) await rm(fileOf(folder, { runId, id }), { force: true });
    }),
  removeRun: (runId) => inOurWords(() => rm(folderOf(folder, { runId }), { recursive: true, force: true })),
});

const sizesIn = async (folder: string): Promise<ReadonlyMap<string, number>> => {
  const sizes = new Map<string, number>();
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  // One with a dot is a draft that a crash left.
  for (const name of names.filter((one) => !one.includes("."))) {
    const found = await stat(join(folder, name)).catch(() => undefined);
    if (found !== undefined) sizes.set(name, found.size);
  }
  return sizes;
};

const folderOf = (folder: string, { runId }: Pick<CheckpointName, "runId">): string =>
  join(folder, requireName(runId));

const fileOf = (folder: string, name: CheckpointName): string =>
  join(folderOf(folder, name), requireName(name.id));

/** Runs may be called by their hosts; what names a file is checked where it does. */
const requireName = (name: string): string => {
  if (/^[A-Za-z0-9][\w-]*$/.test(name)) return name;
  throw new LedgerError("invalid_input", `"${name}" cannot name a file.`);
};

const inOurWords = async <T>(work: () => Promise<T>): Promise<T> => {
  try {
    return await work();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (error instanceof LedgerError || code === undefined) throw error;
    if (code === "EEXIST") throw new LedgerError("invalid_input", "There is such a checkpoint already.");
    throw new LedgerError("store_unavailable", `A checkpoint cannot be read or written (${code}).`, {
      hint: "Check the disk and the owner of the ledger's folder.",
      cause: error,
    });
  }
};
