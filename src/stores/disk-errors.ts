import { LedgerError } from "../core/errors.js";

/** What the system says when there is no room: on the disk, or in what this user may take of it. */
const NO_SPACE = ["ENOSPC", "EDQUOT"];

/** What the system says of a file, in the words of the ledger; `what` names the file. */
export const diskError = (what: string, hint: string, cause: unknown): LedgerError => {
  const { code } = cause as NodeJS.ErrnoException;
  if (NO_SPACE.includes(code ?? ""))
    return new LedgerError("no_space", `There is no disk space left for ${what}.`, {
      hint: "Free some disk space, then try again; what was acknowledged is kept.",
      cause,
    });
  return new LedgerError("store_unavailable", `The disk refused ${what} (${code}).`, { hint, cause });
};

/** The disk itself failed: of a file that could not be synced nobody knows what is on it. */
export const isDiskFailure = (error: unknown): boolean =>
  error instanceof Error && ((error as NodeJS.ErrnoException).code === "EIO" || isDiskFailure(error.cause));
