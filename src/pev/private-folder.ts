import { chmod, lstat, mkdir, readdir, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LedgerError } from "../core/errors.js";

/**
 * The parent of all rooms. Its path can be foreseen, so somebody may have put a link or a folder of theirs there first;
 * what stands below it cannot be foreseen. One for each user, because temporary folders are often shared.
 */
export const openPrivateRoot = async (): Promise<string> => {
  const parent = await realpath(tmpdir()).catch(() => {
    throw unfit(`The temporary folder ${tmpdir()} does not exist.`, "Set TMPDIR to a folder that does.");
  });
  const uid = process.getuid?.() ?? 0;
  const root = join(parent, `runledger-${uid}`);
  await mkdir(root, { mode: 0o700 }).catch(ignoreExisting);
  const found = await lstat(root);
  if (!found.isDirectory() || found.uid !== uid || (found.mode & 0o077) !== 0)
    throw unfit(
      `${root} is not a private folder of this user.`,
      "Remove it, or set TMPDIR to another folder.",
    );
  return root;
};

/** Never follows a link. Tools leave folders behind that even their owner may not write (the Go module cache does). */
export const removeFolder = async (path: string): Promise<void> => {
  const remove = () => rm(path, { recursive: true, force: true, maxRetries: 3 });
  await remove().catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== "EACCES" && error.code !== "EPERM") throw error;
    await makeWritable(path);
    await remove();
  });
};

const makeWritable = async (folder: string): Promise<void> => {
  if (!(await lstat(folder)).isDirectory()) return;
  await chmod(folder, 0o700);
  for (const entry of await readdir(folder, { withFileTypes: true }))
    if (entry.isDirectory()) await makeWritable(join(folder, entry.name));
};

export const ignoreExisting = (error: NodeJS.ErrnoException): void => {
  if (error.code !== "EEXIST") throw error;
};

const unfit = (sentence: string, hint: string): LedgerError =>
  new LedgerError("workspace_unfit", sentence, { hint });
