import type { ListedEffect } from "../../effects/list.js";

/** What shortens a conversation, as the list of effects names it. */
export const COMPACTIONS = {
  clear: "compact: clear old results",
  sumUp: "compact: summary",
  shorten: "compact: shorten results",
} as const;

/** How often the conversations of models were shortened, and how often by a summary that was paid for. */
export const compactionsIn = (
  effects: readonly Pick<ListedEffect, "name">[],
): { readonly count: number; readonly summaries: number } => {
  const names: readonly string[] = Object.values(COMPACTIONS);
  const found = effects.filter(({ name }) => names.includes(name));
  return { count: found.length, summaries: found.filter(({ name }) => name === COMPACTIONS.sumUp).length };
};
