import { createHmac, timingSafeEqual } from "node:crypto";
import { canonicalJson } from "../../core/canonical.js";
import type { SealedCheckpoint } from "../../core/checkpoints.js";

/** The key of a ledger, made again for this one use. */
export type SealingKey = (ledgerKey: Uint8Array) => Buffer;

const sealingKey: SealingKey = (ledgerKey) =>
  createHmac("sha256", ledgerKey)
    .update(canonicalJson({ use: "seal of checkpoints" }))
    .digest();

/** Over all that the journal says of it: content, position, the journal's hash there, and the seal before. */
export const sealOf = (
  ledgerKey: Uint8Array,
  runId: string,
  { seal: _seal, ...said }: Omit<SealedCheckpoint, "seal"> & { readonly seal?: string },
): string =>
  createHmac("sha256", sealingKey(ledgerKey))
    .update(canonicalJson({ runId, checkpoint: said }))
    .digest("hex");

export const sealHolds = (ledgerKey: Uint8Array, runId: string, sealed: SealedCheckpoint): boolean => {
  const expected = Buffer.from(sealOf(ledgerKey, runId, sealed));
  const given = Buffer.from(sealed.seal);
  return given.byteLength === expected.byteLength && timingSafeEqual(given, expected);
};
