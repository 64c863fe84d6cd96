import * as limit from "./limits.js";
import { CANDIDATES_MIN, Toolchain, ToolProfile, ValidatorType } from "./spec.js";
import { ID } from "./wire.js";

type Schema = Readonly<Record<string, unknown>>;

/**
 * What a plan looks like, as JSON Schema: for whoever writes one. It says less than `readPlan`, which refuses what no schema
 * can tell: circles, unknown steps, globs that lead out of the project.
 */
export const planJsonSchema = (agents: readonly string[] | null = null): Schema => {
  const agent: Schema = agents === null ? { type: "string" } : { enum: [...agents] };
  return object(
    {
      goal: text("What is to be true in the end."),
      protect: globs("Nobody may change these."),
      steps: { type: "array", minItems: 1, maxItems: limit.STEPS_PER_PLAN, items: stepSchema(agent) },
      acceptance_criteria: {
        type: "array",
        maxItems: limit.CRITERIA_PER_PLAN,
        items: object({ description: text("What must hold."), validator: VALIDATOR }, [
          "description",
          "validator",
        ]),
      },
    },
    ["goal", "steps"],
  );
};

const object = (properties: Schema, required: readonly string[] = []): Schema => ({
  type: "object",
  properties,
  ...(required.length === 0 ? {} : { required }),
  additionalProperties: false,
});

const text = (description: string): Schema => ({
  type: "string",
  minLength: 1,
  maxLength: limit.GOAL_CHARS,
  description,
});

const globs = (description: string): Schema => ({
  type: "array",
  maxItems: limit.GLOBS_PER_LIST,
  items: { type: "string" },
  description,
});

const VALIDATOR: Schema = object(
  {
    type: { enum: [...ValidatorType.options] },
    target: { type: "string", maxLength: limit.TARGET_CHARS },
    params: object({
      toolchain: { enum: [...Toolchain.options], description: "build_pass, test_pass" },
      min_tests: { type: "integer", minimum: 1, description: "test_pass" },
      no_skips: { type: "boolean", description: "test_pass" },
      red_before_green: { type: "boolean", description: "test_pass: a test fails at the base" },
      repeat: { type: "integer", minimum: 2, maximum: limit.TEST_RUNS_MAX, description: "test_pass" },
      held_out: { type: "string", description: "test_pass: a folder of tests that agents do not see" },
      canary: { type: "boolean", description: "test_pass" },
      min_bytes: { type: "integer", minimum: 0, description: "artifact_exists" },
      sha256: { type: "string", description: "artifact_exists" },
      contains: { type: "string", description: "artifact_exists" },
      changed: { type: "boolean", description: "artifact_exists: false: it may be as it was" },
      expected_exit_code: { type: "integer", minimum: 0, maximum: 255, description: "command_pass" },
    }),
  },
  ["type"],
);

const duration: Schema = { type: "string", description: 'Such as "90s" or "5m".' };

const stepSchema = (agent: Schema): Schema =>
  object(
    {
      id: { type: "string", pattern: ID.source, maxLength: limit.ID_CHARS },
      goal: text("What is to be done, whole: its agent is told nothing else."),
      owner_agent: agent,
      depends_on: { type: "array", items: { type: "string" }, description: "Ids of steps." },
      tool_profile: { type: "array", items: { enum: [...ToolProfile.options] } },
      validator: VALIDATOR,
      may_change: {
        anyOf: [
          globs("Although they are protected."),
          object({ paths: globs("As above."), only: { type: "boolean" } }, ["paths"]),
        ],
      },
      max_retries: { type: "integer", minimum: 0, maximum: limit.RETRIES_MAX },
      candidates: {
        description: "So many agents race for the step; mostly left out.",
        anyOf: [
          { type: "integer", minimum: CANDIDATES_MIN, maximum: limit.CANDIDATES_MAX },
          { type: "array", minItems: CANDIDATES_MIN, maxItems: limit.CANDIDATES_MAX, items: agent },
        ],
      },
      pick: { enum: ["first", "smallest"] },
      timeout: { ...duration, description: "Bounds the validator." },
      agent_timeout: { ...duration, description: "Bounds the agent." },
    },
    ["id", "goal", "owner_agent", "validator"],
  );
