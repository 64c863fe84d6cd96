import { closeSync, constants, fstatSync, openSync, readlinkSync, readSync } from "node:fs";
import { LedgerError } from "../core/errors.js";

/**
 * A path below an agent's folder, one character for each byte: names need not be UTF-8, and all of them must survive a
 * round trip to be refused or ignored by the right name.
 */
export type RawPath = string;

export const rawOf = (text: string): RawPath => Buffer.from(text, "utf8").toString("latin1");

export const bytesOf = (path: RawPath): Buffer => Buffer.from(path, "latin1");

/** For people: what is not UTF-8 shows as replacement characters. */
export const shown = (path: RawPath): string => bytesOf(path).toString("utf8");

/** Where it is on disk. */
export const below = (root: string, path: RawPath): Buffer =>
  path === "" ? Buffer.from(root) : Buffer.concat([Buffer.from(`${root}/`), bytesOf(path)]);

/** What a workspace holds decides nothing but its own refusal, always in this form. */
export const unfit = (path: RawPath, reason: string): LedgerError =>
  new LedgerError(
    "workspace_unfit",
    `The workspace cannot be captured: ${JSON.stringify(shown(path))} ${reason}.`,
    {
      hint: "Remove it, or name it in a .gitignore if it is not part of the work, and propose again.",
      details: { path: shown(path), reason },
    },
  );

/**
 * Reads a regular file that an agent may be exchanging at this very moment: no link is followed, no FIFO waited for, and
 * the file that was opened must be the one at that path. Undefined when it is gone.
 */
export const readInside = (
  root: string,
  path: RawPath,
  bytesMax: number,
): { bytes: Buffer; executable: boolean } | undefined => {
  const fd = openInside(root, path);
  if (fd === undefined) return undefined;
  try {
    const facts = fstatSync(fd);
    if (!facts.isFile()) throw unfit(path, "was exchanged while it was captured");
    if (facts.size > bytesMax)
      throw unfit(path, `has ${facts.size} bytes, more than the ${bytesMax} that are left`);
    return { bytes: readWhole(fd, facts.size), executable: (facts.mode & constants.S_IXUSR) !== 0 };
  } finally {
    closeSync(fd);
  }
};

/** The error code of a failed call to the system; anything else is thrown on. */
export const systemCode = (error: unknown): string => {
  if (error instanceof Error && "code" in error && typeof error.code === "string") return error.code;
  throw error;
};

const openInside = (root: string, path: RawPath): number | undefined => {
  try {
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    const fd = openSync(below(root, path), flags);
    if (isWhereItSeems(fd, root, path)) return fd;
    closeSync(fd);
  } catch (error) {
    const code = systemCode(error);
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    if (code !== "ELOOP" && code !== "ENXIO") throw unfit(path, `cannot be read (${code})`);
  }
  throw unfit(path, "was exchanged while it was captured");
};

/** O_NOFOLLOW looks at the last component only; Linux also tells which path a descriptor has in truth. */
const isWhereItSeems = (fd: number, root: string, path: RawPath): boolean =>
  process.platform !== "linux" ||
  readlinkSync(`/proc/self/fd/${fd}`, { encoding: "buffer" }).equals(below(root, path));

const readWhole = (fd: number, size: number): Buffer => {
  const bytes = Buffer.allocUnsafe(size);
  let read = 0;
  while (read < size) {
    const more = readSync(fd, bytes, read, size - read, null);
    if (more === 0) break;
    read += more;
  }
  return bytes.subarray(0, read);
};
