import { isPublishedKeys, type PublishedKey, wrongKeyIn } from "../core/receipts/key-chain.js";
import { list, type Of, record, text } from "../core/receipts/shapes.js";
import type { Witness } from "../core/receipts/witness.js";
import type { RunCipher } from "../stores/store.js";
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
export const broughtIn = (
  data: string,
  cipher: RunCipher | null,
  by: { readonly witness: Witness | undefined; readonly ledgerId: string; readonly version: string },
): BroughtReceipt | string => {
  const came = Buffer.from(data, "base64");
  const brought = parsed((cipher === null ? came : cipher.openBytes(came, PLACE)) ?? Buffer.of());
  if (!isBrought(brought)) return "it is no receipt with the keys of its ledger";
  const { witness, ledgerId, version } = by;
  const trusted: readonly PublishedKey[] = brought.keys;
  const wrong =
    wrongKeyIn(ledgerId, trusted) ?? wrongInReceipt(brought.receipt, witness, { ledgerId, trusted, version });
  return wrong ?? brought;
};

const parsed = (bytes: Uint8Array): unknown => {
  try {
    return JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch {
    return undefined;
  }
};
