import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { delimiter, isAbsolute, join } from "node:path";
import { LedgerError } from "../core/errors.js";
import { removeOrphans, shortLivedName } from "./short-lived.js";

/** Copying the history of a very large repository takes minutes; a git that lasts longer than this hangs. */
export const CALL_MS = 600_000;
/** Twice the largest tree a capture accepts, so that its patch fits; more than this is not ours. */
export const OUTPUT_BYTES_MAX = 1_073_741_824;
/** Enough of stderr to tell what went wrong. */
const STDERR_CHARS = 2_000;
/** `git patch-id --verbatim` came with this version, `git merge-tree --write-tree` with the one before. */
const GIT_VERSION_MIN = { major: 2, minor: 39 } as const;

/**
 * What every repository of ours says about attributes. It outranks whatever a tree says, so bytes are written and read
 * raw, and no tree decides how it is merged, shown or exported.
 */
export const RAW_ATTRIBUTES =
  "* -text -ident !crlf !eol !working-tree-encoding !filter !merge !diff !conflict-marker-size " +
  "!whitespace !encoding !delta !export-ignore !export-subst\n";

export type GitSetting = readonly [key: string, value: string];

export type GitCall = {
  /** --work-tree; never a config-bearing folder of an agent. */
  readonly workTree?: string;
  /** A private index. */
  readonly indexFile?: string;
  /** stdin; closed when not given. */
  readonly input?: string | Uint8Array | AsyncIterable<Uint8Array>;
  /** Only GIT_AUTHOR_*, GIT_COMMITTER_* and the like; it cannot loosen the fixed environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Default [0]. */
  readonly okExitCodes?: readonly number[];
};

export interface Git {
  readonly gitDir: string;
  /** stdout as text (a LedgerError git_failed with the last lines of stderr otherwise). */
  run(args: readonly string[], call?: GitCall): Promise<{ stdout: string; exitCode: number }>;
  runBytes(args: readonly string[], call?: GitCall): Promise<Buffer>;
}

/** Verdicts are about what the ledger itself stored, so it keeps a bare store nobody else writes; made when missing. */
export const openPrivateStore = async (gitDir: string): Promise<Git> => {
  const store = gitAt(gitDir);
  const attributes = join(gitDir, ATTRIBUTES);
  // Written last, so its presence says that the store was made to the end.
  if ((await readFile(attributes, "utf8").catch(() => "")) !== RAW_ATTRIBUTES) await makeStore(store);
  await removeOrphans(gitDir, SCRATCH);
  for (const folder of ["objects", "objects/pack"]) await removeOrphans(join(gitDir, folder), UNFINISHED);
  return store;
};

const ATTRIBUTES = join("info", "attributes");

// Made aside and moved in piece by piece: several processes may open the same new project at once, and git's own locks
// would refuse all of them but one, or for ever when that one dies.
const makeStore = async (store: Git): Promise<void> => {
  const { gitDir } = store;
  for (const folder of ["info", "objects/info", "objects/pack", "refs"])
    await mkdir(join(gitDir, folder), { recursive: true, mode: 0o700 });
  await withScratch(store, async (scratch) => {
    await gitAt(scratch).run(["init", "--quiet", "--bare", "--template=", "--initial-branch=runledger"]);
    await mkdir(join(scratch, "info"));
    await writeFile(join(scratch, ATTRIBUTES), RAW_ATTRIBUTES);
    for (const file of ["config", "HEAD", ATTRIBUTES]) await rename(join(scratch, file), join(gitDir, file));
  });
};

/** Loaded with the first call: commands that only read the journal start without it. */
export const execaPackage = () => import("execa");

/** Calls git on a folder we name ourselves, so that nothing is discovered and nothing inherited. */
export const gitAt = (gitDir: string, settings: readonly GitSetting[] = []): Git => {
  const call = async (args: readonly string[], options: GitCall) => {
    const { execa } = await execaPackage();
    const result = await execa(await gitProgram(), [...args], {
      ...BOUNDS,
      cwd: options.workTree ?? BOUNDS.cwd,
      env: { ...options.env, ...gitEnvironment(settings), ...placesOf(gitDir, options) },
      ...stdinOf(options.input),
    });
    const { exitCode } = result;
    if (exitCode === undefined || !(options.okExitCodes ?? [0]).includes(exitCode)) {
      throw gitFailed(args, endOf(result));
    }
    return { stdout: Buffer.from(result.stdout), exitCode };
  };
  return {
    gitDir,
    run: async (args, options = {}) => {
      const { stdout, exitCode } = await call(args, options);
      return { stdout: stdout.toString("utf8"), exitCode };
    },
    runBytes: async (args, options = {}) => (await call(args, options)).stdout,
  };
};

/** A git that answers one question after the other. */
export type GitTalk = {
  say(question: string): void;
  /** The next line of the answer, without its end. */
  line(): Promise<string>;
  bytes(count: number): Promise<Buffer>;
  end(): Promise<void>;
};

export const talkTo = async (store: Git, args: readonly string[]): Promise<GitTalk> => {
  const { execa } = await execaPackage();
  const child = execa(await gitProgram(), [...args], {
    ...BOUNDS,
    buffer: { stdout: false },
    stdin: "pipe",
    env: { ...gitEnvironment(), ...placesOf(store.gitDir, {}) },
  });
  // Whoever waits for an answer learns of its end; a broken pipe says no more.
  child.stdin.on("error", () => undefined);
  const chunks: AsyncIterator<Buffer> = child.stdout[Symbol.asyncIterator]();
  let held = Buffer.alloc(0);
  const until = async (enough: () => number): Promise<Buffer> => {
    for (let count = enough(); ; count = enough()) {
      if (count > 0 && count <= held.length) {
        const taken = held.subarray(0, count);
        held = held.subarray(count);
        return taken;
      }
      const { value, done } = await chunks.next();
      if (done) throw gitFailed(args, endOf(await child));
      held = Buffer.concat([held, value]);
    }
  };
  return {
    say: (question) => void child.stdin.write(question),
    line: async () => (await until(() => held.indexOf("\n") + 1)).toString("utf8").slice(0, -1),
    bytes: (count) => until(() => count),
    end: async () => {
      child.stdin.end();
      await child;
    },
  };
};

/**
 * Copies a commit and its ancestors and nothing else, into a store that has `have` already. Not `git fetch`, because its
 * far end drops the fixed environment; every object is hashed anew on arrival.
 */
export const copyHistory = async (
  from: Git,
  to: Git,
  history: { readonly commit: string; readonly have: readonly string[] },
): Promise<void> => {
  const git = await gitProgram();
  const { execa } = await execaPackage();
  const send = ["pack-objects", "--revs", "--stdout", "--quiet", "--delta-base-offset"];
  const receive = ["index-pack", "--stdin"];
  const sender = execa(git, send, {
    ...BOUNDS,
    buffer: { stdout: false },
    env: { ...gitEnvironment(), ...placesOf(from.gitDir, {}) },
    input: `${history.commit}\n${history.have.map((commit) => `^${commit}\n`).join("")}`,
  });
  const arrival = sender.pipe(git, receive, {
    ...BOUNDS,
    env: { ...gitEnvironment(), ...placesOf(to.gitDir, {}) },
  });
  const [sent, received] = await Promise.all([sender, arrival]);
  // A sender that fails by itself has an exit code; one whose receiver went away was killed by the broken pipe.
  if (sent.exitCode !== undefined && sent.exitCode !== 0) throw gitFailed(send, endOf(sent));
  if (received.exitCode !== 0) throw gitFailed(receive, endOf(received));
  // An object that is not what its name says arrives under another name, and is missed here.
  const all = [history.commit, ...history.have.map((commit) => `^${commit}`), ""].join("\n");
  await to.run(["rev-list", "--objects", "--quiet", "--stdin"], { input: all });
};

/** A private index or work tree lasts as long as one call of ours, inside a folder nobody else can foresee or enter. */
export const withScratch = async <T>(store: Git, use: (folder: string) => Promise<T>): Promise<T> => {
  const folder = await mkdtemp(join(store.gitDir, shortLivedName(SCRATCH)));
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};

/** Everything a git process of ours knows about the world; `settings` come from us and cannot loosen the fixed ones. */
export const gitEnvironment = (settings: readonly GitSetting[] = []): Record<string, string> => {
  const all = [...settings, ...SETTINGS];
  return {
    ...FIXED_ENVIRONMENT,
    GIT_CONFIG_COUNT: String(all.length),
    ...Object.fromEntries(all.map(([key], n) => [`GIT_CONFIG_KEY_${n}`, key])),
    ...Object.fromEntries(all.map(([, value], n) => [`GIT_CONFIG_VALUE_${n}`, value])),
  };
};

/** Looked up once in the caller's own PATH (git may live anywhere), absolute folders only; too old counts as missing. */
export const gitProgram = (): Promise<string> => {
  program ??= findGit();
  return program;
};

/** Whole lines, or else a secret that is cut in two would be taken for none. */
const lastLines = (text: string): string => {
  if (text.length <= STDERR_CHARS) return text;
  const end = text.slice(-STDERR_CHARS);
  return end.slice(end.indexOf("\n") + 1);
};

/** One refusal for every git that did not do what it was asked, with the sentence git itself gave. */
export const gitFailed = (args: readonly string[], end: { stderr: string; how: string }): LedgerError => {
  const tail = lastLines(end.stderr.trim());
  const hint = HINTS.find(({ says }) => says.test(tail))?.hint;
  return new LedgerError(
    "git_failed",
    `git ${args.find((arg) => !arg.startsWith("-"))} ${end.how}: ${tail.split("\n").at(-1) || "it said nothing"}`,
    {
      ...(hint === undefined ? {} : { hint }),
      details: { args: [...args], stderr: tail },
    },
  );
};

const SCRATCH = "scratch-";
/** How git names objects and packs that it has not finished. */
const UNFINISHED = "tmp_";

const BOUNDS = {
  cwd: "/",
  extendEnv: false,
  encoding: "buffer",
  stripFinalNewline: false,
  reject: false,
  timeout: CALL_MS,
  killSignal: "SIGKILL",
  maxBuffer: OUTPUT_BYTES_MAX,
} as const;

/** Config of the command line, which outranks every file. */
const SETTINGS: readonly GitSetting[] = [
  ["core.hooksPath", "/dev/null"],
  ["core.fsmonitor", "false"],
  // Else an index of ours leaves its shared half beside the user's.
  ["core.splitIndex", "false"],
  ["core.untrackedCache", "false"],
  ["core.sparseCheckout", "false"],
  ["core.attributesFile", "/dev/null"],
  ["core.checkStat", "default"],
  ["core.trustctime", "true"],
  ["core.fileMode", "true"],
  ["core.symlinks", "true"],
  ["core.protectHFS", "true"],
  ["core.protectNTFS", "true"],
  ["core.quotePath", "false"],
  ["core.useReplaceRefs", "false"],
  ["core.fsync", "objects,derived-metadata,reference"],
  ["core.fsyncMethod", "batch"],
  ["commit.gpgSign", "false"],
  ["log.showSignature", "false"],
  ["rerere.enabled", "false"],
  ["merge.directoryRenames", "false"],
  ["mailinfo.scissors", "false"],
  ["apply.whitespace", "nowarn"],
  ["apply.ignoreWhitespace", "no"],
  ["diff.ignoreSubmodules", "all"],
  ["submodule.recurse", "false"],
  ["fetch.fsckObjects", "true"],
  ["transfer.fsckObjects", "true"],
  ["protocol.ext.allow", "never"],
  ["gc.auto", "0"],
  ["maintenance.auto", "false"],
];

const SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin";

const FIXED_ENVIRONMENT = {
  PATH: SYSTEM_PATH,
  // Nothing can ever be planted below it.
  HOME: "/dev/null",
  LC_ALL: "C",
  TZ: "UTC",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_ATTR_NOSYSTEM: "1",
  GIT_NO_REPLACE_OBJECTS: "1",
  GIT_NO_LAZY_FETCH: "1",
  GIT_GRAFT_FILE: "/dev/null/grafts",
  GIT_ALLOW_PROTOCOL: "file",
  GIT_TERMINAL_PROMPT: "0",
  GIT_ASKPASS: "/bin/false",
  GIT_EDITOR: ":",
  GIT_PAGER: "cat",
  GIT_OPTIONAL_LOCKS: "0",
} as const;

const stdinOf = (input: GitCall["input"]) => {
  if (input === undefined) return { stdin: "ignore" } as const;
  return typeof input === "string" || input instanceof Uint8Array ? { input } : { stdin: input };
};

const placesOf = (gitDir: string, call: GitCall): Record<string, string> => ({
  GIT_DIR: gitDir,
  ...(call.workTree === undefined ? {} : { GIT_WORK_TREE: call.workTree }),
  ...(call.indexFile === undefined ? {} : { GIT_INDEX_FILE: call.indexFile }),
});

const HINTS: readonly { readonly says: RegExp; readonly hint: string }[] = [
  {
    says: /dubious ownership/,
    hint: "The folder belongs to somebody else: run as its owner, or allow it with git config --global --add safe.directory.",
  },
  { says: /No space left on device|Disk quota exceeded/, hint: "Free some disk space and try again." },
  { says: /\.lock': File exists/, hint: "Another git is at work there; try again when it has ended." },
];

/** How a process of execa's ended, for people. */
const endOf = (result: { exitCode?: number; timedOut: boolean; isMaxBuffer: boolean; stderr: unknown }) => ({
  stderr: Buffer.from(result.stderr as Uint8Array).toString("utf8"),
  how: result.timedOut
    ? `took longer than ${CALL_MS} ms`
    : result.isMaxBuffer
      ? `wrote more than ${OUTPUT_BYTES_MAX} bytes`
      : `failed (exit ${result.exitCode ?? "by signal"})`,
});

let program: Promise<string> | undefined;
let version = "";

/** Of the git that works here, in its own words. */
export const gitVersion = async (): Promise<string> => {
  await gitProgram();
  return version;
};

const findGit = async (): Promise<string> => {
  const folders = (process.env.PATH ?? SYSTEM_PATH).split(delimiter).filter(isAbsolute);
  const found = folders.map((folder) => join(folder, "git")).find((path) => existsSync(path));
  if (found === undefined) throw gitMissing("git is not on the PATH.");
  const { execa } = await execaPackage();
  const { stdout } = await execa(found, ["version"], {
    env: gitEnvironment(),
    extendEnv: false,
    timeout: CALL_MS,
  });
  const [, major = 0, minor = 0] = /(\d+)\.(\d+)/.exec(stdout)?.map(Number) ?? [];
  version = stdout.replace(/^git version /, "").trim();
  const least = GIT_VERSION_MIN;
  if (major < least.major || (major === least.major && minor < least.minor)) {
    throw gitMissing(`${stdout} is older than ${least.major}.${least.minor}.`);
  }
  return found;
};

const gitMissing = (sentence: string): LedgerError =>
  new LedgerError("toolchain_missing", sentence, {
    hint: `Install git ${GIT_VERSION_MIN.major}.${GIT_VERSION_MIN.minor} or newer.`,
  });
