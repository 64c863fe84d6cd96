import { existsSync } from "node:fs";
import type Database from "better-sqlite3";
import { LedgerError } from "../core/errors.js";
import { type Anchor, type Anchored, type AnchorRead, openAnchor, readAnchor } from "./anchor.js";
import { lastPosition } from "./sqlite-tally.js";
import type { AnchorState } from "./store.js";

/** Whose anchor it is; no file for a ledger that ends with its process. */
export type AnchorOf = { readonly ledgerId: string; readonly file: string | null };

/** Throws `ledger_behind` when there is an anchor and nothing it could be the anchor of: a new ledger would hide the loss. */
export const anchorBefore = (file: string, anchor: string | null): AnchorRead | undefined => {
  if (anchor === null) return undefined;
  const read = readAnchor(anchor);
  if (read?.newest && !existsSync(file)) throw refused("it is gone", anchor, read.newest);
  return read;
};

/** Refuses a database that is behind. A crash may have kept the anchor from following, so it is brought up to date. */
export const anchorOn = (
  sqlite: Database.Database,
  { ledgerId, file }: AnchorOf,
  read: AnchorRead | undefined,
): AnchorHeld => {
  if (file === null) return { anchor: null, madeAnew: false };
  const { refusal, later, state } = stateOf(sqlite, { ledgerId, file }, read);
  if (refusal !== null) throw refusal;
  const anchor = openAnchor(file);
  const newest = state === "none" || later > 0 ? newestEvent(sqlite) : undefined;
  if (newest !== undefined) anchor.hold({ ledgerId, ...newest });
  return { anchor, madeAnew: state === "none" && newest !== undefined };
};

/** Null for a ledger that ends with its process, and for whoever only looks. */
export type AnchorHeld = { readonly anchor: Anchor | null; readonly madeAnew: boolean };

/** The newest event there is; undefined in a ledger without one. */
export const newestEvent = (sqlite: Database.Database): Omit<Anchored, "ledgerId"> | undefined =>
  sqlite.prepare("SELECT position, hash FROM events ORDER BY position DESC LIMIT 1").get() as
    | Omit<Anchored, "ledgerId">
    | undefined;

/** First the anchor, then the database: another process that commits in between cannot make it look behind. */
export const anchorState = (sqlite: Database.Database, of: AnchorOf, madeAnew: boolean): AnchorState => ({
  ...stateOf(sqlite, of, of.file === null ? undefined : readAnchor(of.file)),
  madeAnew,
});

const stateOf = (
  sqlite: Database.Database,
  { ledgerId, file }: AnchorOf,
  read: AnchorRead | undefined,
): Omit<AnchorState, "madeAnew"> => {
  const { newest, damaged } = read ?? { newest: null, damaged: 0 };
  if (newest === null) return { state: "none", position: null, later: 0, damaged, refusal: null };
  const { position } = newest;
  const last = lastPosition(sqlite);
  const lack = lackOf(sqlite, { ledgerId, last }, newest);
  const later = Math.max(0, last - position);
  if (lack === undefined) return { state: "holds", position, later, damaged, refusal: null };
  return { state: "behind", position, later, damaged, refusal: refused(lack, file ?? "", newest) };
};

/** What a database lacks that holds what was acknowledged. */
const lackOf = (
  sqlite: Database.Database,
  { ledgerId, last }: { readonly ledgerId: string; readonly last: number },
  { position, hash, ledgerId: anchoredId }: Anchored,
): string | undefined => {
  if (anchoredId !== ledgerId) return "its anchor is that of another ledger";
  if (last < position) return `it ends at position ${last}, and ${position} was acknowledged`;
  const found = sqlite.prepare("SELECT hash FROM events WHERE position = ?").pluck().get(position);
  if (found === hash || isKnown(sqlite, hash)) return undefined;
  return `the event at position ${position} ${found === undefined ? "is gone" : "is another one than was acknowledged"}`;
};

/**
 * Its run was taken out, or has come back since, under new positions; or the event's own row was damaged, which its run
 * answers for, and no other. An earlier or other history has never heard of it.
 */
const isKnown = (sqlite: Database.Database, hash: string): boolean =>
  sqlite
    .prepare(
      `SELECT 1 FROM removals WHERE last_hash = @hash
       UNION ALL SELECT 1 FROM runs WHERE last_hash = @hash
       UNION ALL SELECT 1 FROM events WHERE hash = @hash LIMIT 1`,
    )
    .get({ hash }) !== undefined;

const refused = (lack: string, anchor: string, { position }: Anchored): LedgerError =>
  new LedgerError("ledger_behind", `The ledger's database is not the one that was written last: ${lack}.`, {
    hint: `Put the newest ledger.db back, with its -wal file. If this one is to count, remove the anchor: rm "${anchor}"`,
    details: { position, anchor },
  });
