import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { ChangedFile } from "../../validators/room.js";
import { LedgerError } from "../core/errors.js";
import { type Git, withScratch } from "./git.js";
import { updateRefs } from "./stale-lock.js";

export type TreeEntry = {
  readonly mode: string;
  readonly oid: string;
  readonly path: string;
};

/** Makes a commit that depends on nothing but its arguments, so that doing it again after a crash gives the same one. */
export const commitTree = async (input: {
  readonly store: Git;
  readonly tree: string;
  readonly parent: string;
  readonly message: string;
  /** ISO 8601. */
  readonly at: string;
}): Promise<string> => {
  const { store, tree, parent, message, at } = input;
  const date = `@${Math.floor(Date.parse(at) / 1000)} +0000`;
  const { stdout } = await store.run(["commit-tree", tree, "-p", parent], {
    input: mailSafe(message),
    env: {
      GIT_AUTHOR_NAME: RUNLEDGER.name,
      GIT_AUTHOR_EMAIL: RUNLEDGER.email,
      GIT_AUTHOR_DATE: date,
      GIT_COMMITTER_NAME: RUNLEDGER.name,
      GIT_COMMITTER_EMAIL: RUNLEDGER.email,
      GIT_COMMITTER_DATE: date,
    },
  });
  return stdout.trim();
};

/** The tree of one commit, with those paths as another has them. */
export const treeWith = async (input: {
  readonly store: Git;
  readonly tree: string;
  readonly from: string;
  readonly paths: readonly string[];
}): Promise<string> => {
  const { store, tree, from, paths } = input;
  const laid = new Set(paths);
  const entries = (await listTree(store, from)).filter(({ path }) => laid.has(path));
  return withScratch(store, async (scratch) => {
    const indexFile = join(scratch, "index");
    await store.run(["read-tree", tree], { indexFile });
    // A file may take the place of a folder, or the other way round.
    const input = entries.map(({ mode, oid, path }) => `${mode} ${oid}\t${path}\0`).join("");
    await store.run(["update-index", "-z", "--replace", "--index-info"], { indexFile, input });
    return (await store.run(["write-tree"], { indexFile })).stdout.trim();
  });
};

/** Work is judged as it would stand on the head of now; with conflicts the tree carries their markers. */
export const mergeOnto = async (input: {
  readonly store: Git;
  readonly head: string;
  readonly commit: string;
}): Promise<{ tree: string; conflicts: string[] }> => {
  const { store, head, commit } = input;
  const args = ["merge-tree", "--write-tree", "-z", "--name-only", "--no-messages", head, commit];
  const { stdout, exitCode } = await store.run(args, { okExitCodes: [0, 1] });
  const [tree = "", ...conflicts] = stdout.split("\0").filter((part) => part !== "");
  // A merge that failed without naming a file must never pass for a clean one.
  if (exitCode === 1 && conflicts.length === 0) {
    throw new LedgerError("git_failed", `git could not merge ${commit} onto ${head}, and did not say where.`);
  }
  return { tree, conflicts };
};

/** What differs between two commits or trees; a rename is one change that names both paths. */
export const changedFiles = async (input: {
  readonly store: Git;
  readonly from: string;
  readonly to: string;
}): Promise<ChangedFile[]> => {
  const { stdout } = await input.store.run(["diff-tree", "-r", "-M", "-z", "--raw", input.from, input.to]);
  const parts = stdout.split("\0");
  const changed: ChangedFile[] = [];
  for (let n = 0; parts[n]?.startsWith(":"); ) {
    const status = parts[n]?.split(" ").at(4)?.charAt(0) ?? "";
    const [first = "", second = ""] = [parts[n + 1], parts[n + 2]];
    if (status === "R") changed.push({ path: second, change: "renamed", from: first });
    else changed.push({ path: first, change: CHANGES[status] ?? "modified" });
    n += status === "R" ? 3 : 2;
  }
  return changed;
};

/** The same difference as bytes that can be applied elsewhere, binary files included. */
export const patchBetween = (store: Git, from: string, to: string): Promise<Buffer> =>
  store.runBytes(["diff-tree", "-r", "-p", "--binary", "--full-index", "--no-renames", from, to]);

/**
 * Git throws away what no ref names; this names a commit for as long as its run is kept. Written as git writes a ref, whole,
 * synced and by one rename, but without its process.
 */
export const keep = async (store: Git, runId: string, commit: string): Promise<void> => {
  const ref = join(store.gitDir, runRefs(runId), "kept", commit);
  await mkdir(dirname(ref), { recursive: true });
  await withScratch(store, async (scratch) => {
    const draft = join(scratch, "ref");
    await writeFile(draft, `${commit}\n`, { flush: true });
    await rename(draft, ref);
  });
};

/** For each path, the commits after `base` that changed it, newest first: whom a conflict is with. */
export const touchedBy = async (input: {
  readonly store: Git;
  readonly base: string;
  readonly head: string;
  readonly paths: readonly string[];
}): Promise<Map<string, string[]>> => {
  const { store, base, head, paths } = input;
  const touched = new Map<string, string[]>();
  for (const path of paths) {
    const { stdout } = await store.run(["--literal-pathspecs", "rev-list", `${base}..${head}`, "--", path]);
    touched.set(path, stdout.split("\n").filter(Boolean));
  }
  return touched;
};

/** Paths of the files that hold a text. */
export const filesWith = async (store: Git, tree: string, text: string): Promise<string[]> => {
  const { stdout } = await store.run(["grep", "-l", "-z", "-F", "-e", text, tree], { okExitCodes: [0, 1] });
  return stdout
    .split("\0")
    .filter(Boolean)
    .map((name) => name.slice(tree.length + 1));
};

/** Every entry below a tree or commit, by full path; a submodule is listed, not entered. */
export const listTree = (store: Git, tree: string): Promise<readonly TreeEntry[]> => {
  const known = listed.get(tree);
  if (known !== undefined) return known;
  if (!OID.test(tree)) return readListing(store, tree);
  const listing = readListing(store, tree);
  listed.set(tree, listing);
  listing.catch(() => listed.delete(tree));
  const [oldest] = listed.keys();
  if (oldest !== undefined && listed.size > LISTINGS_KEPT) listed.delete(oldest);
  return listing;
};

/** What an object's name stands for never changes. A head is listed for its room, for what starts from it and for its capture. */
const listed = new Map<string, Promise<readonly TreeEntry[]>>();
/** One of 50,000 files takes ten megabytes. */
const LISTINGS_KEPT = 4;

const OID = /^[0-9a-f]{40}$/;

const readListing = async (store: Git, tree: string): Promise<readonly TreeEntry[]> => {
  const { stdout } = await store.run(["ls-tree", "-r", "-z", "--full-tree", tree]);
  return stdout
    .split("\0")
    .filter(Boolean)
    .map((line) => {
      const [facts = "", path = ""] = splitOnce(line, "\t");
      const [mode = "", , oid = ""] = facts.split(" ");
      return { mode, oid, path };
    });
};

/** Fills a private index; git leaves out the names it would not check out, and says so only in passing. */
export const writeIndex = async (
  store: Git,
  indexFile: string,
  entries: readonly TreeEntry[],
): Promise<void> => {
  const input = entries.map(({ mode, oid, path }) => `${mode} ${oid}\t${path}\0`).join("");
  await store.run(["update-index", "-z", "--index-info"], { indexFile, input });
};

/** Forgets every commit of a run; the objects go with the next cleaning of the store. */
export const dropRun = async (store: Git, runId: string): Promise<void> => {
  const { stdout } = await store.run(["for-each-ref", "--format=%(refname)", runRefs(runId)]);
  const refs = stdout.split("\n").filter(Boolean);
  await updateRefs(store, ["-z", "--stdin"], refs.map((ref) => `delete ${ref}\0\0`).join(""));
  // What is left there now are locks of gits that were killed.
  await rm(join(store.gitDir, runRefs(runId)), { recursive: true, force: true });
};

/** The runs that commits are kept for. */
export const runsWithRefs = async (store: Git): Promise<readonly string[]> => {
  const { stdout } = await store.run(["for-each-ref", "--format=%(refname:lstrip=2)", "refs/runledger/"]);
  return [...new Set(stdout.split("\n").flatMap((name) => /^([^/]+)\//.exec(name)?.[1] ?? []))];
};

/** Where a run's refs are; its id must not reach into another's. */
export const runRefs = (runId: string): string => {
  if (!/^[A-Za-z0-9_-]+$/.test(runId)) {
    throw new LedgerError(
      "invalid_input",
      `"${runId}" cannot name refs: only letters, digits, "_" and "-" can.`,
    );
  }
  return `refs/runledger/${runId}/`;
};

/** Who commits when nobody else is named. */
export const RUNLEDGER = { name: "RunLedger", email: "runledger@localhost" } as const;

const CHANGES: Readonly<Record<string, ChangedFile["change"]>> = { A: "added", M: "modified", D: "deleted" };

/**
 * A message becomes the body of a mail that `git am` reads, and parts of it come from agents: a line that looks like the
 * start of a patch, a mail or a header would be obeyed there, so it is indented.
 */
const mailSafe = (message: string): string =>
  message
    .replaceAll("\0", "")
    .replace(/\r\n?/g, "\n")
    .replace(
      /^(?=diff |@@ -|Index: |---|>?From |\[PATCH|(?:from|date|subject|message-id|content-[\w-]+)\s*:)/gim,
      " ",
    );

const splitOnce = (text: string, separator: string): [string, string] => {
  const at = text.indexOf(separator);
  return [text.slice(0, at), text.slice(at + separator.length)];
};
