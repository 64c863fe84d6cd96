import { setTimeout } from "node:timers/promises";
import type Database from "better-sqlite3";
import { LedgerError } from "../core/errors.js";
import { isBusy } from "./sqlite-errors.js";
import type { Space } from "./store.js";

/** Said before the first page is written; later only a rewrite of the whole file can change it. */
export const letShrink = (sqlite: Database.Database): void => {
  if (numberOf(sqlite, "page_count") > 0) return;
  sqlite.pragma("auto_vacuum = INCREMENTAL");
  if (numberOf(sqlite, "auto_vacuum") === INCREMENTAL) return;
  throw new LedgerError("store_unavailable", "SQLite does not let the ledger's file become smaller.", {
    hint: "Install runledger anew: this SQLite was built without auto_vacuum.",
  });
};

const INCREMENTAL = 2;

export const spaceOf = (sqlite: Database.Database): Space => {
  const [pageBytes, pages, free] = ["page_size", "page_count", "freelist_count"].map((name) =>
    numberOf(sqlite, name),
  ) as [number, number, number];
  return {
    usedBytes: (pages - free) * pageBytes,
    freeBytes: free * pageBytes,
    shrinks: numberOf(sqlite, "auto_vacuum") === INCREMENTAL,
  };
};

/** Pages of the first step, and of the largest: each holds the lock that all writers of the machine share. */
const FIRST_PAGES = 32;
const PAGES_MAX = 2_048;
/** How long a step is to take; waiting for one is to be unnoticeable. */
const STEP_MS = 3;

/**
 * Gives free pages back to the file system in short transactions, with pauses in which others get their turn. It ends
 * early where somebody else needs the file: what is left is for the next time.
 */
export const giveBack = async (
  sqlite: Database.Database,
  call: <T>(work: () => T) => T,
): Promise<{ readonly fileBytes: number }> => {
  const bytes = () => numberOf(sqlite, "page_count") * numberOf(sqlite, "page_size");
  const before = call(bytes);
  if (!call(() => spaceOf(sqlite)).shrinks) return { fileBytes: 0 };
  for (let pages = FIRST_PAGES; call(() => numberOf(sqlite, "freelist_count")) > 0; ) {
    const begun = performance.now();
    if (!call(() => unlessBusy(sqlite, `incremental_vacuum(${pages})`))) break;
    const tookMs = Math.max(0.1, performance.now() - begun);
    pages = Math.min(PAGES_MAX, Math.max(1, Math.round((pages * STEP_MS) / tookMs)));
    // Who waits for a lock sleeps and asks again: without a pause it would find it taken each time.
    await setTimeout(tookMs);
  }
  call(() => unlessBusy(sqlite, "wal_checkpoint(TRUNCATE)"));
  return { fileBytes: Math.max(0, before - call(bytes)) };
};

/** The whole file written anew. Its writer would wait for it longer than a lease lasts, so `driven` is a run at work. */
export const compact = (
  sqlite: Database.Database,
  driven: string | undefined,
): { readonly fileBytes: number } => {
  if (driven !== undefined)
    throw new LedgerError(
      "lease_held",
      `Run "${driven}" is being driven; the file is not written anew now.`,
      {
        hint: "Try again when no worker is at work.",
      },
    );
  const bytes = () => numberOf(sqlite, "page_count") * numberOf(sqlite, "page_size");
  const before = bytes();
  sqlite.pragma("auto_vacuum = INCREMENTAL");
  sqlite.exec("VACUUM");
  unlessBusy(sqlite, "wal_checkpoint(TRUNCATE)");
  return { fileBytes: before - bytes() };
};

/** False when somebody else is at work: nobody waits for a tidier file. */
const unlessBusy = (sqlite: Database.Database, pragma: string): boolean => {
  const waits = numberOf(sqlite, "busy_timeout");
  sqlite.pragma("busy_timeout = 0");
  try {
    sqlite.pragma(pragma);
    return true;
  } catch (error) {
    if (isBusy(error)) return false;
    throw error;
  } finally {
    sqlite.pragma(`busy_timeout = ${waits}`);
  }
};

const numberOf = (sqlite: Database.Database, pragma: string): number =>
  Number(sqlite.pragma(pragma, { simple: true }));
