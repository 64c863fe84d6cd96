import { openChildren } from "../children.js";
import { named } from "../race.js";
import { isTerminal } from "../run.js";
import { alreadyDone, type Decider, requireRole } from "./guards.js";

// A record: also of a run that is over or paused, for what it has started does not end by that.
export const finishChild: Decider<"finish_child"> = ({ childId, outcome }, run, { caller }) => {
  requireRole(caller, "say what became of a child run", "engine");
  const open = openChildren(run).find(({ child }) => child.childId === childId);
  if (open === undefined) return alreadyDone;
  const { step, child } = open;
  const payload = { stepId: step.spec.id, ...named(step), position: child.position, childId, outcome };
  return [{ type: "child_finished", version: 1, attempt: step.attempt, payload }];
};

export const tellParent: Decider<"tell_parent"> = (_command, run, { caller }) => {
  requireRole(caller, "tell the parent of a run", "engine");
  if (run.parent === null || run.parentTold || !isTerminal(run)) return alreadyDone;
  return [{ type: "parent_told", version: 1, payload: { parentId: run.parent.runId } }];
};
