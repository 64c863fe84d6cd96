import { type ErrorCode, LedgerError } from "../core/errors.js";
import { isDiskFailure } from "./disk-errors.js";

/** After these nobody knows what reached the disk, or the file contradicts itself: going on could acknowledge a lost write. */
export const mustStop = (error: unknown): boolean => {
  if (isDiskFailure(error)) return true;
  const code = sqliteCode(error);
  return (
    code !== undefined &&
    code !== NO_ROOM_FOR_INDEX &&
    ["SQLITE_IOERR", "SQLITE_CORRUPT", "SQLITE_NOTADB"].some((stop) => belongs(code, stop))
  );
};

/** The store or its machine failed, not one caller's batch; everything in the same transaction shares that fate. */
export const isStoreFailure = (error: unknown): boolean => failureOf(error) !== undefined;

/** What SQLite says, in the words of the ledger; an error that is not the store's own failure stays as it is. */
export const inOurWords = (error: unknown): unknown => {
  const failure = failureOf(error);
  if (failure === undefined) return error;
  const [sentence, hint, errorCode = "store_unavailable"] = failure;
  return new LedgerError(errorCode, sentence, {
    hint,
    details: { sqlite: sqliteCode(error) },
    cause: error,
  });
};

/** Somebody else has the lock now. */
export const isBusy = (error: unknown): boolean => belongs(sqliteCode(error) ?? "", "SQLITE_BUSY");

/** Whoever made the file died over it; the next one who may write undoes what is half done. */
export const isHalfMade = (error: unknown): boolean => sqliteCode(error) === "SQLITE_READONLY_ROLLBACK";

/** Of the log's index, in a file beside it that holds nothing; on a full disk it is what fails first. */
const NO_ROOM_FOR_INDEX = "SQLITE_IOERR_SHMSIZE";

const NO_SPACE = [
  "There is no disk space left for the ledger.",
  "Free some disk space, then try again; what was acknowledged is kept.",
  "no_space",
] as const;

const FAILURES: Readonly<Record<string, readonly [sentence: string, hint: string, code?: ErrorCode]>> = {
  [NO_ROOM_FOR_INDEX]: NO_SPACE,
  SQLITE_IOERR: [
    "The disk refused a write or a read of the ledger.",
    "Check the disk, its mount and your quota, then start again; what was acknowledged is kept.",
  ],
  SQLITE_CORRUPT: [
    "The ledger's file is damaged.",
    "Keep a copy of the file, then restore it from a backup.",
  ],
  SQLITE_NOTADB: ["The ledger's file is no database.", "Move the file away or restore it from a backup."],
  SQLITE_FULL: NO_SPACE,
  SQLITE_BUSY: [
    "Another process holds the ledger's write lock for too long.",
    "Find the process that keeps ledger.db open in a transaction, then try again.",
  ],
  SQLITE_READONLY: ["The ledger's file cannot be written.", "Check the owner and mode of its folder."],
  SQLITE_CANTOPEN: ["The ledger's file cannot be opened.", "Check that its folder exists and is yours."],
  SQLITE_PERM: ["The ledger's file may not be used.", "Check the owner and mode of its folder."],
  SQLITE_NOMEM: ["There is not enough memory for the ledger.", "Close other programs, then try again."],
};

const failureOf = (error: unknown) => {
  const code = sqliteCode(error);
  if (code === undefined) return undefined;
  return Object.entries(FAILURES).find(([prefix]) => belongs(code, prefix))?.[1];
};

/** SQLITE_IOERR_FSYNC is a kind of SQLITE_IOERR. */
const belongs = (code: string, prefix: string): boolean => code === prefix || code.startsWith(`${prefix}_`);

/** drizzle wraps the driver's error when a statement was not prepared by us. */
const sqliteCode = (error: unknown): string | undefined => {
  if (!(error instanceof Error)) return undefined;
  if ("code" in error && typeof error.code === "string" && error.code.startsWith("SQLITE_"))
    return error.code;
  return sqliteCode(error.cause);
};
