import { readlinkSync } from "node:fs";
import { lstat, realpath } from "node:fs/promises";
import { join, posix } from "node:path";
import { setImmediate } from "node:timers/promises";
import type { ChangedFile } from "../../validators/room.js";
import type { Redactor } from "../core/redact.js";
import { type Cone, isInCone } from "./cone.js";
import { type Git, withScratch } from "./git.js";
import { blobId, openIgnoreRules } from "./ignore.js";
import { asksForLargeFiles, isPointer } from "./large-files.js";
import { changedFiles, listTree, type TreeEntry, writeIndex } from "./objects.js";
import { type RefuseSecrets, refusingSecrets } from "./secret-files.js";
import { below, type RawPath, rawOf, readInside, shown, systemCode, unfit } from "./untrusted.js";
import { DRAFT_NAME, type Found, findWork } from "./walk.js";

/** A large repository's checkout; a proposal that is larger carries something that is not source. */
export const TOTAL_BYTES_MAX = 536_870_912;
/** As many links as Linux itself follows. */
const LINKS_FOLLOWED_MAX = 40;
/** Reading files is synchronous (twice as fast); leases are renewed in between. */
const FILES_PER_TURN = 64;

export type Captured = {
  readonly tree: string;
  /** All that it holds, and those that are not as they were at the base. */
  readonly files: number;
  readonly changed: readonly ChangedFile[];
};

/**
 * Turns what an agent left in its folder into a tree in the store: exactly this is judged later. The folder is read as
 * files only, never as a repository, and read once: what the agent does to it afterwards changes nothing.
 */
export const captureTree = async (input: {
  readonly store: Git;
  readonly folder: string;
  /** Where the agent started: its ignore rules hold, its files come along even when ignored. */
  readonly baseCommit: string;
  /** Paths that come along even when ignored. */
  readonly alsoPaths: readonly string[];
  /** Paths that never come along: the user's local settings, which we laid there. */
  readonly leftOut: readonly string[];
  /** What the folder was given of the base; all else stays as it is there. */
  readonly cone: Cone;
  /** Knows which values may not come into the store. */
  readonly redactor: Redactor;
}): Promise<Captured> => {
  const { store, folder, cone } = input;
  const root = await realFolder(folder);
  const whole = await listTree(store, input.baseCommit);
  const base = whole.filter(({ path }) => isInCone(cone, path));
  return withScratch(store, async (scratch) => {
    const rules = await openIgnoreRules(store, scratch, whole);
    const always = [
      ...base.map(({ path }) => path),
      ...input.alsoPaths.filter(staysInside).map((path) => posix.normalize(path)),
    ];
    const tracked = new Set(base.map(({ path }) => path));
    const leftOut = new Set(input.leftOut.filter((path) => !tracked.has(path)).map(rawOf));
    const isDraft = (path: RawPath): boolean =>
      posix.basename(path) === DRAFT_NAME && !tracked.has(shown(path));
    const found = (await findWork(root, rules, always)).filter(
      ({ path }) => !leftOut.has(path) && !isDraft(path),
    );
    const refuseSecrets = refusingSecrets(store, base, input.redactor);
    if (whole.length > base.length) refuseOutside(cone, whole, found);
    const entries = await writeBlobs({ store, root, found, base, refuseSecrets });
    const index = join(scratch, "index");
    const start = { commit: input.baseCommit, entries: base };
    const isTold = cone.folders.length > 0 || base.every(({ path }) => isWhole(path));
    const made = await (isTold ? changeTree : makeTree)(store, index, start, entries);
    return { ...made, files: entries.length };
  });
};

/** Nobody who does not see what is there can say what should be there, and the judge would not see it either. */
const refuseOutside = (cone: Cone, base: readonly TreeEntry[], found: readonly Found[]): void => {
  const unseen = new Set<string>();
  for (const { path } of base)
    if (!isInCone(cone, path))
      for (let at = posix.dirname(path); at !== "." && !unseen.has(at); at = posix.dirname(at))
        unseen.add(at);
  for (const { path } of found) {
    if (!isInCone(cone, shown(path))) throw unfit(path, "is outside of the folders of workspace.sparse");
    if (unseen.has(shown(path)))
      throw unfit(path, "stands where the base has a folder that was not laid out");
  }
};

const realFolder = async (folder: string): Promise<string> => {
  const real = await realpath(folder).catch(() => undefined);
  if (real === undefined || !(await lstat(real)).isDirectory())
    throw unfit(rawOf(folder), "is not a folder any more");
  return real;
};

const staysInside = (path: string): boolean =>
  !posix.isAbsolute(path) && !posix.normalize(path).startsWith("..");

type Source = {
  readonly store: Git;
  readonly root: string;
  readonly found: readonly Found[];
  readonly base: readonly TreeEntry[];
  readonly refuseSecrets: RefuseSecrets;
};

/**
 * Reads every file once and by itself, and streams what is new into the store: so nothing can be exchanged between the
 * look at a file and its capture, and no name needs quoting. One pack for many
 * new files, because one object each costs a flush each.
 */
const writeBlobs = async (source: Source): Promise<TreeEntry[]> => {
  const entries: TreeEntry[] = [];
  let refusal: unknown;
  const stream = async function* () {
    try {
      yield* readWork(source, entries);
    } catch (error) {
      // The stream ends here either way; git need not be told why.
      refusal = error;
    }
  };
  const blobs = stream();
  const first = await blobs.next();
  const all = async function* () {
    if (!first.done) yield first.value;
    yield* blobs;
  };
  if (!first.done) await source.store.run(["fast-import", "--quiet"], { input: all() });
  if (refusal !== undefined) throw refusal;
  return entries;
};

/** Lists every file in `entries` and yields those blobs that the base does not have, in the words of fast-import. */
const readWork = async function* (
  { root, found, base, refuseSecrets }: Source,
  entries: TreeEntry[],
): AsyncGenerator<Buffer> {
  const known = new Set(base.map(({ oid }) => oid));
  const links = new Map<RawPath, string>();
  let bytesLeft = TOTAL_BYTES_MAX;
  for (const [n, { path, kind }] of found.entries()) {
    if (n % FILES_PER_TURN === 0) await setImmediate();
    const read = kind === "link" ? readLink(root, path) : readInside(root, path, bytesLeft);
    if (read === undefined) continue;
    const { bytes, executable } = read;
    bytesLeft -= bytes.length;
    if (kind === "link") links.set(path, bytes.toString("latin1"));
    const oid = blobId(bytes);
    entries.push({
      mode: kind === "link" ? "120000" : executable ? "100755" : "100644",
      oid,
      path: shown(path),
    });
    await refuseSecrets(path, known.has(oid) ? NO_BYTES : bytes);
    if (known.has(oid)) continue;
    refuseLargeFiles(path, bytes);
    known.add(oid);
    yield Buffer.concat([Buffer.from(`blob\ndata ${bytes.length}\n`), bytes, Buffer.from("\n")]);
  }
  refuseEscapes(links, base);
};

/** Of a file whose content the base has. */
const NO_BYTES = Buffer.alloc(0);

/** What a pointer stands for is not here, so whatever was judged would not be what is applied. */
const refuseLargeFiles = (path: RawPath, bytes: Buffer): void => {
  if (isPointer(bytes)) throw unfit(path, "is a pointer of Git LFS, which is not supported");
  if (/(^|\/)\.gitattributes$/.test(path) && asksForLargeFiles(bytes.toString("utf8")))
    throw unfit(path, "hands files over to Git LFS, which is not supported");
};

const readLink = (root: string, path: RawPath): { bytes: Buffer; executable: boolean } | undefined => {
  try {
    return { bytes: readlinkSync(below(root, path), { encoding: "buffer" }), executable: false };
  } catch (error) {
    const code = systemCode(error);
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw unfit(path, `was exchanged while it was captured (${code})`);
  }
};

/** A link the base has already is the user's own; any other must stay inside, through whatever links it passes. */
const refuseEscapes = (links: ReadonlyMap<RawPath, string>, base: readonly TreeEntry[]): void => {
  const own = new Map(
    base.filter(({ mode }) => mode === "120000").map(({ path, oid }) => [rawOf(path), oid]),
  );
  for (const [path, target] of links) {
    if (own.get(path) === blobId(Buffer.from(target, "latin1"))) continue;
    if (escapes(links, path))
      throw unfit(path, `is a link that leaves the workspace, to ${JSON.stringify(target)}`);
  }
};

const escapes = (links: ReadonlyMap<RawPath, string>, path: RawPath): boolean => {
  const rest = path.split("/");
  let at: RawPath[] = [];
  let followed = 0;
  for (let name = rest.shift(); name !== undefined; name = rest.shift()) {
    if (name === "" || name === ".") continue;
    if (name === "..") {
      if (at.pop() === undefined) return true;
      continue;
    }
    at = [...at, name];
    const target = links.get(at.join("/"));
    if (target === undefined) continue;
    followed += 1;
    // The system gives up on a link that leads in circles, so it leads nowhere.
    if (followed > LINKS_FOLLOWED_MAX) return false;
    if (target.startsWith("/")) return true;
    at.pop();
    rest.unshift(...target.split("/"));
  }
  return false;
};

/** A name of the base that is not UTF-8 was read with holes, so it cannot be told to git. */
const isWhole = (path: string): boolean => !path.includes("\uFFFD");

type Made = Omit<Captured, "files">;
type Start = { readonly commit: string; readonly entries: readonly TreeEntry[] };

const makeTree = async (
  store: Git,
  indexFile: string,
  { commit }: Start,
  entries: readonly TreeEntry[],
): Promise<Made> => {
  await writeIndex(store, indexFile, entries);
  const tree = (await store.run(["write-tree"], { indexFile })).stdout.trim();
  refuseLeftOut(entries, await listTree(store, tree));
  return { tree, changed: await changedFiles({ store, from: commit, to: tree }) };
};

/** Git knows the trees of the base, so only those around a change are made anew. */
const changeTree = async (
  store: Git,
  indexFile: string,
  { commit, entries: before }: Start,
  entries: readonly TreeEntry[],
): Promise<Made> => {
  const { gone, different } = changeOf(before, entries);
  await store.run(["read-tree", commit], { indexFile });
  // What is gone comes first: a folder may stand there now.
  if (gone.length + different.length > 0) await writeIndex(store, indexFile, [...gone, ...different]);
  const tree = (await store.run(["write-tree"], { indexFile })).stdout.trim();
  if (gone.length + different.length === 0) return { tree, changed: [] };
  const changed = await changedFiles({ store, from: commit, to: tree });
  refuseLeftOut(different, changed);
  return { tree, changed };
};

const changeOf = (base: readonly TreeEntry[], entries: readonly TreeEntry[]) => {
  const keyOf = ({ mode, oid, path }: TreeEntry): string => `${mode} ${oid} ${path}`;
  const before = new Set(base.map(keyOf));
  const there = new Set(entries.map(({ path }) => path));
  const gone = base.filter(({ path }) => !there.has(path));
  return {
    gone: gone.map(({ path }): TreeEntry => ({ mode: "0", oid: NO_OBJECT, path })),
    different: entries.filter((entry) => !before.has(keyOf(entry))),
  };
};

const NO_OBJECT = "0".repeat(40);

const refuseLeftOut = (
  entries: readonly TreeEntry[],
  written: readonly { readonly path: string }[],
): void => {
  const paths = new Set(written.map(({ path }) => path));
  const refused = entries.find(({ path }) => !paths.has(path));
  if (refused !== undefined) throw unfit(rawOf(refused.path), "has a name that git refuses to check out");
};
