import { sha256 } from "../core/canonical.js";
import { isTerminal, type Run } from "../core/run.js";
import type { SnapshotRow } from "../stores/store.js";

/** A run and the hash of the last event folded into it. */
export type Known = { readonly run: Run; readonly hash: string };

/**
 * A full snapshot is stored every so many events, so that loading stays short. It is as long as its run has steps: one of
 * a longer plan is stored less often, or writing it would cost more with each step there is.
 */
const SNAPSHOT_EVERY = 100;
/** Raise it when the shape of Run changes, or what is folded into it: older snapshots are then folded again. */
const SNAPSHOT_SHAPE = 17;

// A snapshot is a short cut, never the record: it carries its own digest, and one that does not hold is folded again.
export const toSnapshot = ({ run, hash }: Known, seqBefore: number): SnapshotRow | undefined => {
  const every = Math.max(SNAPSHOT_EVERY, run.steps.length);
  const due = Math.floor(run.seq / every) > Math.floor(seqBefore / every) || isTerminal(run);
  if (!due) return undefined;
  const text = JSON.stringify(run);
  return { seq: run.seq, hash, shape: SNAPSHOT_SHAPE, body: digestOf(run.seq, hash, text) + text };
};

/** Of another program's runs: what nobody reads cannot be wrong. */
export const isOfOtherShape = ({ shape }: SnapshotRow): boolean => shape !== SNAPSHOT_SHAPE;

export const fromSnapshot = (row: SnapshotRow | undefined): Known | undefined => {
  if (row === undefined || isOfOtherShape(row)) return undefined;
  const text = row.body.slice(DIGEST_CHARS);
  if (row.body.slice(0, DIGEST_CHARS) !== digestOf(row.seq, row.hash, text)) return undefined;
  return { run: JSON.parse(text) as Run, hash: row.hash };
};

const DIGEST_CHARS = 64;

const digestOf = (seq: number, hash: string, text: string): string => sha256(`${seq} ${hash}\n${text}`);
