import { LedgerError } from "../core/errors.js";
import { isPublishedKeys, type PublishedKey, wrongKeyIn } from "../core/receipts/key-chain.js";
import { list, type Of, record, text } from "../core/receipts/shapes.js";
import { verifyReceipt } from "../core/receipts/verify.js";
import type { Witness } from "../core/receipts/witness.js";
import type { RunCipher, Store } from "../stores/store.js";
import type { Ledger } from "./ledger.js";
import {
  putFirst,
  type ReceiptParts,
  type Receipts,
  readReceipt,
  type Taken,
  witnessIn,
} from "./receipts.js";
import { wrongInReceipt } from "./verify/receipts.js";

const envelope = record({
  payloadType: text,
  payload: text,
  signatures: list(record({ keyid: text, sig: text })),
});

/** The signed end of a run as it travels: with all public keys of the ledger that signed it. */
const isBrought = record({
  receipt: record({
    ...{ runId: text, keyId: text, digest: text },
    ...{ envelope, testResults: list(envelope) },
  }),
  keys: isPublishedKeys,
});
export type BroughtReceipt = Of<typeof isBrought>;

/** Of a sealed run also sealed: it names its steps, and who worked on them. */
const PLACE = "receipt of a bundle";

export const broughtData = (brought: BroughtReceipt, cipher: RunCipher | null): string => {
  const bytes = Buffer.from(JSON.stringify(brought));
  return Buffer.from(cipher === null ? bytes : cipher.sealBytes(bytes, PLACE)).toString("base64");
};

/** What stands in a bundle's line; a sentence where that is no receipt, or another than the events and their ledger have. */
export const broughtIn = (data: string, cipher: RunCipher | null, by: By): BroughtReceipt | string => {
  const came = Buffer.from(data, "base64");
  const brought = parsed((cipher === null ? came : cipher.openBytes(came, PLACE)) ?? Buffer.of());
  if (!isBrought(brought)) return "it is no receipt with the keys of its ledger";
  return wrongInBrought(brought, by) ?? brought;
};

type By = { readonly witness: Witness | undefined; readonly ledgerId: string; readonly version: string };

const wrongInBrought = ({ receipt, keys: trusted }: BroughtReceipt, by: By): string | undefined => {
  const { witness, ledgerId, version } = by;
  return wrongKeyIn(ledgerId, trusted) ?? wrongInReceipt(receipt, witness, { ledgerId, trusted, version });
};

/** The signed end of a finished run and the keys that it is checked with, as `broughtIn` takes them. Throws `receipt_refused` where it would not. */
export const receiptToBring = async (
  receipts: Pick<Receipts, "receipt" | "signingKeys">,
  ledger: Pick<Ledger, "events" | "store">,
  { runId, version }: { readonly runId: string; readonly version: string },
): Promise<BroughtReceipt> => {
  const { signer, ...receipt } = await receipts.receipt(runId);
  const brought = { receipt, keys: signer?.keys ?? (await receipts.signingKeys()) };
  const ledgerId = (await ledger.store.originOf(runId))?.ledgerId ?? ledger.store.ledgerId;
  const witness = await witnessIn(ledger, runId);
  const wrong = wrongInBrought(brought, { witness, ledgerId, version });
  if (wrong !== undefined) throw new LedgerError("receipt_refused", wrong);
  return brought;
};

/**
 * That of this ledger only where this ledger's own keys still say so, not those that came with it: a folder of keys that was lost does
 * not come back with a bundle, and a key that was retired does not sign again.
 */
export const takeInReceipt = async (
  { ledgerId, kept, keys }: Pick<ReceiptParts, "kept" | "keys"> & Pick<Store, "ledgerId">,
  { receipt, keys: brought }: BroughtReceipt,
  from: string,
): Promise<Taken | null> => {
  const { runId, keyId, digest, envelope, testResults } = receipt;
  const bare = { runId, keyId, digest, envelope, testResults };
  if (from !== ledgerId) await putFirst(kept, { ...bare, signer: { ledgerId: from, keys: brought } });
  else if (areSigned([envelope, ...testResults], await keys.published())) await putFirst(kept, bare);
  const there = await readReceipt(kept, runId);
  return there === undefined ? null : { ledgerId: there.signer?.ledgerId ?? ledgerId, keyId: there.keyId };
};

const areSigned = (envelopes: readonly object[], keys: readonly PublishedKey[]): boolean =>
  envelopes.every((one) => verifyReceipt(JSON.stringify(one), keys).verified);

const parsed = (bytes: Uint8Array): unknown => {
  try {
    return JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch {
    return undefined;
  }
};
