import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Git } from "./git.js";
import { type TreeEntry, writeIndex } from "./objects.js";
import { below, bytesOf, type RawPath, rawOf } from "./untrusted.js";

/** Which entries of a workspace are not part of the work. */
export interface IgnoreRules {
  /** Learns a .gitignore of the workspace. */
  learn(path: RawPath, bytes: Buffer): Promise<void>;
  /** Those of the given paths that are ignored; a folder's ends with a slash. */
  ignored(paths: readonly RawPath[]): Promise<ReadonlySet<RawPath>>;
}

/**
 * The base's rules hold whatever an agent wrote, so it cannot bring in what the project keeps out; its own rules may keep
 * out more. Git reads both from copies in a scratch folder, so it never opens a file an agent could turn into a trap.
 */
export const openIgnoreRules = async (
  store: Git,
  scratch: string,
  base: readonly TreeEntry[],
): Promise<IgnoreRules> => {
  const [before, now] = [join(scratch, "ignored-before"), join(scratch, "ignored-now")];
  await mkdir(before);
  await mkdir(now);
  const rules = base.filter(({ mode, path }) => mode.startsWith("100") && /(^|\/)\.gitignore$/.test(path));
  const known = new Map(rules.map(({ path, oid }) => [rawOf(path), oid]));
  if (rules.length > 0) {
    const indexFile = join(scratch, "ignored-index");
    await writeIndex(store, indexFile, rules);
    await store.run(["checkout-index", "--all"], { indexFile, workTree: before });
  }
  let changed = false;
  return {
    learn: async (path, bytes) => {
      changed ||= known.get(path) !== blobId(bytes);
      const copy = below(now, path);
      await mkdir(bytesOf(dirname(copy.toString("latin1"))), { recursive: true });
      await writeFile(copy, bytes);
    },
    ignored: async (paths) => {
      const ignored = new Set<RawPath>();
      if (rules.length > 0) await check(store, before, paths, ignored);
      if (changed) await check(store, now, paths, ignored);
      return ignored;
    },
  };
};

/** The name git would give these bytes. */
export const blobId = (bytes: Buffer): string =>
  createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex");

const check = async (
  store: Git,
  workTree: string,
  paths: readonly RawPath[],
  ignored: Set<RawPath>,
): Promise<void> => {
  if (paths.length === 0) return;
  // "./" keeps a leading colon from being read as pathspec magic; exit code 1 says that none is ignored.
  const output = await store.runBytes(["check-ignore", "--no-index", "--stdin", "-z"], {
    workTree,
    input: bytesOf(paths.map((path) => `./${path}\0`).join("")),
    okExitCodes: [0, 1],
  });
  for (const path of output.toString("latin1").split("\0")) if (path !== "") ignored.add(path.slice(2));
};
