import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import {
  chmod,
  cp,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  rm,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ChangedFile, ExecOptions, Execution, FileStat, Room } from "../../validators/room.js";

/** A sample project below test/fixtures, and what the proposal makes of it. */
export type Sample = {
  readonly fixture?: string;
  /** Replaces (a function of the old text) or adds files in the proposed tree only. */
  readonly change?: Readonly<Record<string, string | ((old: string) => string)>>;
  /** The same, in the base and in the proposed tree. */
  readonly both?: Readonly<Record<string, string>>;
  readonly remove?: readonly string[];
  /** What the plan holds out. */
  readonly heldOut?: Readonly<Record<string, string>>;
  /** Symbolic links in both trees, by path; not part of what changed. */
  readonly links?: Readonly<Record<string, string>>;
  readonly noBase?: boolean;
  readonly limitMs?: number;
  /** A PATH that leads to `programs` only. */
  readonly noPath?: boolean;
  /** Shell scripts that are found before the programs of the machine. */
  readonly programs?: Readonly<Record<string, string>>;
};

export type LocalRoom = Room & { readonly root: string; readonly baseRuns: () => number };

const opened: string[] = [];

// A room over plain folders and real processes, so that validators are tested without the engine's rooms.
export const localRoom = async (sample: Sample): Promise<LocalRoom> => {
  const home = await realpath(await mkdtemp(join(tmpdir(), "validators-")));
  opened.push(home);
  const [base, tree] = [join(home, "base"), join(home, "tree")];
  for (const root of [base, tree]) {
    await mkdir(root);
    if (sample.fixture !== undefined) await cp(fixturePath(sample.fixture), root, { recursive: true });
    for (const [path, text] of Object.entries(sample.both ?? {})) await put(root, path, text);
    for (const [path, target] of Object.entries(sample.links ?? {})) await symlink(target, join(root, path));
  }
  for (const [path, change] of Object.entries(sample.change ?? {})) {
    await put(
      tree,
      path,
      typeof change === "string" ? change : change(await readFile(join(tree, path), "utf8")),
    );
  }
  for (const path of sample.remove ?? []) await rm(join(tree, path), { recursive: true });
  for (const [name, script] of Object.entries(sample.programs ?? {})) {
    await put(home, `bin/${name}`, `#!/bin/sh\n${script}\n`);
    await chmod(join(home, "bin", name), 0o755);
  }
  const path = `${join(home, "bin")}${sample.noPath === true ? "" : `:${process.env.PATH}`}`;
  return roomOver(tree, sample.noBase === true ? undefined : base, { ...sample, path });
};

/** For afterAll: leaves nothing in the temporary folder. */
export const closeLocalRooms = async (): Promise<void> => {
  for (const home of opened.splice(0)) {
    await rm(home, { recursive: true, force: true, maxRetries: 5 });
  }
};

export const fixturePath = (name: string): string =>
  fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));

/** Whether a program can be found, for tests that need a toolchain. */
export const has = (program: string, ...args: readonly string[]): boolean =>
  spawnSync(program, args, { stdio: "ignore" }).status === 0;

/** Where a program lies; empty when it cannot be found. */
export const pathOf = (program: string): string =>
  spawnSync("sh", ["-c", 'command -v "$1"', "sh", program], { encoding: "utf8" }).stdout.trim();

const put = async (root: string, path: string, text: string): Promise<void> => {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), text);
};

const roomOver = async (
  root: string,
  baseRoot: string | undefined,
  sample: Sample & { readonly path: string },
): Promise<LocalRoom> => {
  const ignored = Object.keys(sample.links ?? {});
  const scratch = `${root}.scratch`;
  await mkdir(scratch, { recursive: true });
  const deadline = Date.now() + (sample.limitMs ?? 60_000);
  // What differs is what the proposal left, not what the judge's own commands leave behind.
  const changed = baseRoot === undefined ? [] : await differences(baseRoot, root, ignored);
  const kept = new Map<string, Promise<unknown>>();
  let baseRuns = 0;
  const openBase = async () => (baseRoot === undefined ? undefined : roomOver(baseRoot, undefined, sample));
  return {
    root,
    scratch,
    baseRuns: () => baseRuns,
    exec: (argv, options = {}) => execute(argv, options, root, deadline, sample.path),
    changedFiles: async () => changed,
    stat: (path) => statOf(join(root, path)),
    read: (path, bytesMax) => readHead(join(root, path), bytesMax),
    list: (path) => names(join(root, path)),
    readScratch: async (path, bytesMax) => {
      const bytes = await readHead(join(scratch, path), bytesMax + 1);
      return bytes === undefined || bytes.length > bytesMax ? undefined : bytes.toString();
    },
    lay: async (files) => {
      for (const { path, bytes } of files) {
        await mkdir(dirname(join(root, path)), { recursive: true });
        await writeFile(join(root, path), bytes, { flag: "wx" });
      }
      return true;
    },
    writeScratch: (name, text) => writeFile(join(scratch, name), text, { flag: "wx" }),
    listScratch: (path) => names(join(scratch, path)),
    atBase: openBase,
    atBaseWith: async (paths) => {
      if (baseRoot === undefined) return undefined;
      const laid = `${root}.base-with-${randomUUID()}`;
      await cp(baseRoot, laid, { recursive: true, verbatimSymlinks: true });
      for (const path of paths) await cp(join(root, path), join(laid, path));
      return roomOver(laid, undefined, sample);
    },
    layHeldOut: async () => {
      const { heldOut } = sample;
      if (heldOut === undefined) return undefined;
      for (const [path, text] of Object.entries(heldOut)) await put(root, path, text);
      return { folder: "held-out", digest: "d".repeat(64), paths: Object.keys(heldOut) };
    },
    cachedAtBase: (compute, about = "") => {
      const known = kept.get(about);
      if (known !== undefined) return known;
      const found = openBase().then((base) => {
        if (base === undefined) return undefined;
        baseRuns += 1;
        // As a real room would keep it: as JSON.
        return compute(base).then((value) => JSON.parse(JSON.stringify(value)));
      });
      kept.set(about, found);
      return found;
    },
  };
};

const execute = (
  argv: readonly string[],
  options: ExecOptions,
  cwd: string,
  deadline: number,
  path: string,
): Promise<Execution> => {
  const started = Date.now();
  const [program = "", ...args] = argv;
  const env = { PATH: path, HOME: process.env.HOME ?? "", LANG: "C.UTF-8", ...options.env };
  const child = spawn(program, args, { cwd, env, detached: true, stdio: ["ignore", "pipe", "pipe"] });
  const stdout: Buffer[] = [];
  const both: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => stdout.push(chunk) && both.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => both.push(chunk));
  let timedOut = false;
  const timer = setTimeout(
    () => {
      timedOut = true;
      killGroup(child);
    },
    Math.max(0, deadline - started),
  );
  return new Promise((resolve) => {
    const end = (exitCode: number | null, signal: string | null, notFound: boolean) => {
      clearTimeout(timer);
      resolve({
        argv,
        exitCode: timedOut ? null : exitCode,
        signal,
        timedOut,
        notFound,
        durationMs: Date.now() - started,
        tail: Buffer.concat(both).subarray(-8192).toString(),
        stdout: Buffer.concat(stdout)
          .subarray(0, options.stdoutBytesMax ?? 0)
          .toString(),
        log: null,
      });
    };
    child.once("error", () => end(null, null, true));
    // Whatever the command left running holds the pipes open: it goes, and nobody waits for it.
    child.once("exit", () => killGroup(child));
    child.once("close", (exitCode, signal) => end(exitCode, signal, false));
  });
};

const killGroup = (child: ChildProcess): void => {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
  } catch {
    // The group is gone already.
  }
};

const statOf = async (path: string): Promise<FileStat | undefined> => {
  const stat = await lstat(path).catch(() => undefined);
  if (stat === undefined) return undefined;
  const kind = stat.isFile()
    ? "file"
    : stat.isDirectory()
      ? "folder"
      : stat.isSymbolicLink()
        ? "link"
        : "other";
  return { kind, bytes: stat.size };
};

const readHead = async (path: string, bytesMax: number): Promise<Buffer | undefined> => {
  const stat = await statOf(path);
  return stat?.kind === "file" ? (await readFile(path)).subarray(0, bytesMax) : undefined;
};

const names = async (path: string): Promise<string[]> => (await readdir(path).catch(() => [])).sort();

const differences = async (
  base: string,
  tree: string,
  ignored: readonly string[],
): Promise<ChangedFile[]> => {
  const [old, now] = [await filesBelow(base, ignored), await filesBelow(tree, ignored)];
  const changed: ChangedFile[] = [];
  for (const path of new Set([...old, ...now])) {
    if (!old.has(path)) changed.push({ path, change: "added" });
    else if (!now.has(path)) changed.push({ path, change: "deleted" });
    else if (!(await readFile(join(base, path))).equals(await readFile(join(tree, path)))) {
      changed.push({ path, change: "modified" });
    }
  }
  return changed.sort((a, b) => (a.path < b.path ? -1 : 1));
};

const filesBelow = async (root: string, ignored: readonly string[]): Promise<Set<string>> => {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const paths = files.map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1));
  return new Set(paths.filter((path) => !ignored.includes(path)));
};
