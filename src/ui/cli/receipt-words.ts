import type { RunView } from "../../index.js";

/** Enough of a key's name to tell it from the others of a ledger. */
const KEY_CHARS = 16;

/** What is known of the receipt of a run; null for one that has not ended. */
export const receiptWords = ({ run, origin, receipt }: RunView): string | null => {
  const { status } = run.state;
  if (receipt !== null) {
    const by = origin === null ? "signed" : `signed by ledger ${origin.ledgerId}`;
    return `${by} with key ${receipt.keyId.slice(0, KEY_CHARS)}…: runledger receipt show`;
  }
  if (status !== "completed" && status !== "failed") return null;
  return origin === null
    ? "not signed yet: runledger receipt show"
    : `the ledger that it comes from signs for it, not this one`;
};
