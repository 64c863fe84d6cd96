import type { Caller } from "../src/core/commands.js";
import { runProposeStepResult } from "./execution/run_propose_step_result.js";
import { runStartStep } from "./execution/run_start_step.js";
import { runApplyPolicy } from "./orchestrator/run_apply_policy.js";
import { runApproveStep } from "./orchestrator/run_approve_step.js";
import { runCreate } from "./orchestrator/run_create.js";
import { runPause } from "./orchestrator/run_pause.js";
import { runResume } from "./orchestrator/run_resume.js";
import { runActive } from "./shared/run_active.js";
import { runNote } from "./shared/run_note.js";
import { runRead } from "./shared/run_read.js";
import { type BoundTool, bindTool, mayUse, type Tool, type ToolHost } from "./tool.js";

/** Every tool there is; a caller sees only those of its role. */
export const allTools: readonly Tool[] = [
  runCreate,
  runApplyPolicy,
  runApproveStep,
  runPause,
  runResume,
  runStartStep,
  runProposeStepResult,
  runRead,
  runActive,
  runNote,
];

export const toolsFor = (caller: Caller, host: ToolHost): readonly BoundTool[] =>
  allTools.filter((tool) => mayUse(tool, caller)).map((tool) => bindTool(tool, caller, host));
