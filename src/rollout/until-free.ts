import { setTimeout as sleep } from "node:timers/promises";
import { LedgerError } from "../core/errors.js";

/** Another process writes for milliseconds; who holds a file this long does not mean to give it back. */
const BUSY_MS = 3_000;
const PAUSE_MS = 10;

// Waits for a SQLite file without holding up this process: the leases of its runs must beat on meanwhile.
export const untilFree = async <T>(what: string, work: () => T): Promise<T> => {
  const until = performance.now() + BUSY_MS;
  for (;;) {
    try {
      return work();
    } catch (error) {
      if (!isSqlite(error)) throw error;
      if (!isBusy(error) || performance.now() >= until) throw unusable(what, error);
    }
    await sleep(PAUSE_MS);
  }
};

type SqliteError = Error & { readonly code: string };

const isSqlite = (error: unknown): error is SqliteError =>
  error instanceof Error && "code" in error && String(error.code).startsWith("SQLITE_");

const isBusy = ({ code }: SqliteError): boolean => code.startsWith("SQLITE_BUSY");

const unusable = (what: string, error: SqliteError): LedgerError =>
  new LedgerError("store_unavailable", `${what} cannot be used: ${error.message}.`, {
    hint: isBusy(error)
      ? "Find the process that keeps the file in a transaction, then try again."
      : "Check the file, its folder and the disk.",
    details: { sqlite: error.code },
    cause: error,
  });
