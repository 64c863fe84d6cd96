import type Database from "better-sqlite3";
import { runNotSealed } from "../core/decide/guards.js";
import { LedgerError } from "../core/errors.js";
import { leave } from "./sqlite-left-behind.js";
import type { Vault } from "./sqlite-seals.js";
import type { Erasing } from "./store.js";

/**
 * The key of a run goes, with what was derived from its events; a run that was taken out has no row any more. False when the
 * log beside the database still has the key.
 */
export const erase = (
  sqlite: Database.Database,
  vault: Vault,
  runId: string,
  { lastHash, at, left }: Erasing,
): boolean => {
  sqlite
    .transaction(() => {
      const row = sqlite
        .prepare<[string], { lastSeq: number; lastHash: string }>(
          "SELECT last_seq AS lastSeq, last_hash AS lastHash FROM runs WHERE run_id = ?",
        )
        .get(runId);
      if ((row?.lastHash ?? null) !== lastHash)
        throw new LedgerError("seq_conflict", `Run "${runId}" has changed; it is not erased.`);
      if (vault.erase(runId, at) === undefined) throw runNotSealed(runId);
      sqlite.prepare("UPDATE runs SET goal = '', blocker = NULL WHERE run_id = ?").run(runId);
      if (left !== undefined && row !== undefined) leave(sqlite, { runId, ...row }, left);
      // A ledger of before kept digests that tell who guesses the command; nobody could compare them any more.
      sqlite.prepare("UPDATE keys SET digest = '' WHERE run_id = ?").run(runId);
      sqlite.prepare("DELETE FROM snapshots WHERE run_id = ?").run(runId);
    })
    .immediate();
  return emptyLog(sqlite);
};

/**
 * The log of changes still has the pages of before; secure_delete only looks after the database itself. False while somebody
 * reads in it: this pragma answers so, and never throws.
 */
export const emptyLog = (sqlite: Database.Database): boolean =>
  sqlite.pragma("wal_checkpoint(TRUNCATE)", { simple: true }) === 0;
