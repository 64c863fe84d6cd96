import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { isLedgerError } from "../core/errors.js";
import type { Git } from "./git.js";

/** A ref is written in milliseconds; a lock of that age was left by a git that was killed, and nobody else removes it. */
const LOCK_MS = 5_000;
const PAUSE_MS = 100;
/** Twice as long as one such lock can last: a ref so contested is a fault. */
const TRIES_MAX = (2 * LOCK_MS) / PAUSE_MS;

/**
 * Changes refs of a store of ours. A git that dies with its machine or its container leaves its lock behind, and each
 * later one would be refused: the run could never go on. Taking a lock from a living one does no harm, because our refs
 * are named by what they say.
 */
export const updateRefs = async (store: Git, args: readonly string[], input?: string): Promise<void> => {
  for (let tries = 1; ; tries += 1) {
    try {
      await store.run(["update-ref", ...args], input === undefined ? {} : { input });
      return;
    } catch (error) {
      const lock = lockIn(error);
      if (lock === undefined || !lock.startsWith(`${store.gitDir}/`) || tries === TRIES_MAX) throw error;
      await removeStale(lock);
    }
  }
};

const lockIn = (error: unknown): string | undefined =>
  isLedgerError(error, "git_failed")
    ? /Unable to create '(.+\.lock)': File exists/.exec(String(error.details?.stderr))?.[1]
    : undefined;

/** Locks that nobody will take away but us, wherever in the store. */
export const staleLocksOf = async ({ gitDir }: Git): Promise<readonly string[]> => {
  const names = await readdir(gitDir, { recursive: true });
  const locks = names.filter((name) => name.endsWith(".lock")).map((name) => join(gitDir, name));
  const stale = await Promise.all(locks.map(isStale));
  return locks.filter((_, at) => stale[at]);
};

export const removeStaleLocks = async (locks: readonly string[]): Promise<void> => {
  for (const lock of locks) if (await isStale(lock)) await rm(lock, { force: true });
};

const isStale = async (lock: string): Promise<boolean> => {
  const found = await stat(lock).catch(() => undefined);
  return found !== undefined && Date.now() - found.mtimeMs > LOCK_MS;
};

const removeStale = async (lock: string): Promise<void> => {
  if (await isStale(lock)) await rm(lock, { force: true });
  else await delay(PAUSE_MS);
};
