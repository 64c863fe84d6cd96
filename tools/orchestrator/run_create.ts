import * as z from "zod";
import * as limit from "../../src/core/limits.js";
import { someText } from "../../src/core/shapes.js";
import { closed } from "../../src/core/wire.js";
import { createRun } from "../create-run.js";
import { defineTool, idempotencyKey, keyed } from "../tool.js";
import { standing } from "../views.js";

export const runCreate = defineTool({
  name: "run_create",
  title: "Create a run",
  role: "orchestrator",
  readOnly: false,
  description:
    "Create a run from a planner's JSON plan. All defects of the plan come back at once; mend them and call again.",
  input: closed({
    plan_json: someText.max(limit.PLAN_TEXT_CHARS).describe("The plan as JSON text."),
    session_key: z
      .string()
      .min(1)
      .max(limit.SESSION_KEY_CHARS)
      .optional()
      .describe("Leave it out: the session is the caller's own. One that is given must equal it."),
    original_request: z
      .string()
      .trim()
      .min(1)
      .max(limit.REQUEST_CHARS)
      .describe("What was asked for, as it was said."),
    valid_agents: z
      .array(z.string())
      .optional()
      .describe("Names that the plan may give as owner_agent; left out, the agents that are there."),
    idempotency_key: idempotencyKey,
  }),
  output: z.object({
    run_id: z.string(),
    status: z.string(),
    goal: z.string(),
    step_count: z.int(),
    run_status: z.string(),
    next: z.string(),
  }),
  handle: async (input, caller, host) => {
    const run = await createRun(host, caller, {
      plan: input.plan_json,
      originalRequest: input.original_request,
      ...(input.session_key === undefined ? {} : { sessionKey: input.session_key }),
      ...(input.valid_agents === undefined ? {} : { agents: input.valid_agents }),
      ...keyed(input.idempotency_key),
    });
    return {
      run_id: run.runId,
      status: "created",
      goal: run.goal,
      step_count: run.steps.length,
      ...(await standing(run, host.ledger)),
    };
  },
});
