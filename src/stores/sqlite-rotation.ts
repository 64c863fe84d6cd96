import type Database from "better-sqlite3";
import { LedgerError } from "../core/errors.js";
import { keyIdOf, newKey } from "./cipher.js";
import type { RootKeys } from "./root-key.js";
import { unwrapRunKey, wrap, wrapRunKey } from "./run-cipher.js";
import type { Rotated } from "./seals.js";
import { emptyLogAtOnce } from "./sqlite-connection.js";
import { emptyLog } from "./sqlite-erase.js";
import type { ChangedRoot, KeysInFile } from "./sqlite-seal-rows.js";
import type { OpenTree, Tree } from "./sqlite-seals.js";

const PAGE = 1_000;

type Parts = {
  readonly sqlite: Database.Database;
  readonly rows: KeysInFile;
  readonly roots: RootKeys | null;
  readonly tree: OpenTree;
};

export type Rotation = {
  readonly rotate: () => Rotated;
  /**
   * Finishes one that was cut off once it was committed, where its root is here: the file of the former one goes, and what the log
   * still has of it. Where somebody reads in the log, the next open tries again.
   */
  readonly settleLeft: () => void;
};

/**
 * The new root is on the disk before anything is wrapped under what it opens, and the former one goes when all is committed:
 * wherever it is cut off, the rows say which of the two counts, and that one is there. They also say that the former one is still
 * to go, for it may lie in a file that the root is not looked for in any more.
 */
export const rotation = ({ sqlite, rows, roots, tree }: Parts): Rotation => {
  const rewrap = sqlite.transaction((from: RootKeys, before: Tree): Rotated & { readonly made: Tree } => {
    const [root, key] = [from.next(), newKey()];
    const made: Tree = { rootId: keyIdOf(root), id: keyIdOf(key), key };
    const tokens = tree.tokensUnder(before);
    rows.setTree({
      name: "ledger",
      keyId: made.id,
      wrappedBy: made.rootId,
      wrapped: wrap(key, `ledger\n${made.id}`, root),
    });
    rows.setTree({
      name: "tokens",
      keyId: keyIdOf(tokens),
      wrappedBy: made.id,
      wrapped: wrap(tokens, "tokens", key),
    });
    let runs = 0;
    for (let after = ""; ; ) {
      const page = rows.page(after, PAGE);
      for (const kept of page) {
        const opened = unwrapRunKey(kept, before.key);
        if (opened === undefined) throw stuck(kept.runId);
        rows.rewrapKey(wrapRunKey(opened, kept, made));
      }
      runs += page.length;
      after = page.at(-1)?.runId ?? after;
      if (page.length < PAGE) break;
    }
    const changed = { rootId: made.rootId, formerRootId: before.rootId };
    rows.setUnsettled(changed);
    return { ...changed, runs, made };
  });
  // Under the lock, and only while it is still the root: another one may have come after it.
  const settleFile = sqlite.transaction((from: RootKeys, changed: ChangedRoot): void => {
    if (rows.tree("ledger")?.wrappedBy === changed.rootId) from.settle(changed.rootId, changed.formerRootId);
  });
  const forget = sqlite.transaction((changed: ChangedRoot): void => {
    if (rows.unsettled()?.rootId === changed.rootId) rows.setUnsettled(null);
  });
  /** False when the log still has the former keys: then the rows go on saying that something is left to do. */
  const settle = (from: RootKeys, changed: ChangedRoot, empty: typeof emptyLog): boolean => {
    settleFile.immediate(from, changed);
    if (!empty(sqlite)) return false;
    forget.immediate(changed);
    return true;
  };
  const settleLeft = (): void => {
    const left = rows.unsettled();
    if (left === undefined || roots?.find(left.rootId) === undefined) return;
    // An open waits for no reader: while one is there, each of them tries.
    settle(roots, left, emptyLogAtOnce);
  };
  return {
    settleLeft,
    rotate: () => {
      if (roots === null) throw nothingSealed();
      settleLeft();
      const before = tree.planted();
      const { made, ...rotated } = sqlite.transaction(() => rewrap(roots, tree.now() ?? before)).immediate();
      tree.set(made);
      if (!settle(roots, rotated, emptyLog)) throw keptInLog(rotated);
      return rotated;
    },
  };
};

const keptInLog = (rotated: Rotated): LedgerError =>
  new LedgerError(
    "store_unavailable",
    `The keys are changed, the root is ${rotated.rootId}; the log beside the database still has those of before.`,
    {
      hint: "Somebody reads the ledger: `runledger gc` when they are done empties the log.",
      details: { ...rotated },
    },
  );

const nothingSealed = (): LedgerError =>
  new LedgerError("key_unavailable", "Nobody says where the root key of this ledger is.");

const stuck = (runId: string): LedgerError =>
  new LedgerError("key_unavailable", `The key of run "${runId}" is not as it was kept; no key was changed.`, {
    hint: "Restore the ledger from a backup, or erase the run.",
    details: { runId },
  });
