import * as z from "zod";
import type { Caller } from "../../src/core/commands.js";
import { requireSession } from "../../src/core/decide/guards.js";
import { LedgerError } from "../../src/core/errors.js";
import { type PolicyAction, PolicyActionType } from "../../src/core/events.js";
import * as limit from "../../src/core/limits.js";
import { readSteps, readValidator } from "../../src/core/plan.js";
import { findStep, type Run } from "../../src/core/run.js";
import { someText } from "../../src/core/shapes.js";
import type { StepSpec } from "../../src/core/spec.js";
import { closed } from "../../src/core/wire.js";
import type { Ledger } from "../../src/ledger/ledger.js";
import { settled } from "../settled.js";
import { defineTool, idempotencyKey, keyed } from "../tool.js";
import { standing } from "../views.js";

export const PolicyAnswer = closed({
  run_id: someText,
  step_id: someText,
  action: PolicyActionType,
  reason: z.string().trim().min(1).max(limit.REASON_CHARS),
  new_agent: someText.optional().describe("Of change_agent: who is to work on it."),
  new_steps_json: z
    .string()
    .max(limit.PLAN_TEXT_CHARS)
    .optional()
    .describe("Of decompose: a JSON array of the steps in its place, as in a plan."),
  new_validator_json: z
    .string()
    .max(limit.PLAN_TEXT_CHARS)
    .optional()
    .describe("Of change_validator: the new one as a JSON object, as in a plan."),
  fresh: z.boolean().optional().describe("Of retry: begin again from a clean clone."),
  attempt: z
    .int()
    .min(1)
    .optional()
    .describe("The attempt whose refusal you looked at; a later one is then not answered."),
  idempotency_key: idempotencyKey,
});

export const runApplyPolicy = defineTool({
  name: "run_apply_policy",
  title: "Answer a policy request",
  role: "orchestrator",
  readOnly: false,
  description:
    "Answer a failed, errored or interrupted step: retry, decompose (new_steps_json), change_agent (new_agent), change_validator (new_validator_json), skip, abort or escalate. With attempt, that one's refusal and no later one is answered.",
  input: PolicyAnswer,
  output: z.object({
    run_id: z.string(),
    step_id: z.string(),
    action: z.string(),
    step_status: z.string(),
    run_status: z.string(),
    next: z.string(),
  }),
  handle: async (input, caller, host) => {
    const { run_id, step_id, action } = input;
    await answerPolicy(host.ledger, caller, input);
    const run = await settled(host, run_id);
    return {
      run_id,
      step_id,
      action,
      step_status: findStep(run, step_id)?.state.status ?? "unknown",
      ...(await standing(run, host.ledger)),
    };
  },
});

type Answering = {
  /** Of whoever drives the run. */
  readonly epoch?: number;
  /** Refuses a decision that the rules would take. */
  readonly check?: (run: Run, decision: PolicyAction) => void;
};

/** The answer of the tool, once it is read: refused as a whole, or recorded. */
export const answerPolicy = async (
  ledger: Ledger,
  caller: Caller,
  input: z.output<typeof PolicyAnswer>,
  { epoch, check }: Answering = {},
): Promise<void> => {
  const { run_id, step_id: stepId, reason, attempt, idempotency_key } = input;
  const before = await ledger.load(run_id);
  requireSession(before, caller);
  const decision = readDecision(input, before, stepId, ledger.rules.agents);
  check?.(before, decision);
  const seen = attempt === undefined ? {} : { attempt };
  await ledger.submit(run_id, { type: "apply_policy", stepId, decision, reason, ...seen }, caller, {
    ...keyed(idempotency_key),
    ...(epoch === undefined ? {} : { epoch }),
  });
};

/** Builds the typed action from the flat inputs of the wire; each input belongs to exactly one action. */
export type PolicyInput = Pick<
  z.output<typeof PolicyAnswer>,
  "action" | "new_agent" | "new_steps_json" | "new_validator_json" | "fresh"
>;

export const readDecision = (
  input: PolicyInput,
  run: Run,
  stepId: string,
  agents: readonly string[] | null,
): PolicyAction => {
  const { action } = input;
  requireOnly(input, action);
  switch (action) {
    case "retry":
      return { action, fresh: input.fresh ?? false };
    case "change_agent":
      return { action, newAgent: needed(input.new_agent, action, "new_agent") };
    case "decompose": {
      const text = needed(input.new_steps_json, action, "new_steps_json");
      const around = {
        existing: stepsAround(run, stepId),
        replaces: stepId,
        ...(agents === null ? {} : { agents }),
      };
      return { action, newSteps: readSteps(text, around) };
    }
    case "change_validator":
      return {
        action,
        newValidator: readValidator(needed(input.new_validator_json, action, "new_validator_json")),
      };
    default:
      return { action };
  }
};

/** The steps that an earlier answer put in are no rivals of the same answer given again. */
const stepsAround = (run: Run, stepId: string): readonly StepSpec[] => {
  const last = findStep(run, stepId)?.lastDecision?.decision;
  const own = new Set(last?.action === "decompose" ? last.newSteps.map(({ id }) => id) : []);
  return run.steps.map(({ spec }) => spec).filter(({ id }) => !own.has(id));
};

const belongsTo = {
  fresh: "retry",
  new_agent: "change_agent",
  new_steps_json: "decompose",
  new_validator_json: "change_validator",
} as const;

const requireOnly = (input: Partial<Record<keyof typeof belongsTo, unknown>>, action: string): void => {
  for (const [key, owner] of Object.entries(belongsTo))
    if (input[key as keyof typeof belongsTo] !== undefined && owner !== action)
      throw new LedgerError("invalid_input", `"${key}" belongs to action "${owner}", not to "${action}".`, {
        hint: `Leave it out, or choose action "${owner}".`,
      });
};

const needed = (value: string | undefined, action: string, key: string): string => {
  if (value !== undefined) return value;
  throw new LedgerError("invalid_input", `Action "${action}" needs "${key}".`, {
    hint: "The tool's input schema describes it.",
  });
};
