import { existsSync } from "node:fs";
import { stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { LedgerError } from "../core/errors.js";
import { ANCHOR_FILE } from "./anchor.js";
import { fileBlobs, memoryBlobs, removeAbandoned } from "./blobs.js";
import { type FileVersion, fileVersion } from "./file-version.js";
import { makeFolders } from "./folders.js";
import { auditSqliteStore, lookAtSqliteStore, openSqliteStore } from "./sqlite.js";
import type { SealOptions } from "./sqlite-seals.js";
import type { Audit, Store } from "./store.js";

/** Opens the ledger in a folder and makes it when there is none; ":memory:" is one that ends with the process. */
export const openStore = async (place: string, seals: SealOptions = UNSEALED): Promise<Store> => {
  if (place === ":memory:")
    return openSqliteStore({ file: place, blobs: memoryBlobs(), anchor: null, seals });
  await makePrivate(place);
  await removeAbandoned(join(place, "blobs"));
  return openSqliteStore({ ...partsOf(place), seals });
};

/** Runs are kept plain, and what was sealed before stays closed. */
const UNSEALED: SealOptions = { isOn: false, roots: null };

/** The ledger of a folder to read in, for a look that must not make or change anything; undefined when there is none. */
export const lookAtStore = async (
  place: string,
  seals: SealOptions = UNSEALED,
): Promise<Store | undefined> =>
  (await isThere(place)) ? lookAtSqliteStore({ ...partsOf(place), seals }) : undefined;

/** The ledger of a folder to check, whatever is wrong with it. */
export const auditStore = async (place: string, seals: SealOptions = UNSEALED): Promise<Audit> => {
  const audit =
    (await isThere(place)) || existsSync(partsOf(place).anchor)
      ? await auditSqliteStore({ ...partsOf(place), seals })
      : null;
  if (audit === null)
    throw new LedgerError("file_not_found", `There is no ledger in ${place}.`, {
      hint: "`runledger status` says where this project's is, and makes one.",
    });
  if (audit !== undefined) return audit;
  throw new LedgerError("store_version", "The ledger was written by another version of runledger.", {
    hint: "Open it with this one, which brings an older ledger up to date: runledger status",
  });
};

/** For those who remember what they were told of the ledger in a folder. Throws where there is none. */
export const versionOfStore = (place: string, keyFile: string): Promise<FileVersion> =>
  fileVersion(partsOf(place).file, keyFile);

const isThere = async (place: string): Promise<boolean> => {
  const facts = await stat(partsOf(place).file).catch(() => undefined);
  return facts?.isFile() === true;
};

const partsOf = (place: string) => ({
  file: join(place, "ledger.db"),
  blobs: fileBlobs(join(place, "blobs")),
  anchor: join(place, ANCHOR_FILE),
});

/** Nobody else on the machine may read it, and it must never be committed with the project it lies in. */
const makePrivate = async (folder: string): Promise<void> => {
  try {
    await makeFolders(folder);
    await writeFile(join(folder, ".gitignore"), "*\n");
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new LedgerError("store_unavailable", `The ledger's folder ${folder} cannot be used (${code}).`, {
      hint: "Make it a folder that you may write to, or name another one in RUNLEDGER_HOME.",
      cause,
    });
  }
};
