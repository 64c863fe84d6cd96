import { closeSync, lstatSync, openSync, readSync } from "node:fs";
import { readFile, readlink, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";

/** What people and installers write is smaller; a larger file that names its tree is taken for a program's own. */
const TEXT_BYTES_MAX = 4_194_304;
const CHUNK_BYTES = 1_048_576;
const FILES_PER_TURN = 64;

/** Files that say where their tree lies, as the scripts of a virtual environment do; or why they cannot be moved. */
export type NamesItsTree = { readonly texts: readonly string[] } | { readonly problem: string };

/**
 * Through a name of the tree it was made in, a copy would start what lies there now, and an agent may write that. So each
 * text is told anew where it lies, and what cannot be told is no copy. Compiled Python holds it for messages: it goes.
 */
export const findNames = async (
  folder: string,
  paths: Iterable<string>,
  trees: readonly string[],
): Promise<NamesItsTree> => {
  const texts: string[] = [];
  let n = 0;
  for (const path of paths) {
    n += 1;
    if (n % FILES_PER_TURN === 0) await setImmediate();
    const at = join(folder, path);
    const facts = lstatSync(at);
    if (facts.isSymbolicLink()) {
      const target = await readlink(at);
      if (trees.some((tree) => target.startsWith(tree)))
        return { problem: `${path} is a link to its own tree` };
    } else if (facts.isFile() && holds(at, trees)) {
      if (path.endsWith(".pyc")) await rm(at);
      else if (facts.size > TEXT_BYTES_MAX || (await readFile(at)).includes(0))
        return { problem: `${path} names its tree and is no text` };
      else texts.push(path);
    }
  }
  return { texts };
};

/** Bytes that are no UTF-8 stay as they are. */
export const renameTree = async (
  folder: string,
  texts: readonly string[],
  from: readonly string[],
  to: string,
): Promise<void> => {
  for (const path of texts) {
    const at = join(folder, path);
    let text = await readFile(at, "latin1");
    for (const tree of from) text = text.replaceAll(rawText(tree), rawText(to));
    await writeFile(at, text, "latin1");
  }
};

const rawText = (text: string): string => Buffer.from(text, "utf8").toString("latin1");

/** By pieces that overlap, so that a file of any size takes little memory. */
const holds = (path: string, texts: readonly string[]): boolean => {
  const overlap = Math.max(...texts.map((text) => Buffer.byteLength(text)));
  const piece = Buffer.alloc(CHUNK_BYTES + overlap);
  const fd = openSync(path, "r");
  try {
    let kept = 0;
    for (;;) {
      const read = readSync(fd, piece, kept, CHUNK_BYTES, null);
      if (read === 0) return false;
      const filled = piece.subarray(0, kept + read);
      if (texts.some((text) => filled.includes(text))) return true;
      kept = Math.min(overlap, filled.length);
      filled.copy(piece, 0, filled.length - kept);
    }
  } finally {
    closeSync(fd);
  }
};
