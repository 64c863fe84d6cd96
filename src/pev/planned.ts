import { isPlanning, planProposed } from "../core/planning.js";
import type { Run, Step } from "../core/run.js";
import type { Ledger } from "../ledger/ledger.js";
import type { Pev } from "./engine.js";

/** Refuses a planner's result whose plan could not begin here, as `create_run` would: nobody should have to approve it. */
export const requirePlanFit = async (
  { ledger, pev }: { readonly ledger: Pick<Ledger, "rules">; readonly pev: Pick<Pev, "requireJudgeable"> },
  run: Run,
  step: Pick<Step, "spec">,
  result: string,
): Promise<void> => {
  if (isPlanning(step)) await pev.requireJudgeable(planProposed(run, result, ledger.rules.agents));
};
