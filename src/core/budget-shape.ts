import * as z from "zod";
import * as limit from "./limits.js";
import { naturalInt, positiveInt } from "./shapes.js";

/** What a run may spend in all: tokens, billionths of a US dollar, milliseconds that it is not paused, attempts at steps. */
export const Budget = z.strictObject({
  tokens: positiveInt.max(limit.TOKENS_PER_RUN).optional(),
  nanoUsd: positiveInt.max(Number.MAX_SAFE_INTEGER).optional(),
  timeMs: positiveInt.max(limit.RUN_TIME_MAX_MS).optional(),
  attempts: positiveInt.max(limit.ATTEMPTS_PER_RUN).optional(),
});
export type Budget = Readonly<z.infer<typeof Budget>>;
export const budgetKinds = ["tokens", "nanoUsd", "timeMs", "attempts"] as const;
export const BudgetKind = z.enum(budgetKinds);
export type BudgetKind = z.infer<typeof BudgetKind>;

/** A limit that comes near, and what of it is used or held. */
export const BudgetWarning = z.strictObject({
  kind: BudgetKind,
  limit: naturalInt,
  used: naturalInt,
});
