import { type Budget, budgetKinds } from "../budget-shape.js";
import { LedgerError } from "../errors.js";
import { isActive } from "../run.js";
import { alreadyDone, type Decider, requireLive, requireRole } from "./guards.js";

// People alone: whoever spends does not say how much there is.
export const setBudget: Decider<"set_budget"> = ({ budget, reason }, run, { caller }) => {
  requireRole(caller, "set a run's budget", "human");
  const kinds = budgetKinds.filter((kind) => budget[kind] !== undefined);
  if (kinds.length === 0)
    throw new LedgerError("invalid_input", "A budget without a limit is none.", {
      hint: "Give one of --tokens, --usd, --time and --attempts.",
    });
  if (kinds.every((kind) => run.budget.set[kind] === budget[kind])) return alreadyDone;
  requireLive(run);
  return [{ type: "budget_set", version: 1, payload: { budget: definite(budget), reason } }];
};

const definite = (budget: Budget): Budget =>
  Object.fromEntries(Object.entries(budget).filter(([, value]) => value !== undefined));

// What is under way goes on; whoever is refused next stops here too, and finds the run paused.
export const stopAtBudget: Decider<"stop_at_budget"> = ({ stepId, message }, run, { caller }) => {
  requireRole(caller, "stop a run at its budget", "engine");
  if (!isActive(run)) return alreadyDone;
  return [{ type: "run_paused", version: 1, payload: { reason: "budget", message, stepId } }];
};
