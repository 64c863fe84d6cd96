import {
  amountWords,
  type BudgetKind,
  type BudgetUse,
  budgetKinds,
  LedgerError,
  type RunView,
} from "../../../index.js";
import { amountIn, BUDGET_NAMES } from "../../cli/budget-amounts.js";
import { type Ask, reason, withReason } from "./asked.js";
import type { Values } from "./dialog.js";
import { perform } from "./perform.js";
import { quoted } from "./words.js";

/** How each limit is given to the command, and what is written there. */
const WRITTEN = {
  tokens: { option: "--tokens", such: "250000" },
  nanoUsd: { option: "--usd", such: "2.50" },
  timeMs: { option: "--time", such: "2h" },
  attempts: { option: "--attempts", such: "40" },
} as const satisfies Readonly<Record<BudgetKind, object>>;

/** The limit that is nearest first: it is what stopped a run that stopped at one. */
const byNeed = (budget: readonly BudgetUse[]): readonly BudgetKind[] => {
  const share = (kind: BudgetKind): number => {
    const use = budget.find((one) => one.kind === kind);
    return use === undefined ? -1 : use.used / use.limit;
  };
  return [...budgetKinds].sort((one, other) => share(other) - share(one));
};

const kindOf = ({ of }: Values): BudgetKind =>
  budgetKinds.find((kind) => of === BUDGET_NAMES[kind]) ?? "tokens";

// The same command, and the same checks, as `runledger budget`.
export const setBudget: Ask = async ({ runId, view: shown }, desk) => {
  const view = shown ?? (await desk.app.view(runId));
  const twin = (values: Values): string =>
    `runledger budget ${runId} ${WRITTEN[kindOf(values)].option} ${quoted(values.limit || "N")}${withReason(values.reason)}`;
  return {
    title: "Set its budget",
    text: standing(view),
    fields: [
      {
        name: "of",
        label: "Of",
        required: true,
        choices: byNeed(view.budget).map((kind) => BUDGET_NAMES[kind]),
      },
      {
        name: "limit",
        label: "At most in all: 250000 tokens, 2.50 dollars, 2h, 40 attempts",
        required: true,
      },
      reason(false),
    ],
    twin,
    confirm: "set it",
    done: (values) =>
      perform(desk, twin(values), async () => {
        const { limit = "", reason: why = "" } = values;
        const kind = kindOf(values);
        const amount = amountIn(kind, limit);
        if (amount === undefined)
          throw new LedgerError("invalid_input", `"${limit}" is no limit of ${BUDGET_NAMES[kind]}.`, {
            hint: `Write it as ${WRITTEN[kind].such}.`,
          });
        const budget = { [kind]: amount };
        const command = { type: "set_budget", budget, reason: why } as const;
        await desk.app.ledger.submit(runId, command, desk.caller);
        return standing(await desk.app.view(runId));
      }),
  };
};

const standing = ({ run, budget }: RunView): readonly string[] => [
  ...(budget.length === 0
    ? ["It has no budget yet."]
    : budget.map(
        ({ kind, limit, used }) =>
          `${BUDGET_NAMES[kind]}: ${amountWords(kind, used)} used or held of ${amountWords(kind, limit)}`,
      )),
  ...(run.state.status === "paused"
    ? [`It stays paused until it is resumed: runledger resume ${run.runId}`]
    : []),
];
