import type * as z from "zod";
import type { Caller } from "../src/core/commands.js";
import type { Role } from "../src/core/events.js";
import { intentPropose } from "./execution/intent_propose.js";
import { intentStatus } from "./execution/intent_status.js";
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
import { type BoundTool, bindTool, mayUse, type RolesOf, type Tool, type ToolHost } from "./tool.js";

const byName = {
  run_create: runCreate,
  run_apply_policy: runApplyPolicy,
  run_approve_step: runApproveStep,
  run_pause: runPause,
  run_resume: runResume,
  run_start_step: runStartStep,
  run_propose_step_result: runProposeStepResult,
  intent_propose: intentPropose,
  intent_status: intentStatus,
  run_read: runRead,
  run_active: runActive,
  run_note: runNote,
};

/** Every tool there is; a caller sees only those of its role. */
export const allTools: readonly Tool[] = Object.values(byName);

type Tools = typeof byName;

export type ToolName = keyof Tools;

/** What each tool takes. */
export type ToolInputs = { readonly [N in ToolName]: z.input<Tools[N]["input"]> };

/** What each tool answers when it refuses nothing. */
export type ToolResults = { readonly [N in ToolName]: Awaited<ReturnType<Tools[N]["handle"]>> };

/** Names of the tools of a role. */
export type ToolNameOf<R extends Role> = {
  readonly [N in ToolName]: R extends RolesOf<Tools[N]["role"]> ? N : never;
}[ToolName];

export const toolsFor = (caller: Caller, host: ToolHost): readonly BoundTool[] =>
  allTools.filter((tool) => mayUse(tool, caller)).map((tool) => bindTool(tool, caller, host));
