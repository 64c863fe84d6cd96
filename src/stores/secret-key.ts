import { randomBytes } from "node:crypto";
import { link, open, readFile, rm } from "node:fs/promises";
import { LedgerError } from "../core/errors.js";

const KEY_BYTES = 32;

/** In the ledger's folder. */
export const KEY_FILE = "ledger.key";

/** The key of a ledger: made when it is first asked for, readable by its owner alone, and never written anywhere else. */
export const openSecretKey = (file: string): (() => Promise<Uint8Array>) => {
  let key: Promise<Uint8Array> | undefined;
  return () => {
    key ??= keyIn(file).catch((error: unknown) => {
      key = undefined;
      throw error;
    });
    return key;
  };
};

/** The same, for who must not make one; null where there is none. */
export const readSecretKey = async (file: string): Promise<Uint8Array | null> => {
  const found = await written(file);
  return found?.byteLength === KEY_BYTES ? found : null;
};

const keyIn = async (file: string): Promise<Uint8Array> => {
  let found = await written(file);
  if (found === undefined) {
    await make(file);
    found = await written(file);
  }
  if (found?.byteLength === KEY_BYTES) return found;
  throw new LedgerError("store_unavailable", `The ledger's key (${file}) is not as it was made.`, {
    hint: "Restore it from a backup.",
  });
};

const written = (file: string): Promise<Uint8Array | undefined> =>
  readFile(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw unreachable(file, error);
  });

/** Under another name until it is synced; when another process was faster, that one's counts. */
const make = async (file: string): Promise<void> => {
  const draft = `${file}.${randomBytes(8).toString("hex")}`;
  try {
    const handle = await open(draft, "wx", 0o600);
    try {
      await handle.writeFile(randomBytes(KEY_BYTES));
      await handle.sync();
    } finally {
      await handle.close();
    }
    await link(draft, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST")
      throw unreachable(file, error as NodeJS.ErrnoException);
  } finally {
    await rm(draft, { force: true });
  }
};

const unreachable = (file: string, cause: NodeJS.ErrnoException): LedgerError =>
  new LedgerError("store_unavailable", `The ledger's key (${file}) cannot be read or made (${cause.code}).`, {
    cause,
  });
