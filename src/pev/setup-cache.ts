import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, realpath, rename, stat, utimes, writeFile } from "node:fs/promises";
import { dirname, join, posix } from "node:path";
import { digestOf } from "../core/canonical.js";
import { isWithin } from "../core/within.js";
import { copyCommand, isThere, makeFolders } from "./copying.js";
import { findNames, renameTree } from "./moved-copy.js";
import type { TreeEntry } from "./objects.js";
import { removeFolder } from "./private-folder.js";
import type { ProcessEnd } from "./sandbox.js";
import { hasLockfile, type SetupFacts, setupKey } from "./setup-key.js";
import { removeOrphans, shortLivedName } from "./short-lived.js";
import { firstDifference, marksBelow } from "./tree-marks.js";

/** As many sets of dependencies as a project has branches in work; the one that was used longest ago goes first. */
const KEPT_MAX = 8;
/** Of all of them together: some large projects' dependencies, twice. */
const KEPT_BYTES_MAX = 10_737_418_240;
/** What nobody used for so long goes with the next `gc`. */
const UNUSED_MS = 7 * 86_400_000;

type Run = (argv: readonly string[]) => Promise<ProcessEnd>;

/** What set-up made, kept for trees that would be set up alike. */
export interface SetupCache {
  /**
   * Lays out a whole copy; without one, answers with what is to be done with what set-up is going to make. Waits for whoever
   * is making the same in this process.
   */
  enter(run: Run): Promise<Making | undefined>;
}

export type Making = {
  /** Once set-up has succeeded; says in a few words what became of it. */
  keep(run: Run): Promise<string>;
  /** Others may try now. */
  end(): void;
};

export type SetupCacheOptions = SetupFacts & {
  /** No room and no agent is told where it is. */
  readonly cacheFolder: string;
  readonly tree: string;
  /** Nobody but the user has written what is in the tree: only then is what comes of it kept for others. */
  readonly isBase: boolean;
  /** Aborts when nobody waits for the tree any more. */
  readonly signal: AbortSignal;
};

/**
 * Filled from the run's base alone, before code of a proposal runs there: what a proposal could write never reaches the
 * verdict on another one. A copy is believed as long as no file of it was written since (see written-files.ts), looked at
 * after it was copied, so that nobody can exchange one in between.
 */
export const openSetupCache = async (asked: SetupCacheOptions): Promise<SetupCache> => {
  const paths = asked.paths.map((path) => posix.join(path, ".").replace(/\/+$/, ""));
  const options = { ...asked, paths };
  const { cacheFolder, isBase, entries, signal } = options;
  const key = await setupKey(options);
  const unfit = whyNotCached(entries, paths);
  const why = unfit ?? (isBase ? null : "others wrote this tree");
  const entry = join(cacheFolder, `${PREFIX}${key}`);
  return {
    enter: async (run) => {
      for (let at = makings.get(entry); at !== undefined && !signal.aborted; at = makings.get(entry))
        await endedOrAborted(at, signal);
      const end = why === null ? announce(entry) : () => undefined;
      try {
        if (unfit !== null || !(await layEntry(options, entry, run)))
          return await beginMaking(options, { entry, why, end });
        end();
        return undefined;
      } catch (error) {
        end();
        throw error;
      }
    },
  };
};

/** Why nothing can be kept for trees of this commit; null when it can. */
export const whyNotCached = (entries: readonly TreeEntry[], paths: readonly string[]): string | null => {
  const tracked = entries.find(({ path }) => paths.some((one) => isWithin(path, one)));
  if (tracked !== undefined) return `${tracked.path} is tracked`;
  return hasLockfile(entries) ? null : "the tree has no lockfile";
};

/** A signal outlives many waits, and would keep a listener of each. */
const endedOrAborted = async (making: Promise<void>, signal: AbortSignal): Promise<void> => {
  let stop = (): void => undefined;
  const aborted = new Promise<void>((resolve) => {
    stop = resolve;
    signal.addEventListener("abort", stop);
  });
  await Promise.race([making, aborted]);
  signal.removeEventListener("abort", stop);
};

const PREFIX = "setup-";
const DRAFT = "draft-";
const FILES = "files";
const MANIFEST = "manifest.json";

type Manifest = {
  readonly paths: readonly string[];
  /** The names of the tree it was made in, and the files that hold them. */
  readonly madeIn: readonly string[];
  readonly texts: readonly string[];
  readonly marks: string;
  readonly bytes: number;
};

/** Set-ups under way in this process, by entry. */
const makings = new Map<string, Promise<void>>();

const digestOfMarks = (marks: ReadonlyMap<string, string>): string => digestOf([...marks].sort());

const readManifest = async (entry: string): Promise<Manifest | undefined> => {
  try {
    return JSON.parse(await readFile(join(entry, MANIFEST), "utf8")) as Manifest;
  } catch {
    // Not there, or half of it: then there is no entry.
    return undefined;
  }
};

const layEntry = async ({ tree }: SetupCacheOptions, entry: string, run: Run): Promise<boolean> => {
  const manifest = await readManifest(entry);
  if (manifest === undefined) return false;
  const drafts: { readonly path: string; readonly draft: string }[] = [];
  try {
    for (const path of manifest.paths) {
      const target = join(tree, path);
      if ((await isThere(target)) || !(await makeFolders(tree, path.split("/").slice(0, -1)))) return false;
      const draft = `${target}.${randomUUID()}`;
      drafts.push({ path, draft });
      if ((await run(copyCommand(join(entry, FILES, path), draft))).exitCode !== 0) return false;
    }
    if (!(await isAsMade(entry, manifest))) {
      await removeFolder(entry);
      return false;
    }
    for (const { path, draft } of drafts) await rename(draft, join(tree, path));
  } finally {
    for (const { draft } of drafts) await removeFolder(draft);
  }
  await renameTree(tree, manifest.texts, manifest.madeIn, tree);
  await utimes(join(entry, MANIFEST), new Date(), new Date()).catch(() => undefined);
  return true;
};

const isAsMade = async (entry: string, { marks }: Manifest): Promise<boolean> => {
  const now = await marksBelow(join(entry, FILES)).catch(() => undefined);
  return now !== undefined && digestOfMarks(now.marks) === marks;
};

const beginMaking = async (
  options: SetupCacheOptions,
  { entry, why, end }: { readonly entry: string; readonly why: string | null; readonly end: () => void },
): Promise<Making> => {
  if (why !== null) return { keep: async () => `not kept, because ${why}`, end };
  const { tree, paths } = options;
  const outside = (path: string): boolean => path === ".git" || paths.some((one) => isWithin(path, one));
  const before = await marksBelow(tree, outside);
  return {
    keep: async (run) => {
      const other = firstDifference(before, await marksBelow(tree, outside));
      // A tree that got the copy alone would lack it.
      const problem =
        other === undefined ? await keepCopy(options, entry, run) : `set-up wrote ${other} as well`;
      return problem === null ? `${paths.join(", ")} kept for other trees` : `not kept, because ${problem}`;
    },
    end,
  };
};

const announce = (entry: string): (() => void) => {
  let end = (): void => undefined;
  const making = new Promise<void>((resolve) => {
    end = resolve;
  });
  makings.set(entry, making);
  return () => {
    if (makings.get(entry) === making) makings.delete(entry);
    end();
  };
};

/** Half a copy never gets the name, and of two that were made at once one does. */
const keepCopy = async (options: SetupCacheOptions, entry: string, run: Run): Promise<string | null> => {
  const { cacheFolder } = options;
  await mkdir(cacheFolder, { recursive: true, mode: 0o700 });
  await removeOrphans(cacheFolder, DRAFT);
  const draft = join(cacheFolder, `${shortLivedName(DRAFT)}${randomUUID()}`);
  try {
    const problem = await fill(options, draft, run);
    if (problem !== null) return problem;
    await rename(draft, entry).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
    });
    await evict(cacheFolder, entry);
    return null;
  } finally {
    await removeFolder(draft);
  }
};

const fill = async ({ tree, paths }: SetupCacheOptions, draft: string, run: Run): Promise<string | null> => {
  const made = paths.filter((path) => existsSync(join(tree, path)));
  if (made.length === 0) return `set-up made no ${paths.join(", ")}`;
  const files = join(draft, FILES);
  for (const path of made) {
    await mkdir(dirname(join(files, path)), { recursive: true, mode: 0o700 });
    if ((await run(copyCommand(join(tree, path), join(files, path)))).exitCode !== 0)
      return `${path} could not be copied`;
  }
  const copied = await marksBelow(files);
  if (copied.bytes > KEPT_BYTES_MAX) return `it has ${copied.bytes} bytes, more than ${KEPT_BYTES_MAX}`;
  const madeIn = [...new Set([tree, await realpath(tree)])];
  const names = await findNames(files, copied.marks.keys(), madeIn);
  if ("problem" in names) return names.problem;
  const { marks, bytes } = await marksBelow(files);
  const manifest: Manifest = { paths: made, madeIn, texts: names.texts, marks: digestOfMarks(marks), bytes };
  await writeFile(join(draft, MANIFEST), JSON.stringify(manifest));
  return null;
};

type Kept = { readonly path: string; readonly usedAtMs: number; readonly bytes: number };

/** The one that was used last comes first. */
const listKept = async (cacheFolder: string): Promise<readonly Kept[]> => {
  const names = await readdir(cacheFolder).catch(() => []);
  const kept: Kept[] = [];
  for (const name of names.filter((one) => one.startsWith(PREFIX))) {
    const path = join(cacheFolder, name);
    const facts = await stat(join(path, MANIFEST)).catch(() => undefined);
    kept.push({ path, usedAtMs: facts?.mtimeMs ?? 0, bytes: (await readManifest(path))?.bytes ?? 0 });
  }
  return kept.sort((a, b) => b.usedAtMs - a.usedAtMs);
};

const evict = async (cacheFolder: string, newest: string): Promise<void> => {
  let bytes = 0;
  for (const [n, one] of (await listKept(cacheFolder)).entries()) {
    bytes += one.bytes;
    if (one.path !== newest && (n >= KEPT_MAX || bytes > KEPT_BYTES_MAX)) await removeFolder(one.path);
  }
};

/** Copies that nobody used for a week. */
export const unusedSetups = async (
  cacheFolder: string,
  nowMs: number,
): Promise<readonly { readonly path: string; readonly bytes: number }[]> =>
  (await listKept(cacheFolder)).filter(({ usedAtMs }) => nowMs - usedAtMs >= UNUSED_MS);
