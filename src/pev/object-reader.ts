import { LedgerError } from "../core/errors.js";
import { type Git, type GitTalk, talkTo } from "./git.js";
import type { TreeEntry } from "./objects.js";

/** Objects of the store, read by one git for all questions: a process each costs more than what it reads. */
export interface ObjectReader {
  /** The tree of a commit. */
  treeOf(commit: string): Promise<string>;
  /** What lies in a tree itself, by name. */
  folder(tree: string): Promise<readonly TreeEntry[]>;
  blob(oid: string): Promise<Buffer>;
  /** Bytes of a regular file as committed; undefined when there is none, refused above `bytesMax`: a part would mislead. */
  file(commit: string, path: string, bytesMax: number): Promise<Buffer | undefined>;
}

/** The git starts with the first question and ends with `use`. */
export const withObjects = async <T>(store: Git, use: (objects: ObjectReader) => Promise<T>): Promise<T> => {
  let talk: Promise<GitTalk> | undefined;
  const ask = async (question: string): Promise<GitObject> => {
    talk ??= talkTo(store, ["cat-file", "--batch-command"]);
    return answerOf(await talk, question);
  };
  try {
    return await use({
      treeOf: async (commit) => (await ask(`info ${commit}^{tree}`)).oid,
      folder: async (tree) => [...entriesIn((await ask(`contents ${tree}`)).bytes)],
      blob: async (oid) => (await ask(`contents ${oid}`)).bytes,
      file: (commit, path, bytesMax) => readFile(ask, commit, path, bytesMax),
    });
  } finally {
    await (await talk?.catch(() => undefined))?.end();
  }
};

type GitObject = { readonly oid: string; readonly size: number; readonly bytes: Buffer };
type Ask = (question: string) => Promise<GitObject>;

/** "OID TYPE SIZE", then, asked for contents, as many bytes and the end of a line; anything else is no object. */
const answerOf = async (talk: GitTalk, question: string): Promise<GitObject> => {
  talk.say(`${question}\n`);
  const line = await talk.line();
  const [, oid = "", size = ""] = /^([0-9a-f]+) [a-z]+ (\d+)$/.exec(line) ?? [];
  if (oid === "") throw new LedgerError("git_failed", `git cat-file could not answer "${question}": ${line}`);
  const bytes = question.startsWith("contents ") ? await talk.bytes(Number(size) + 1) : NOTHING;
  return { oid, size: Number(size), bytes: bytes.subarray(0, -1) };
};

const NOTHING = Buffer.alloc(0);

const readFile = async (
  ask: Ask,
  commit: string,
  path: string,
  bytesMax: number,
): Promise<Buffer | undefined> => {
  let at = `${commit}^{tree}`;
  const names = path.split("/");
  for (const [n, name] of names.entries()) {
    const entry = entryOf((await ask(`contents ${at}`)).bytes, name);
    const isLast = n === names.length - 1;
    if (entry === undefined || !(isLast ? FILE : FOLDER).test(entry.mode)) return undefined;
    at = entry.oid;
  }
  const { size } = await ask(`info ${at}`);
  if (size <= bytesMax) return (await ask(`contents ${at}`)).bytes;
  throw new LedgerError(
    "limit_exceeded",
    `${path} has ${size} bytes, more than the ${bytesMax} that are read.`,
  );
};

const FILE = /^100/;
const FOLDER = /^40000$/;
/** Of a name in SHA-1. */
const OID_BYTES = 20;

const entryOf = (tree: Buffer, name: string): TreeEntry | undefined => {
  for (const entry of entriesIn(tree)) if (entry.path === name) return entry;
  return undefined;
};

/** A tree is a row of "MODE NAME", a zero and the bytes of an object's name. */
function* entriesIn(tree: Buffer): Generator<TreeEntry> {
  for (let at = 0; at < tree.length; ) {
    const space = tree.indexOf(0x20, at);
    const end = tree.indexOf(0, space);
    yield {
      mode: tree.toString("latin1", at, space),
      oid: tree.toString("hex", end + 1, end + 1 + OID_BYTES),
      path: tree.toString("utf8", space + 1, end),
    };
    at = end + 1 + OID_BYTES;
  }
}
