import { type BudgetKind, parseDuration } from "../../index.js";

const NANO_USD = 1_000_000_000;

/** In billionths, as it is kept; nothing above 0 becomes nothing. */
export const nanoUsdOf = (usd: number): number => Math.max(1, Math.round(usd * NANO_USD));

const counted = (text: string): number | undefined =>
  /^\d{1,15}$/.test(text) && Number(text) > 0 ? Number(text) : undefined;

/** A limit as people write it, in the unit that is kept; undefined where it is none. */
const READ: { readonly [K in BudgetKind]: (text: string) => number | undefined } = {
  tokens: counted,
  nanoUsd: (text) => {
    const usd = Number(text);
    const isAmount = text.trim() !== "" && Number.isFinite(usd) && usd > 0;
    return isAmount ? nanoUsdOf(usd) : undefined;
  },
  timeMs: (text) => {
    const ms = parseDuration(text);
    return ms !== undefined && ms > 0 ? ms : undefined;
  },
  attempts: counted,
};

export const amountIn = (kind: BudgetKind, text: string): number | undefined => READ[kind](text);

/** What each limit is of, in a word. */
export const BUDGET_NAMES = {
  tokens: "tokens",
  nanoUsd: "cost",
  timeMs: "time",
  attempts: "attempts",
} as const satisfies Readonly<Record<BudgetKind, string>>;
