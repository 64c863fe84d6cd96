import { amountWords, type BudgetUse, type Usage } from "../../index.js";

const grouped = (count: number): string => count.toLocaleString("en-US");

const calls = (count: number): string => `${grouped(count)} ${count === 1 ? "call" : "calls"}`;

/** What was spent, in one line: what is not known is said to be so. */
export const usageWords = (usage: Usage): string => {
  const { tokensIn, cacheRead, tokensOut, reasoning, uncounted } = usage;
  const cached = cacheRead === 0 ? "" : ` (${grouped(cacheRead)} from the cache)`;
  const thought = reasoning === 0 ? "" : ` (${grouped(reasoning)} in thought)`;
  return [
    `${grouped(tokensIn)} tokens in${cached}, ${grouped(tokensOut)} out${thought}, ${calls(usage.calls)}`,
    ...(uncounted === 0 ? [] : [`${calls(uncounted)} uncounted`]),
    costWords(usage),
  ].join("; ");
};

const NANO_USD = 1_000_000_000;
/** Of a dollar: what one call of a small model costs can still be read. */
const DIGITS = 4;

const costWords = ({ calls: answered, uncounted, unpriced, nanoUsd }: Usage): string => {
  if (nanoUsd === 0 && (unpriced > 0 || answered === 0)) return "cost unknown";
  const isWhole = uncounted === 0 && unpriced === 0;
  return `${isWhole ? "" : "at least "}${usd(nanoUsd)}`;
};

/** Rounded up, so that what costs something never shows as nothing. */
const usd = (nanoUsd: number): string =>
  `$${(Math.ceil(nanoUsd / (NANO_USD / 10 ** DIGITS)) / 10 ** DIGITS).toFixed(DIGITS)}`;

/** What is used or held of each limit. */
export const budgetWords = (budget: readonly BudgetUse[]): string =>
  budget
    .map(({ kind, limit, used }) => `${amountWords(kind, used)} of ${amountWords(kind, limit)}`)
    .join("; ");
