import { realpath } from "node:fs/promises";
import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";
import { isLedgerError, LedgerError } from "../core/errors.js";
import {
  CALL_MS,
  execaPackage,
  type Git,
  type GitSetting,
  gitAt,
  gitEnvironment,
  gitFailed,
  gitProgram,
  OUTPUT_BYTES_MAX,
} from "./git.js";

/** The user's own checkout: we read it, and write it in one place only (`applyPatches`). */
export interface UserGit {
  /** Real path of the folder that is checked out. */
  readonly topLevel: string;
  /** Of this worktree. */
  readonly gitDir: string;
  /** The user's own, where it is set. */
  readonly identity: { readonly name: string | undefined; readonly email: string | undefined };
  /** Some of its objects are somewhere else, to be fetched when needed. */
  readonly partialClone: boolean;
  /** stdout of a git command in the checkout. */
  run(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<string>;
  /** The same repository, for calls that need bytes, stdin or a private index. */
  readonly plumbing: Git;
}

/** Finds the repository around a folder, and closes every door through which its settings could start a program. */
export const userGit = async (projectDir: string): Promise<UserGit> => {
  const folder = await realpath(projectDir).catch(() => {
    throw notARepository(projectDir);
  });
  const known = await userSettings(folder);
  const settings = [...keptSettings(known), ...disarmed(known)];
  const find = (...args: string[]) =>
    discover(projectDir, () => porcelain(folder, { settings }, ["rev-parse", ...args]));
  const facts = await find(
    "--path-format=absolute",
    "--is-bare-repository",
    "--show-object-format",
    "--git-dir",
  );
  const [bare, objectFormat, gitDir] = facts.split("\n");
  if (bare !== "false") throw unsupported(projectDir, "it is a bare repository, without a checkout");
  if (objectFormat !== "sha1")
    throw unsupported(projectDir, `its objects are named by ${objectFormat}, not by sha1`);
  const topLevel = (await find("--show-toplevel")).replace(/\n$/, "");
  if (gitDir === undefined || !isAbsolute(topLevel) || !`${folder}/`.startsWith(`${topLevel}/`)) {
    throw unsupported(projectDir, `its core.worktree is somewhere else: ${topLevel}`);
  }
  const places = { GIT_DIR: gitDir, GIT_WORK_TREE: topLevel };
  return {
    topLevel,
    gitDir,
    identity: { name: last(known, "user.name"), email: last(known, "user.email") },
    partialClone: known.some(({ key }) => key === "extensions.partialclone" || key.endsWith(".promisor")),
    run: (args, env) => porcelain(topLevel, { settings, env: { ...env, ...places } }, args),
    plumbing: gitAt(gitDir, settings),
  };
};

/** The one form in which a repository is refused for what it is. */
export const unsupported = (where: string, reason: string): LedgerError =>
  new LedgerError("unsupported_repository", `RunLedger cannot work on ${where}: ${reason}.`, {
    hint: "Use an ordinary checkout, or set `runLedger.workspaceIsolation: false`.",
    details: { path: where, reason },
  });

const notARepository = (where: string): LedgerError =>
  new LedgerError("not_a_repository", `${where} is not inside a git repository.`, {
    hint: "Make one with `git init` and a first commit. Without one, set `runLedger.workspaceIsolation: false` and judge by command_pass or artifact_exists.",
    details: { path: where },
  });

const discover = async (where: string, find: () => Promise<string>): Promise<string> => {
  try {
    return await find();
  } catch (error) {
    if (!isLedgerError(error, "git_failed")) throw error;
    if (error.message.includes("not a git repository")) throw notARepository(where);
    if (error.message.includes("must be run in a work tree"))
      throw unsupported(where, "it is not in a checkout");
    throw error;
  }
};

type KnownSetting = { readonly scope: string; readonly key: string; readonly value: string };

const SETTINGS_READ =
  "^(core\\.(excludesfile|autocrlf|eol)|safe\\.directory|user\\.(name|email)|extensions\\.partialclone" +
  "|filter\\..*|merge\\..*|remote\\..*\\.promisor)$";

/** The only call that sees the user's own files of settings; reading them starts nothing. */
const userSettings = async (folder: string): Promise<KnownSetting[]> => {
  const args = ["config", "--show-scope", "--null", "--get-regexp", SETTINGS_READ];
  const own = ["HOME", "XDG_CONFIG_HOME", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM"];
  const { GIT_CONFIG_GLOBAL: _global, GIT_CONFIG_NOSYSTEM: _system, ...fixed } = gitEnvironment();
  const env = Object.fromEntries(
    own.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])),
  );
  const { execa } = await execaPackage();
  const result = await execa(await gitProgram(), args, {
    cwd: folder,
    env: { ...fixed, ...env },
    extendEnv: false,
    stdin: "ignore",
    stripFinalNewline: false,
    reject: false,
    timeout: CALL_MS,
    maxBuffer: OUTPUT_BYTES_MAX,
  });
  // 1: none of them is set.
  if (result.exitCode !== 0 && result.exitCode !== 1) {
    throw gitFailed(args, { stderr: result.stderr, how: `failed (exit ${result.exitCode ?? "by signal"})` });
  }
  const parts = result.stdout.split("\0");
  return parts.flatMap((scope, n) => {
    if (n % 2 === 1 || n + 1 >= parts.length) return [];
    const [key = "", ...value] = (parts[n + 1] ?? "").split("\n");
    return [{ scope, key, value: value.join("\n") }];
  });
};

const last = (known: readonly KnownSetting[], key: string): string | undefined =>
  known.findLast((setting) => setting.key === key)?.value;

/** What the user said about all their repositories, without which ours would see changes where theirs sees none. */
const keptSettings = (known: readonly KnownSetting[]): GitSetting[] => {
  const config = process.env.XDG_CONFIG_HOME || join(homedir(), ".config");
  const excludes = last(known, "core.excludesfile") ?? join(config, "git", "ignore");
  const lineEnds = ["core.autocrlf", "core.eol"].flatMap((key) => {
    const value = last(known, key);
    return value === undefined ? [] : [[key, value] as const];
  });
  const trusted = known.filter(
    ({ scope, key }) => key === "safe.directory" && scope !== "local" && scope !== "worktree",
  );
  return [
    ["core.excludesFile", excludes.replace(/^~(?=\/)/, homedir())],
    ...lineEnds,
    ...trusted.map(({ value }) => ["safe.directory", value] as const),
  ];
};

/** Their names are the repository's choice, so each is read first and then made harmless. */
const disarmed = (known: readonly KnownSetting[]): GitSetting[] => {
  const names = (section: string) =>
    new Set(known.flatMap(({ key }) => new RegExp(`^${section}\\.(.+)\\.[^.]+$`, "s").exec(key)?.[1] ?? []));
  const filters = [...names("filter")].flatMap((name): GitSetting[] => [
    [`filter.${name}.clean`, ""],
    [`filter.${name}.smudge`, ""],
    [`filter.${name}.process`, ""],
    [`filter.${name}.required`, "false"],
  ]);
  const drivers = [...names("merge")].map(
    (name): GitSetting => [`merge.${name}.driver`, "git merge-file %A %O %B"],
  );
  return [...filters, ...drivers];
};

type Surroundings = {
  readonly settings: readonly GitSetting[];
  readonly env?: Readonly<Record<string, string>>;
};

const porcelain = async (
  cwd: string,
  { settings, env }: Surroundings,
  args: readonly string[],
): Promise<string> => {
  const bound = new AbortController();
  let stderr = "";
  const environment = { ...env, ...gitEnvironment(settings) };
  const { simpleGit } = await import("simple-git");
  const client = simpleGit({
    baseDir: cwd,
    binary: await gitProgram(),
    allowEnvironment: Object.keys(environment),
    unsafe: OURS_TO_SET,
    abort: bound.signal,
    timeout: { block: CALL_MS, stdOut: false, stdErr: false },
    completion: { onClose: true, onExit: false },
    errors: (error, { exitCode, stdErr }) => {
      if (exitCode === 0) return error;
      stderr = Buffer.concat(stdErr).toString("utf8");
      return new Error(`failed (exit ${exitCode})`);
    },
  });
  client.env(environment).outputHandler((_command, stdout) => {
    let bytes = 0;
    stdout.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > OUTPUT_BYTES_MAX) bound.abort(`it wrote more than ${OUTPUT_BYTES_MAX} bytes`);
    });
  });
  try {
    return await client.raw(withoutPrograms(args));
  } catch (error) {
    throw gitFailed(args, { stderr, how: error instanceof Error ? error.message : String(error) });
  }
};

/** The library guards against settings that callers pass through; these are our own and only take power away. */
const OURS_TO_SET = {
  allowUnsafeAskPass: true,
  allowUnsafeConfigEnvCount: true,
  allowUnsafeConfigPaths: true,
  allowUnsafeEditor: true,
  allowUnsafeFilter: true,
  allowUnsafeFsMonitor: true,
  allowUnsafeHooksPath: true,
  allowUnsafeMergeDriver: true,
  allowUnsafePager: true,
  allowUnsafeProtocolOverride: true,
} as const;

/** `diff` starts the programs a repository names for it unless told not to. */
const withoutPrograms = ([command = "", ...rest]: readonly string[]): string[] =>
  command === "diff" ? [command, "--no-ext-diff", "--no-textconv", ...rest] : [command, ...rest];
