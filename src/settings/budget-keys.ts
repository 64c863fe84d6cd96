import * as z from "zod";
import type { Budget } from "../core/budget-shape.js";
import { exactDuration } from "../core/duration.js";
import { ATTEMPTS_PER_RUN, RUN_TIME_MAX_MS, TOKENS_PER_RUN } from "../core/limits.js";
import { closed } from "../core/wire.js";
import { described, duration } from "./kinds.js";

/** What a run may spend: nobody has that much to lose to one. */
const USD_MAX = 1_000_000;
const NANO_USD = 1_000_000_000;

/** Without a limit there is none; a person may set another one for a run. */
export const BudgetKeys = closed({
  tokens: described(
    "number",
    {
      title: "Tokens",
      description:
        "How many tokens the models of one run may read and write together; else as many as they do.",
    },
    z.int().min(1).max(TOKENS_PER_RUN),
  ).optional(),
  usd: described(
    "number",
    {
      title: "US dollars",
      description: "What the models of one run may cost, by the prices of their agents; else what they do.",
    },
    z.number().positive().max(USD_MAX),
  ).optional(),
  time: duration(
    { title: "Time", description: "How long one run may take, pauses not counted; else as long as it does." },
    { minMs: 1, maxMs: RUN_TIME_MAX_MS },
  ).optional(),
  attempts: described(
    "number",
    {
      title: "Attempts",
      description: "How many attempts the steps of one run may take together; else as each step says.",
    },
    z.int().min(1).max(ATTEMPTS_PER_RUN),
  ).optional(),
}).transform(
  ({ tokens, usd, time, attempts }): Budget => ({
    ...(tokens === undefined ? {} : { tokens }),
    ...(usd === undefined ? {} : { nanoUsd: Math.max(1, Math.round(usd * NANO_USD)) }),
    ...(time === undefined ? {} : { timeMs: time }),
    ...(attempts === undefined ? {} : { attempts }),
  }),
);

export const budgetWire = ({ nanoUsd, timeMs, ...same }: Budget) => ({
  ...same,
  ...(nanoUsd === undefined ? {} : { usd: nanoUsd / NANO_USD }),
  ...(timeMs === undefined ? {} : { time: exactDuration(timeMs) }),
});

/** Every key, null where nothing is said: what has no limit is left out of a file, and listed all the same. */
export const budgetListed = (budget: Budget) => ({
  tokens: null,
  usd: null,
  time: null,
  attempts: null,
  ...budgetWire(budget),
});
