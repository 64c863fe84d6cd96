import { amountWords, type Budget, type Caller, LedgerError, type RunLedger } from "../../../index.js";
import { amountIn, BUDGET_NAMES, nanoUsdOf } from "../budget-amounts.js";
import { EXIT } from "../exit-codes.js";
import type { Keyed } from "../groups/run.js";
import { brief, type Output, printJson } from "../output.js";
import { printTable } from "../table.js";

export type BudgetOptions = Keyed & {
  readonly tokens?: number;
  readonly usd?: number;
  readonly time?: string;
  readonly attempts?: number;
  readonly reason: string;
};

/** Sets the limits that are given, or shows those that hold. */
export const budget = async (
  app: RunLedger,
  output: Output,
  caller: Caller,
  runId: string,
  { tokens, usd, time, attempts, reason, ...options }: BudgetOptions,
): Promise<number> => {
  const asked: Budget = {
    ...(tokens === undefined ? {} : { tokens }),
    ...(usd === undefined ? {} : { nanoUsd: nanoUsdOf(usd) }),
    ...(time === undefined ? {} : { timeMs: msOf(time) }),
    ...(attempts === undefined ? {} : { attempts }),
  };
  if (Object.keys(asked).length > 0)
    await app.ledger.submit(runId, { type: "set_budget", budget: asked, reason }, caller, keyOf(options));
  return showBudget(app, output, runId);
};

const msOf = (time: string): number => {
  const ms = amountIn("timeMs", time);
  if (ms !== undefined) return ms;
  throw new LedgerError("invalid_input", `"${brief(time, 60)}" is no duration (--time).`, {
    hint: "Write it as 90s, 30m or 2h30m.",
  });
};

const keyOf = ({ idempotencyKey }: Keyed): Keyed => (idempotencyKey === undefined ? {} : { idempotencyKey });

const showBudget = async (app: RunLedger, output: Output, runId: string): Promise<number> => {
  const { run, budget: limits } = await app.view(runId);
  if (output.json) printJson(output, { runId, status: run.state.status, budget: limits });
  else
    await printTable(output, {
      head: ["OF", "LIMIT", "USED OR HELD"],
      rows: limits.map(({ kind, limit, used }) => [
        BUDGET_NAMES[kind],
        amountWords(kind, limit),
        amountWords(kind, used),
      ]),
      empty: "It has no budget. Set one: runledger budget RUN --tokens N, --usd N, --time 2h, --attempts N",
    });
  return EXIT.done;
};
