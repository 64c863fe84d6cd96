import { randomBytes } from "node:crypto";
import { link, mkdir, open, rm } from "node:fs/promises";
import { dirname } from "node:path";

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
