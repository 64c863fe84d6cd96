import { lstat, readdir, readlink } from "node:fs/promises";
import { join } from "node:path";
import type { Mount } from "./bubblewrap.js";

/** Where systems keep programs and what programs read; the last two are those of Nix and of Guix. */
const SYSTEM = [
  "/usr",
  "/bin",
  "/sbin",
  "/lib",
  "/lib32",
  "/lib64",
  "/libx32",
  "/opt",
  "/etc",
  "/nix",
  "/gnu",
];

let known: Promise<readonly Mount[]> | undefined;

/** The same for every process of this machine, looked up once. */
export const systemMounts = (): Promise<readonly Mount[]> => {
  known ??= lookUp();
  return known;
};

const lookUp = async (): Promise<readonly Mount[]> => {
  const there = (await Promise.all(SYSTEM.map(systemMount))).flat();
  return [...there, ...(await closedIn("/etc"))];
};

const systemMount = async (path: string): Promise<readonly Mount[]> => {
  const found = await lstat(path).catch(() => undefined);
  if (found?.isSymbolicLink()) return [{ kind: "link", path, target: await readlink(path) }];
  return found?.isDirectory() ? [{ kind: "read", path }] : [];
};

const READ_BY_OTHERS = 0o004;
const ENTERED_BY_OTHERS = 0o005;

/** What not everybody may read: passwords, keys of hosts, credentials. Root could, and groups stay what they were. */
const closedIn = async (folder: string): Promise<readonly Mount[]> => {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const found = entries.map(async (entry): Promise<readonly Mount[]> => {
    const path = join(folder, entry.name);
    if (entry.isSymbolicLink()) return [];
    const mode = (await lstat(path).catch(() => undefined))?.mode ?? 0;
    if (!entry.isDirectory()) return (mode & READ_BY_OTHERS) === 0 ? [{ kind: "hidden file", path }] : [];
    const isOpen = (mode & ENTERED_BY_OTHERS) === ENTERED_BY_OTHERS;
    return isOpen ? closedIn(path) : [{ kind: "hidden folder", path }];
  });
  return (await Promise.all(found)).flat();
};
