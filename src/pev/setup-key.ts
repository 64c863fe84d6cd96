import { existsSync } from "node:fs";
import { realpath, stat } from "node:fs/promises";
import { delimiter, isAbsolute, join, posix } from "node:path";
import { digestOf } from "../core/canonical.js";
import { decidesInstall, pinsPackages } from "./dependency-files.js";
import type { TreeEntry } from "./objects.js";

export type SetupFacts = {
  readonly setup: readonly (readonly string[])[];
  /** Paths that set-up makes and that are kept. */
  readonly paths: readonly string[];
  /** Of the commit that the tree was laid out from. */
  readonly entries: readonly TreeEntry[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly passEnv: readonly string[];
  /** What else was laid into the tree, as text. */
  readonly laid: readonly string[];
};

/**
 * Two trees with the same key are set up alike: the same commands, lockfiles and manifests, scripts that the commands name,
 * variables, platform and programs.
 */
export const setupKey = async (facts: SetupFacts): Promise<string> => {
  const { setup, paths, entries, environment, passEnv, laid } = facts;
  const named = new Set(
    setup.flat().flatMap((word) => word.split(/\s+/).map((part) => posix.normalize(part))),
  );
  const files = entries.filter(({ path }) => decidesInstall(path) || named.has(path));
  const programs = new Set([...setup.map(([program = ""]) => program), ...RUNTIMES]);
  return digestOf({
    setup,
    paths,
    files: files.map(({ mode, oid, path }) => `${mode} ${oid} ${path}`),
    variables: passEnv.map((name) => [name, environment[name] ?? null]),
    laid,
    platform: [process.platform, process.arch],
    programs: await Promise.all([...programs].map((name) => programMark(name, environment.PATH ?? ""))),
  });
};

/** Without one nobody says what would be installed. */
export const hasLockfile = (entries: readonly TreeEntry[]): boolean =>
  entries.some(({ path }) => pinsPackages(path));

/** What installers run on, whatever they are called. */
const RUNTIMES = ["node", "python3"];

/** Another one when the program was exchanged; null when it is not there. */
const programMark = async (name: string, path: string): Promise<readonly string[]> => {
  const folders = path.split(delimiter).filter(isAbsolute);
  const found = isAbsolute(name) ? name : folders.map((one) => join(one, name)).find(existsSync);
  if (found === undefined || !existsSync(found)) return [name];
  const file = await realpath(found);
  const { size, mtimeMs } = await stat(file);
  return [name, file, `${size} ${mtimeMs}`];
};
