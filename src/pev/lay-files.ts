import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { LaidFile } from "../../validators/room.js";
import { makeFolders } from "./copying.js";
import { removeFolder } from "./private-folder.js";
import { partsOf } from "./tree-files.js";

/** Files of the judge in a tree that may be full of traps: through no link, over nothing that lies there. */
export const layFiles = async (tree: string, files: readonly LaidFile[]): Promise<boolean> => {
  for (const { path, bytes } of files) {
    const parts = partsOf(path);
    const name = parts?.at(-1);
    if (parts === undefined || name === undefined) return false;
    const folder = await makeFolders(tree, parts.slice(0, -1));
    if (folder === undefined) return false;
    try {
      await writeFile(join(folder, name), bytes, { flag: "wx" });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
      throw error;
    }
  }
  return true;
};

/** The same in the place of what lies there. */
export const layFilesOver = async (tree: string, files: readonly LaidFile[]): Promise<boolean> => {
  for (const { path } of files) {
    const parts = partsOf(path) ?? [];
    const folder = await makeFolders(tree, parts.slice(0, -1));
    if (folder === undefined) return false;
    await removeFolder(join(folder, parts.at(-1) ?? ""));
  }
  return layFiles(tree, files);
};
