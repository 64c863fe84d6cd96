import * as z from "zod";
import { exactDuration } from "./duration.js";
import * as limit from "./limits.js";
import { MayChangeEntry, ProjectGlob } from "./paths.js";
import { raceOf, raceWire, WireCandidates } from "./plan-race.js";
import { validatorWire, WireCriterionValidator, WireValidator } from "./plan-validator.js";
import { naturalInt } from "./shapes.js";
import { type CriterionSpec, type Plan, type StepSpec, ToolProfile, type ValidatorSpec } from "./spec.js";
import { closed, durationMs, ID_WORDS, isId, listOf, readAs, textOf } from "./wire.js";

/** Two more tries: what the seeds give every step. */
const MAX_RETRIES = 2;

const Globs = listOf(ProjectGlob, limit.GLOBS_PER_LIST);
const Leave = listOf(MayChangeEntry, limit.GLOBS_PER_LIST);
const Id = z.string().refine(isId, ID_WORDS);

const Timeout = readAs(`a duration such as "2m" or whole seconds, at most a day`, (value) =>
  durationMs(Number.isInteger(value) ? `${String(value)}s` : value, 1, limit.TIMEOUT_MAX_MS),
);

const MayChange = z
  .union([
    Leave.transform((paths) => ({ paths, only: false })),
    closed({ paths: Leave, only: z.boolean().default(false) }),
  ])
  .default({ paths: [], only: false });

const WireStep = closed({
  id: Id,
  goal: textOf(limit.GOAL_CHARS),
  owner_agent: textOf(limit.ID_CHARS),
  depends_on: listOf(z.string(), limit.STEPS_PER_PLAN).default([]),
  tool_profile: listOf(ToolProfile, limit.GLOBS_PER_LIST).default([]),
  validator: WireValidator,
  may_change: MayChange,
  max_retries: naturalInt.max(limit.RETRIES_MAX).default(MAX_RETRIES),
  candidates: WireCandidates.optional(),
  pick: z.enum(["first", "smallest"]).optional(),
  timeout: Timeout.optional(),
  agent_timeout: Timeout.optional(),
}).transform(
  (wire): StepSpec => ({
    id: wire.id,
    goal: wire.goal,
    ownerAgent: wire.owner_agent,
    dependsOn: [...new Set(wire.depends_on)],
    toolProfile: wire.tool_profile.length > 0 ? [...new Set(wire.tool_profile)] : profileFor(wire.validator),
    validator: wire.validator,
    mayChange: wire.may_change,
    maxRetries: wire.max_retries,
    ...raceOf(wire.owner_agent, wire.candidates, wire.pick),
    ...(wire.timeout === undefined ? {} : { timeoutMs: wire.timeout }),
    ...(wire.agent_timeout === undefined ? {} : { agentTimeoutMs: wire.agent_timeout }),
  }),
);

export const WireSteps = listOf(WireStep, limit.STEPS_PER_PLAN, 1);

export const WirePlan = closed({
  goal: textOf(limit.GOAL_CHARS),
  protect: Globs.default([]),
  steps: WireSteps,
  acceptance_criteria: listOf(
    closed({ description: textOf(limit.GOAL_CHARS), validator: WireCriterionValidator }),
    limit.CRITERIA_PER_PLAN,
  ).default([]),
}).transform(
  (wire): Plan => ({
    goal: wire.goal,
    protect: wire.protect,
    steps: wire.steps,
    acceptanceCriteria: wire.acceptance_criteria,
  }),
);

/** Back to what a planner could have written: reading it again gives the same plan. */
export const planWire = (plan: Plan): Record<string, unknown> => ({
  goal: plan.goal,
  protect: plan.protect,
  steps: plan.steps.map(stepWire),
  acceptance_criteria: plan.acceptanceCriteria.map(criterionWire),
});

const profileFor = ({ type }: ValidatorSpec): ToolProfile[] =>
  type === "orchestrator_approval" ? ["supervisor"] : ["coding"];

export const stepWire = (step: StepSpec): Record<string, unknown> => ({
  id: step.id,
  goal: step.goal,
  owner_agent: step.ownerAgent,
  depends_on: step.dependsOn,
  tool_profile: step.toolProfile,
  validator: validatorWire(step.validator),
  may_change: step.mayChange.only ? step.mayChange : step.mayChange.paths,
  max_retries: step.maxRetries,
  ...raceWire(step.race),
  ...(step.timeoutMs === undefined ? {} : { timeout: exactDuration(step.timeoutMs) }),
  ...(step.agentTimeoutMs === undefined ? {} : { agent_timeout: exactDuration(step.agentTimeoutMs) }),
});

const criterionWire = ({ description, validator }: CriterionSpec): Record<string, unknown> => ({
  description,
  validator: validatorWire(validator),
});
