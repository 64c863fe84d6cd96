import { randomBytes } from "node:crypto";
import { link, mkdir, open, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { LedgerError } from "../core/errors.js";

/**
 * Under another name until its bytes are on the disk, so that a crash leaves none half there. Readable by its owner alone. A file
 * that is there stays: it throws the system's EEXIST.
 */
export const writeWhole = async (file: string, bytes: Uint8Array | string): Promise<void> => {
  const folder = dirname(file);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const draft = `${file}.${randomBytes(8).toString("hex")}`;
  try {
    const handle = await open(draft, "wx", 0o600);
    try {
      await handle.writeFile(bytes);
      await handle.sync();
    } finally {
      await handle.close();
    }
    // Unlike renaming, it refuses to take the place of another one.
    await link(draft, file);
  } finally {
    await rm(draft, { force: true });
  }
  await syncFolder(folder);
};

/** Without it a power loss could take the name of a file whose bytes are on the disk. */
export const syncFolder = async (folder: string): Promise<void> => {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
};

/** What is not there is undefined, and no error. */
export const unlessMissing = (error: NodeJS.ErrnoException): undefined => {
  if (error.code !== "ENOENT") throw error;
};

/** What the system says of a file becomes an error of ours; ours stay as they are. */
export const toldInOurWords = async <T>(
  work: () => Promise<T>,
  words: (code: string | undefined, cause: unknown) => unknown,
): Promise<T> => {
  try {
    return await work();
  } catch (error) {
    if (error instanceof LedgerError) throw error;
    throw words((error as NodeJS.ErrnoException).code, error);
  }
};
