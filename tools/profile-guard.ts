import type { Caller } from "../src/core/commands.js";
import { requireSession } from "../src/core/decide/guards.js";
import { LedgerError } from "../src/core/errors.js";
import { workedSteps } from "../src/core/race.js";
import { findStep, type Run } from "../src/core/run.js";
import type { ToolProfile } from "../src/core/spec.js";
import type { Ledger } from "../src/ledger/ledger.js";
import { allTools } from "./index.js";
import { mayUse } from "./tool.js";

/** Tools of a host that each profile opens (the names of seed 002's host; `fs_search` is ours). */
const profileTools: { readonly [P in ToolProfile]: readonly string[] } = {
  coding: [
    ...["exec", "exec_bg", "exec_status", "exec_stop"],
    ...["fs_read", "fs_list", "fs_search", "fs_write", "fs_edit", "fs_mkdir", "fs_delete", "fs_stat"],
  ],
  browser: ["browser_navigate", "browser_action", "browser_screenshot"],
  knowledge: [
    ...["search_knowledge", "search_learnings", "graph_traverse", "graph_query"],
    ...["save_knowledge", "save_learning", "create_skill", "list_skills", "import_skill"],
    ...["learning_stats", "learning_cleanup"],
    ...["librarian_pending_inquiries", "librarian_dismiss_inquiry"],
  ],
  supervisor: [],
};

export const isOpenedBy = (profiles: readonly ToolProfile[], toolName: string): boolean =>
  profiles.some((profile) => profileTools[profile].includes(toolName));

/**
 * While a step runs, its agent may use only the tools of the step's profiles, beside the run_* tools of its role.
 * Fails closed: a caller that is not the agent of this very attempt, an unknown run or step, or a step that is not in
 * progress is refused.
 */
export const requireToolAllowed = async (ledger: Ledger, caller: Caller, toolName: string): Promise<void> => {
  ledger.check(caller);
  const own = allTools.find(({ name }) => name === toolName);
  const opens = (): Promise<boolean> => isOpen(ledger, caller, toolName, ["planning", "running"]);
  if (own !== undefined ? !mayUse(own, caller) : !(await opens())) throw closed(caller, toolName);
};

/**
 * The same for an agent that the engine drives itself. A pause lets agents at work come to their end, so it closes nothing to
 * them either; what they claim waits until the run goes on.
 */
export const requireToolOfDriven = async (
  ledger: Ledger,
  caller: Caller,
  toolName: string,
): Promise<void> => {
  ledger.check(caller);
  if (!(await isOpen(ledger, caller, toolName, ["planning", "running", "paused"])))
    throw closed(caller, toolName);
};

const closed = (caller: Caller, toolName: string): LedgerError =>
  new LedgerError("access_denied", `"${caller.name}" may not use ${toolName} now.`, {
    hint: "A step opens only the tools of its tool_profile, and only while it is in progress.",
  });

const isOpen = async (
  ledger: Ledger,
  caller: Caller,
  toolName: string,
  within: readonly Run["state"]["status"][],
): Promise<boolean> => {
  const { role, runId, stepId, attempt, candidate } = caller;
  if (role !== "executor" || runId === undefined || stepId === undefined) return false;
  const run = await ledger.load(runId);
  requireSession(run, caller);
  const whole = findStep(run, stepId);
  // Of a raced step only its candidates are somebody; a credential of none, or of one that there is not, opens nothing.
  const step = (whole === undefined ? [] : workedSteps(whole)).find((one) => one.candidate === candidate);
  if (!within.includes(run.state.status) || step?.state.status !== "in_progress") return false;
  if (step.spec.ownerAgent !== caller.name || (attempt ?? step.attempt) !== step.attempt) return false;
  return isOpenedBy(step.spec.toolProfile, toolName);
};
