import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, isAbsolute, join } from "node:path";

export type RoomSurroundings = {
  /** The orchestrator's own environment: source of PATH, of tool pointers and of the names in `passEnv`. */
  readonly outer: Readonly<Record<string, string | undefined>>;
  /** Holds `home`, `tmp` and Go's cache; thrown away with the room, so nothing in it reaches another verdict. */
  readonly scratch: string;
  readonly passEnv: readonly string[];
  /** Whether it reaches hosts where downloads come from: then tools need not stay offline. */
  readonly online: boolean;
};

/**
 * What a validator sees instead of our environment: nothing but this list, so that no secret and no switch of the
 * caller reaches it. Tools find the dependencies of the trusted side through pointers and are told to stay offline.
 * "Read-only" is a request here, kept by tools that honour these switches; at isolation level 1 nothing enforces it, and a
 * hostile program of the same user can write wherever that user can.
 */
export const roomEnvironment = ({
  outer,
  scratch,
  passEnv,
  online,
}: RoomSurroundings): Record<string, string> => ({
  ...passed(outer, passEnv),
  ...(online ? withoutDownloads(toolPointers(outer)) : { ...toolPointers(outer), ...OFFLINE }),
  ...QUIET,
  PATH: absoluteOnly(outer.PATH ?? SYSTEM_PATH),
  HOME: join(scratch, "home"),
  TMPDIR: join(scratch, "tmp"),
  GOCACHE: goCacheIn(scratch),
  // The same tree shall get the same verdict everywhere.
  LANG: "C.UTF-8",
  LC_ALL: "C.UTF-8",
  TZ: "UTC",
  CI: "1",
});

export const goCacheIn = (scratch: string): string => join(scratch, "go-build");

const SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin";

/** Downloads would differ from day to day, and would be written into caches that belong to the user. */
const OFFLINE = {
  GOPROXY: "off",
  CARGO_NET_OFFLINE: "true",
  RUSTUP_AUTO_INSTALL: "0",
  PIP_NO_INDEX: "1",
  MAVEN_ARGS: "--offline",
  npm_config_offline: "true",
};

/** Who may download writes what he gets into the room, and nobody else's cache. */
const withoutDownloads = (pointers: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(pointers).filter(([name]) => !DOWNLOADS.has(name)));
const DOWNLOADS: ReadonlySet<string> = new Set([
  "GOMODCACHE",
  "CARGO_HOME",
  "npm_config_cache",
  "MAVEN_OPTS",
]);

const QUIET = {
  npm_config_logs_max: "0",
  npm_config_update_notifier: "false",
  // Else Python writes compiled files beside the sources it reads.
  PYTHONDONTWRITEBYTECODE: "1",
  GIT_TERMINAL_PROMPT: "0",
};

/** These load code or change what a tool does with the tree, so not even the settings can let them in. */
const NEVER_PASSED = /^(NODE_OPTIONS|BASH_ENV|ENV|PYTHONSTARTUP|LD_.*|DYLD_.*|GIT_.*|npm_.*|RUNLEDGER_.*)$/i;

const passed = (outer: RoomSurroundings["outer"], names: readonly string[]): Record<string, string> =>
  pickDefined(names.filter((name) => !NEVER_PASSED.test(name)).map((name) => [name, outer[name]]));

/** A relative entry would mean a program inside the tree that is judged. */
const absoluteOnly = (path: string): string => path.split(delimiter).filter(isAbsolute).join(delimiter);

/** Tools find these below HOME, which is another one in the room; only what exists is pointed at. */
export const toolPointers = (outer: RoomSurroundings["outer"]): Record<string, string> => {
  const home = outer.HOME ?? homedir();
  const goPath = outer.GOPATH?.split(delimiter)[0] ?? join(home, "go");
  const pointers: readonly (readonly [string, string | undefined])[] = [
    ["GOROOT", outer.GOROOT],
    ["GOMODCACHE", outer.GOMODCACHE ?? join(goPath, "pkg", "mod")],
    ["CARGO_HOME", outer.CARGO_HOME ?? join(home, ".cargo")],
    ["RUSTUP_HOME", outer.RUSTUP_HOME ?? join(home, ".rustup")],
    ["PYENV_ROOT", outer.PYENV_ROOT ?? join(home, ".pyenv")],
    ["PYTHONUSERBASE", outer.PYTHONUSERBASE ?? join(home, ".local")],
    ["VOLTA_HOME", outer.VOLTA_HOME ?? join(home, ".volta")],
    ["JAVA_HOME", outer.JAVA_HOME],
    ["npm_config_cache", outer.npm_config_cache ?? outer.NPM_CONFIG_CACHE ?? join(home, ".npm")],
  ];
  const maven = join(home, ".m2", "repository");
  return {
    ...pickDefined(pointers.filter(([, folder]) => folder !== undefined && existsSync(folder))),
    ...(existsSync(maven) ? { MAVEN_OPTS: `-Dmaven.repo.local=${maven}` } : {}),
  };
};

const pickDefined = (entries: readonly (readonly [string, string | undefined])[]): Record<string, string> =>
  Object.fromEntries(entries.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
