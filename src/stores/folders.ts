import { mkdir, open } from "node:fs/promises";
import { dirname } from "node:path";

/** A new folder is only there after a crash when its parent was synced as well. */
export const makeFolders = async (folder: string): Promise<void> => {
  const firstMade = await mkdir(folder, { recursive: true, mode: 0o700 });
  if (firstMade === undefined) return;
  for (let made = folder; made.length >= firstMade.length; made = dirname(made))
    await syncFolder(dirname(made));
};

/** What was made, renamed or removed in it is on the disk. */
export const syncFolder = async (folder: string): Promise<void> => {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
};
