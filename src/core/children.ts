import type { ChildOutcome } from "./family.js";
import { workedSteps } from "./race.js";
import { isTerminal, type Run, type WorkedStep } from "./run.js";
import type { Child } from "./waits.js";

export type OpenChild = { readonly step: WorkedStep; readonly child: Child };

/** Runs that this one has started and of which it does not know yet what became of them. */
export const openChildren = (run: Run): readonly OpenChild[] =>
  run.steps.flatMap(workedSteps).flatMap((step) => childrenOf(step).map((child) => ({ step, child })));

/** Those for which nobody waits any more: their attempt is over, or the whole run. */
export const unwantedChildren = (run: Run): readonly Child[] =>
  openChildren(run).flatMap(({ step, child }) =>
    isTerminal(run) || step.state.status !== "in_progress" ? [child] : [],
  );

/** Before they have ended, no other attempt at the step begins: its own children come with it. */
export const hasUnwantedChildren = (step: WorkedStep): boolean =>
  step.state.status !== "in_progress" && childrenOf(step).length > 0;

const childrenOf = ({ effects }: WorkedStep): readonly Child[] =>
  effects.waits.flatMap((wait) => (wait.kind === "child" && wait.finished === null ? [wait] : []));

/** What a run that is over tells the one that started it. */
export const childOutcome = ({ state, base, head, criteria, waivers }: Run): ChildOutcome | undefined => {
  if (state.status !== "completed" && state.status !== "failed") return undefined;
  // No host reports the run of an agent here.
  const reason = state.status === "completed" || state.reason === "reported" ? null : state.reason;
  return {
    kind: "ended",
    status: state.status,
    reason,
    message: state.status === "failed" ? state.message : state.summary,
    base,
    head,
    criteria: criteria.map(({ spec, state: { status } }) => ({ description: spec.description, status })),
    waivers: waivers.length,
  };
};
