import { compactionsIn, isSpending, type Run, type RunLedger, usageOfStep } from "../../index.js";

/** Conversations of a step's present attempt that became too long. */
export type StepCompactions = {
  readonly stepId: string;
  readonly attempt: number;
  readonly count: number;
  /** Of those, by a call of the model. */
  readonly summaries: number;
};

/** Of steps whose conversations were compacted. Only those that asked a model are looked at: the rest of a run has no such effects. */
export const compactionsOf = async (app: RunLedger, run: Run): Promise<readonly StepCompactions[]> => {
  const found: StepCompactions[] = [];
  for (const { spec, attempt } of run.steps) {
    if (!isSpending(usageOfStep(run, spec.id))) continue;
    const of = { stepId: spec.id, attempt };
    const counts = compactionsIn(await app.effects(run.runId, of));
    if (counts.count > 0) found.push({ ...of, ...counts });
  }
  return found;
};

export const compactionWords = ({ stepId, attempt, count, summaries }: StepCompactions): string =>
  `${stepId}, attempt ${attempt}: ${count === 1 ? "once" : `${count} times`}${summaries === 0 ? "" : `, ${summaries} by a summary`}`;
