import { createHash } from "node:crypto";
import type { BigIntStats } from "node:fs";
import type { TreeEntry } from "./objects.js";

/** What git compares with a file to know that it need not be read; without it the entry is not laid out. */
export type IndexEntry = TreeEntry & { readonly facts?: BigIntStats | undefined };

/**
 * Git's index of a tree, without a process of git: of files, and of folders that are not laid out and stand for all below
 * (a "sparse index"). Format 2, or 3 with such folders; https://git-scm.com/docs/index-format has both.
 */
export const indexBytes = (entries: readonly IndexEntry[]): Buffer => {
  const isSparse = entries.some(({ facts }) => facts === undefined);
  const named = entries.map((entry) => ({
    entry,
    name: Buffer.from(entry.path + (entry.mode === FOLDER ? "/" : "")),
  }));
  named.sort((a, b) => Buffer.compare(a.name, b.name));
  const head = Buffer.alloc(HEAD_BYTES);
  head.write("DIRC");
  head.writeUInt32BE(isSparse ? 3 : 2, 4);
  head.writeUInt32BE(entries.length, 8);
  const parts = [head, ...named.map(({ entry, name }) => entryBytes(entry, name))];
  if (isSparse) parts.push(SPARSE_EXTENSION);
  const bytes = Buffer.concat(parts);
  return Buffer.concat([bytes, createHash("sha1").update(bytes).digest()]);
};

export const FOLDER = "40000";
const HEAD_BYTES = 12;
/** Up to the name, without the field that only format 3 has. */
const FIXED_BYTES = 62;
const NAME_LENGTH_MAX = 0xfff;
const EXTENDED = 0x4000;
const SKIP_WORKTREE = 0x4000;
/** "sdir", of no bytes: readers that do not know folders in an index refuse it. */
const SPARSE_EXTENSION = Buffer.from("sdir\0\0\0\0", "latin1");

const entryBytes = ({ mode, oid, facts }: IndexEntry, name: Buffer): Buffer => {
  const fixed = facts === undefined ? FIXED_BYTES + 2 : FIXED_BYTES;
  // Zeros after the name, at least one, up to a multiple of eight.
  const bytes = Buffer.alloc((fixed + name.length + 8) & ~7);
  for (const [n, field] of factFields(facts).entries()) bytes.writeUInt32BE(field, n < 6 ? n * 4 : n * 4 + 4);
  bytes.writeUInt32BE(Number.parseInt(mode, 8), 24);
  bytes.write(oid, 40, "hex");
  const length = Math.min(name.length, NAME_LENGTH_MAX);
  bytes.writeUInt16BE(facts === undefined ? length | EXTENDED : length, 60);
  if (facts === undefined) bytes.writeUInt16BE(SKIP_WORKTREE, 62);
  name.copy(bytes, fixed);
  return bytes;
};

/** Times, device and inode come before the mode, owner and size after it; of each the lower 32 bits. */
const factFields = (facts: BigIntStats | undefined): readonly number[] =>
  facts === undefined
    ? []
    : [
        facts.ctimeNs / SECOND,
        facts.ctimeNs % SECOND,
        facts.mtimeNs / SECOND,
        facts.mtimeNs % SECOND,
        facts.dev,
        facts.ino,
        facts.uid,
        facts.gid,
        facts.size,
      ].map((field) => Number(BigInt.asUintN(32, field)));

const SECOND = 1_000_000_000n;
