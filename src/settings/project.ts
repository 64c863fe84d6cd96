import { readFile, realpath, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { LedgerError } from "../core/errors.js";

export type Env = Readonly<Record<string, string | undefined>>;

export const SETTINGS_FILE = "runledger.yaml";
const DATA_FOLDER = ".runledger";

/**
 * The nearest folder with settings, else the top of the git work tree, else where one stands. Settings above a
 * repository are not its own: whoever may write there would choose which programs run here.
 */
export const findProject = async (startDir: string): Promise<string> => {
  for (const folder of upwards(startDir)) {
    if (await isFile(join(folder, SETTINGS_FILE))) return folder;
    if ((await gitEntry(folder)) !== undefined) return folder;
  }
  return resolve(startDir);
};

/** One ledger for a repository and all its linked worktrees, so it lies beside what they share: the common git folder. */
export const dataFolder = async (projectDir: string, env: Env): Promise<string> => {
  if (env.RUNLEDGER_HOME) return resolve(projectDir, env.RUNLEDGER_HOME);
  for (const folder of upwards(projectDir)) {
    const entry = await gitEntry(folder);
    if (entry !== undefined) return join(await ledgerHome(entry), DATA_FOLDER);
  }
  return join(resolve(projectDir), DATA_FOLDER);
};

const upwards = (startDir: string): string[] => {
  const folders = [resolve(startDir)];
  for (let folder = dirname(folders[0] ?? ""); folder !== folders.at(-1); folder = dirname(folder)) {
    folders.push(folder);
  }
  return folders;
};

/** What marks the top of a work tree: the git folder itself, or a file that says where it is. */
const gitEntry = async (folder: string): Promise<string | undefined> => {
  const entry = join(folder, ".git");
  return (await isFile(entry)) || (await isFile(join(entry, "HEAD"))) ? entry : undefined;
};

/** Bare repositories, submodules and moved git folders have no work tree of their own beside them: their folder itself. */
const ledgerHome = async (entry: string): Promise<string> => {
  const common = await commonFolder(entry);
  if (!(await isFile(join(common, "HEAD")))) {
    const hint = "Repair it (git worktree repair), or set RUNLEDGER_HOME.";
    throw new LedgerError("unsupported_repository", `${entry} does not lead to a repository.`, { hint });
  }
  const folder = await realpath(common);
  return basename(folder) === ".git" ? dirname(folder) : folder;
};

const commonFolder = async (entry: string): Promise<string> => {
  if (!(await isFile(entry))) return entry;
  const [, target = ""] = /^gitdir: (.+?)\s*$/.exec(await readFile(entry, "utf8")) ?? [];
  const gitFolder = resolve(dirname(entry), target);
  const common = await readFile(join(gitFolder, "commondir"), "utf8").catch(() => ".");
  return resolve(gitFolder, common.trim());
};

const isFile = (path: string): Promise<boolean> =>
  stat(path).then(
    (facts) => facts.isFile(),
    () => false,
  );
