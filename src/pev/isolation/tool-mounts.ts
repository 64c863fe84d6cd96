import { realpath } from "node:fs/promises";
import { basename, delimiter, dirname, isAbsolute, join } from "node:path";
import type { Mount } from "./bubblewrap.js";

type Environment = Readonly<Record<string, string>>;

/** Which parts of a tool's own folder are shown: never where it keeps credentials. "." is all of it. */
const PARTS: Readonly<Record<string, readonly string[]>> = {
  GOROOT: ["."],
  GOMODCACHE: ["."],
  CARGO_HOME: ["bin", "env", "config", "config.toml", "registry", "git"],
  RUSTUP_HOME: ["."],
  PYENV_ROOT: ["."],
  PYTHONUSERBASE: ["bin", "lib"],
  VOLTA_HOME: ["."],
  JAVA_HOME: ["."],
  npm_config_cache: ["_cacache"],
};

/** These write locks and notes beside what they read, so the folder itself is a private one. */
const WRITTEN: ReadonlySet<string> = new Set(["CARGO_HOME", "npm_config_cache"]);

/** What the programs on its PATH need, and the folders that its environment points to. Only what is there. */
export const toolMounts = async (
  environment: Environment,
  scratchBytes: number,
): Promise<readonly Mount[]> => {
  const pointed = Object.entries(PARTS).flatMap(([name, parts]) => {
    const folder = environment[name];
    return folder === undefined ? [] : parts.map((part) => join(folder, part));
  });
  const sought = [
    ...onPath(environment.PATH ?? ""),
    ...ofNode(),
    ...pointed,
    ...mavenRepository(environment),
  ];
  const reads = await Promise.all([...new Set(sought)].filter(isAbsolute).map(shownAt));
  const written = [...WRITTEN].flatMap((name): Mount[] => {
    const path = environment[name];
    return path === undefined ? [] : [{ kind: "scratch", path, bytes: scratchBytes }];
  });
  return [...written, ...reads.flat()];
};

/** What is installed by itself lies in a folder of its own, with `bin` in it; a single file is shown as that. */
export const programMounts = async (files: readonly string[]): Promise<readonly Mount[]> => {
  const found = await Promise.all(files.map((file) => realpath(file).catch(() => undefined)));
  const paths = found.flatMap((file) => {
    if (file === undefined) return [];
    const folder = dirname(file);
    return basename(folder) === "bin" ? [file, dirname(folder)] : [file];
  });
  return paths.map((path): Mount => ({ kind: "read", path }));
};

/** A link may lie in a folder that is shown anyway, and so may what it leads to. */
const shownAt = async (path: string): Promise<readonly Mount[]> => {
  const source = await realpath(path).catch(() => undefined);
  if (source === undefined) return [];
  const real: Mount = { kind: "read", path: source };
  return source === path ? [real] : [real, { kind: "read", path, source }];
};

/** Programs find their libraries beside the folder they lie in. */
const onPath = (path: string): readonly string[] =>
  path
    .split(delimiter)
    .flatMap((folder) =>
      basename(folder) === "bin"
        ? [folder, ...LIBRARIES.map((name) => join(dirname(folder), name))]
        : [folder],
    );
const LIBRARIES = ["lib", "libexec"];

/** Node, npm and what was installed with them; they may lie below the home of whoever installed them. */
const ofNode = (): readonly string[] => onPath(dirname(process.execPath));

const mavenRepository = ({ MAVEN_OPTS = "" }: Environment): readonly string[] =>
  /-Dmaven\.repo\.local=(\S+)/.exec(MAVEN_OPTS)?.slice(1) ?? [];
