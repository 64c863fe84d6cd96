import {
  askedEffectsOf,
  awaitsApproval,
  hasPolicyRequest,
  isActive,
  isPlanning,
  type Run,
  type RunView,
  type Step,
} from "../../../index.js";
import type { CommandName } from "./keymap.js";

/** What can be done now, for the line of keys; whether it may be done is decided by the ledger. */
export const actionsFor = (view: RunView | undefined, step: Step | undefined): readonly CommandName[] => {
  if (view === undefined) return [];
  const { run } = view;
  const { status } = run.state;
  const over = status === "completed" || status === "failed";
  return [
    ...(step !== undefined && !over ? stepActions(step) : []),
    ...(step !== undefined && status === "paused" && askedEffectsOf(step).length > 0
      ? (["decide"] as const)
      : []),
    ...((run.tracked?.begun ?? []).length > 0 ? (["decide"] as const) : []),
    ...(isStoppedByBudget(run) ? (["budget"] as const) : []),
    ...(run.tracked === null ? driving(view) : []),
    ...(over ? [] : (["cancel"] as const)),
    ...(run.head === run.base ? [] : (["apply"] as const)),
  ];
};

const isStoppedByBudget = ({ state }: Run): boolean => state.status === "paused" && state.reason === "budget";

/** What a client records nobody here drives: it is resumed by whoever goes on with the work. */
const driving = ({ run, waiting }: RunView): readonly CommandName[] => [
  ...(run.state.status === "paused" || waiting.for === "worker" ? (["resume"] as const) : []),
  ...(isActive(run) ? (["pause"] as const) : []),
];

const stepActions = (step: Step): readonly CommandName[] => {
  if (awaitsApproval(step)) return ["approve", "deny"];
  if (!hasPolicyRequest(step)) return [];
  return isPlanning(step) ? ["retry", "changeAgent"] : ["retry", "skip", "changeAgent"];
};
