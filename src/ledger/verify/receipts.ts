import { isLedgerError } from "../../core/errors.js";
import { statementBytes, statementsOf } from "../../core/receipts/statement.js";
import { RECEIPT_TYPE, type RunReceipt, verifyReceipt } from "../../core/receipts/verify.js";
import type { Witness } from "../../core/receipts/witness.js";
import type { PublishedKey, ReceiptStore, SigningKeys, Store } from "../../stores/store.js";
import { readReceipt, type SignedReceipt } from "../receipts.js";
import type { Add } from "./flaws.js";

export type ReceiptSources = {
  readonly kept: ReceiptStore;
  readonly keys: Pick<SigningKeys, "published">;
  /** Of this RunLedger: what another one would say of the same journal, it alone knows. */
  readonly version: string;
};

/** The ledger's published keys, asked for once; empty, and said so, where they do not hold. */
export const publishedKeys = async ({ keys }: ReceiptSources, add: Add): Promise<readonly PublishedKey[]> => {
  try {
    return await keys.published();
  } catch (error) {
    if (!isLedgerError(error)) throw error;
    add("receipt", error.message);
    return [];
  }
};

/** That it is signed with a key of this ledger, and says what the journal says. False where a run has none. */
export const checkReceipt = async (
  store: Pick<Store, "ledgerId">,
  runId: string,
  witness: Witness | undefined,
  {
    kept,
    trusted,
    version,
    add,
  }: Pick<ReceiptSources, "kept" | "version"> & {
    readonly trusted: readonly PublishedKey[];
    readonly add: Add;
  },
): Promise<boolean> => {
  const found = await readable(kept, runId, add);
  if (found === undefined) return false;
  const wrong = wrongIn(found, witness, { ledgerId: store.ledgerId, trusted, version });
  if (wrong !== undefined) add("receipt", wrong, { runId, ...(witness && { seq: witness.end.seq }) });
  return true;
};

const readable = async (kept: ReceiptStore, runId: string, add: Add): Promise<SignedReceipt | undefined> => {
  try {
    return await readReceipt(kept, runId);
  } catch (error) {
    if (isLedgerError(error, "run_erased") || isLedgerError(error, "key_unavailable")) return undefined;
    add("receipt", "Its receipt cannot be read.", { runId });
    return undefined;
  }
};

const wrongIn = (
  { envelope }: SignedReceipt,
  witness: Witness | undefined,
  by: { readonly ledgerId: string; readonly trusted: readonly PublishedKey[]; readonly version: string },
): string | undefined => {
  const checked = verifyReceipt(JSON.stringify(envelope), by.trusted);
  if (!checked.verified) return `Its receipt does not hold: ${checked.message}`;
  const { statement } = checked;
  if (statement.predicateType !== RECEIPT_TYPE || witness === undefined)
    return "It has a receipt, and its journal does not end.";
  const { versions, journal } = statement.predicate;
  if (journal.root !== witness.end.hash) return "Its receipt is about another journal.";
  const same =
    versions.runledger !== by.version || saysTheSame(envelope.payload, witness, by.ledgerId, versions);
  return same ? undefined : "Its receipt says something else than its journal.";
};

const saysTheSame = (
  payload: string,
  witness: Witness,
  ledgerId: string,
  versions: RunReceipt["versions"],
): boolean =>
  statementBytes(statementsOf(witness, { ledgerId, versions }).run).toString("base64") === payload;
