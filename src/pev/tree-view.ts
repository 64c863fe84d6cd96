import type { Cone } from "./cone.js";
import type { Git } from "./git.js";
import { FOLDER } from "./index-file.js";
import { type ObjectReader, withObjects } from "./object-reader.js";
import { listTree, type TreeEntry } from "./objects.js";

/** What of a commit is laid out: its files, and the folders outside of the cone, each for all below it. */
export type View = { readonly files: readonly TreeEntry[]; readonly folders: readonly TreeEntry[] };

/** From one view to another: what is there no more or different now, and what takes its place. */
export type Difference = { readonly gone: readonly TreeEntry[]; readonly made: readonly TreeEntry[] };

export const viewOf = async (store: Git, commit: string, cone: Cone): Promise<View> => {
  if (cone.folders.length === 0) return { files: await listTree(store, commit), folders: [] };
  const { made } = await withObjects(store, (objects) => differenceOf(objects, undefined, commit, cone));
  return applied({ files: [], folders: [] }, { gone: [], made });
};

/** Compares trees folder by folder, so that what is the same costs nothing however large it is. */
export const differenceOf = async (
  objects: ObjectReader,
  from: string | undefined,
  to: string,
  cone: Cone,
): Promise<Difference> => {
  const [gone, made]: [TreeEntry[], TreeEntry[]] = [[], []];
  const walk = async (
    before: string | undefined,
    after: string | undefined,
    folder: string,
  ): Promise<void> => {
    if (before === after) return;
    const [old, now] = [await entriesOf(objects, before, folder), await entriesOf(objects, after, folder)];
    for (const path of new Set([...old.keys(), ...now.keys()])) {
      const [a, b] = [old.get(path), now.get(path)];
      if (a?.oid === b?.oid && a?.mode === b?.mode) continue;
      const [inA, inB] = [isEntered(a, cone), isEntered(b, cone)];
      if (a !== undefined && !inA) gone.push(a);
      if (b !== undefined && !inB) made.push(b);
      if (inA || inB) await walk(inA ? a?.oid : undefined, inB ? b?.oid : undefined, path);
    }
  };
  await walk(from && (await objects.treeOf(from)), await objects.treeOf(to), "");
  return { gone, made };
};

export const applied = ({ files, folders }: View, { gone, made }: Difference): View => {
  const left = new Set(gone.map(({ path }) => path));
  const all = [...files, ...folders].filter(({ path }) => !left.has(path)).concat(made);
  return {
    files: all.filter(({ mode }) => mode !== FOLDER),
    folders: all.filter(({ mode }) => mode === FOLDER),
  };
};

const isEntered = (entry: TreeEntry | undefined, cone: Cone): boolean =>
  entry?.mode === FOLDER && cone.of(entry.path) !== "none";

const entriesOf = async (
  objects: ObjectReader,
  tree: string | undefined,
  folder: string,
): Promise<ReadonlyMap<string, TreeEntry>> => {
  if (tree === undefined) return new Map();
  const prefix = folder === "" ? "" : `${folder}/`;
  const entries = await objects.folder(tree);
  return new Map(entries.map((entry) => [prefix + entry.path, { ...entry, path: prefix + entry.path }]));
};
