import { mkdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { LedgerError } from "../core/errors.js";
import { ANCHOR_FILE } from "./anchor.js";
import { fileBlobs, memoryBlobs, removeAbandoned } from "./blobs.js";
import { lookAtSqliteStore, openSqliteStore } from "./sqlite.js";
import type { Store } from "./store.js";

/** Opens the ledger in a folder and makes it when there is none; ":memory:" is one that ends with the process. */
export const openStore = async (place: string): Promise<Store> => {
  if (place === ":memory:") return openSqliteStore({ file: place, blobs: memoryBlobs(), anchor: null });
  await makePrivate(place);
  const blobs = join(place, "blobs");
  await removeAbandoned(blobs);
  const anchor = join(place, ANCHOR_FILE);
  return openSqliteStore({ file: join(place, "ledger.db"), blobs: fileBlobs(blobs), anchor });
};

/** The ledger of a folder to read in, for a look that must not make or change anything; undefined when there is none. */
export const lookAtStore = async (place: string): Promise<Store | undefined> => {
  const file = join(place, "ledger.db");
  const facts = await stat(file).catch(() => undefined);
  if (facts?.isFile() !== true) return undefined;
  return lookAtSqliteStore({
    file,
    blobs: fileBlobs(join(place, "blobs")),
    anchor: join(place, ANCHOR_FILE),
  });
};

/** Nobody else on the machine may read it, and it must never be committed with the project it lies in. */
const makePrivate = async (folder: string): Promise<void> => {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await writeFile(join(folder, ".gitignore"), "*\n");
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new LedgerError("store_unavailable", `The ledger's folder ${folder} cannot be used (${code}).`, {
      hint: "Make it a folder that you may write to, or name another one in RUNLEDGER_HOME.",
      cause,
    });
  }
};
