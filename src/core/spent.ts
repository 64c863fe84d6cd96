import * as z from "zod";
import * as limit from "./limits.js";
import { naturalInt, someText } from "./shapes.js";

const tokens = naturalInt.max(limit.TOKENS_PER_CALL);

/** What one paid call used, as its provider tells it: null where it does not say. */
export const Spent = z.strictObject({
  model: someText.max(limit.MODEL_CHARS),
  tokensIn: tokens.nullable(),
  /** Of `tokensIn`: read from the provider's cache, and written to it. */
  cacheRead: tokens.nullable(),
  cacheWrite: tokens.nullable(),
  tokensOut: tokens.nullable(),
  /** Of `tokensOut`: thought, and not said. */
  reasoning: tokens.nullable(),
  /** Tries before it that may have been charged, and nobody knows how much. */
  uncounted: naturalInt.max(limit.TOKENS_PER_CALL),
  /** Billionths of a US dollar by the prices of that moment; null without prices or tokens. */
  nanoUsd: naturalInt.nullable(),
});
export type Spent = Readonly<z.infer<typeof Spent>>;

/** What a call that is about to be made may use at most. */
export const AtMost = z.strictObject({
  tokens: naturalInt.max(limit.TOKENS_PER_CALL),
  /** Billionths of a US dollar; null without prices. */
  nanoUsd: naturalInt.nullable(),
});
export type AtMost = Readonly<z.infer<typeof AtMost>>;

/** US dollars for a million tokens of each sort. */
export type Price = {
  readonly input: number;
  readonly output: number;
  readonly cacheRead: number;
  readonly cacheWrite: number;
};

type Tokens = Pick<Spent, "tokensIn" | "cacheRead" | "cacheWrite" | "tokensOut">;

/** A dollar for a million tokens is a thousand billionths for one. */
const NANO_USD_PER_TOKEN = 1_000;

/** Billionths of a US dollar, rounded up; null where a part is not known. */
export const costOf = (
  { tokensIn, tokensOut, cacheRead, cacheWrite }: Tokens,
  price: Price | null,
): number | null => {
  if (price === null || tokensIn === null || tokensOut === null) return null;
  const [read, written] = [cacheRead ?? 0, cacheWrite ?? 0];
  const fresh = Math.max(0, tokensIn - read - written);
  const usdMillionths =
    fresh * price.input + read * price.cacheRead + written * price.cacheWrite + tokensOut * price.output;
  return Math.ceil(usdMillionths * NANO_USD_PER_TOKEN);
};
