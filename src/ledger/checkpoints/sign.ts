import { createHmac, timingSafeEqual } from "node:crypto";
import { canonicalJson } from "../../core/canonical.js";
import type { SignedCheckpoint } from "../../core/checkpoints.js";

/** The key of a ledger, made again for this one use. */
export type SigningKey = (ledgerKey: Uint8Array) => Buffer;

const signingKey: SigningKey = (ledgerKey) =>
  createHmac("sha256", ledgerKey)
    .update(canonicalJson({ use: "seal of checkpoints" }))
    .digest();

/**
 * Over all that the journal says of it: content, position, the journal's hash there, and the signature before. Use and names stay
 * as they were first written, or no signature made before would hold. */
export const signatureOf = (
  ledgerKey: Uint8Array,
  runId: string,
  { seal: _seal, ...said }: Omit<SignedCheckpoint, "seal"> & { readonly seal?: string },
): string =>
  createHmac("sha256", signingKey(ledgerKey))
    .update(canonicalJson({ runId, checkpoint: said }))
    .digest("hex");

export const signatureHolds = (ledgerKey: Uint8Array, runId: string, signed: SignedCheckpoint): boolean => {
  const expected = Buffer.from(signatureOf(ledgerKey, runId, signed));
  const given = Buffer.from(signed.seal);
  return given.byteLength === expected.byteLength && timingSafeEqual(given, expected);
};
