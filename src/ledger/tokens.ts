import { createHmac } from "node:crypto";
import { canonicalJson } from "../core/canonical.js";
import type { PromiseName } from "../core/waits.js";

/** The token of a promise. Made again from the ledger's key whenever it is needed, so that no restart loses it. */
export type TokenOf = (of: PromiseName) => Promise<string>;

/** The token of one fetch of an order. Each fetch has another one; made again whenever it is needed, so that no restart loses it. */
export type OrderTokenOf = (of: { readonly intentId: string; readonly attempt: number }) => string;

export const orderTokensOf =
  (key: () => Uint8Array): OrderTokenOf =>
  ({ intentId, attempt }) =>
    createHmac("sha256", key())
      .update(canonicalJson({ order: { intentId, attempt } }))
      .digest("hex");

export const tokensOf =
  (key: () => Uint8Array): TokenOf =>
  async ({ runId, stepId, attempt, candidate = null, position }) => {
    const name = { promise: { runId, stepId, attempt, candidate, position } };
    return createHmac("sha256", key()).update(canonicalJson(name)).digest("hex");
  };
