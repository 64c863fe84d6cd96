import { isLedgerError } from "../core/errors.js";
import { shellWord } from "../core/shell-word.js";
import type { SigningKeys } from "../stores/store.js";
import { type Finding, fail, ok, warn } from "./findings.js";

const OTHERS = 0o077;

/** Whoever reads the key that receipts are signed with can sign as this ledger. Nothing before there is one. */
export const signingFindings = async ({
  mode,
  protect,
}: Pick<SigningKeys, "mode" | "protect">): Promise<readonly Finding[]> => {
  try {
    const key = await mode();
    if (key === undefined) return [];
    if ((key.mode & OTHERS) === 0) return [ok("signing key", "Only you can sign receipts of this ledger.")];
    const finding = warn(
      "signing key",
      `Others on this machine can read ${key.file}, and sign receipts with it.`,
      `chmod 600 ${shellWord(key.file)}; if somebody did: runledger receipt rotate`,
    );
    return [{ ...finding, mend: () => protect().then(() => `${key.file} is yours alone now.`) }];
  } catch (error) {
    if (!isLedgerError(error, "key_unavailable")) throw error;
    return [fail("signing key", error.message, error.hint ?? "Restore it from a backup.")];
  }
};
