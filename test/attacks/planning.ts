import { onePlan, orchestrator, SESSION } from "../helpers/project.js";
import type { Calling } from "./attack.js";

/** A planner's answer that tries to be more than a plan: it must be refused whole. */
export const planning = (
  row: string,
  name: string,
  step: Readonly<Record<string, unknown>>,
  rest: Readonly<Record<string, unknown>> = {},
): Calling => asText(row, name, JSON.stringify(onePlan(step, rest)));

/** The same for text that is no object one could write down here. */
export const asText = (row: string, name: string, plan: string): Calling => ({
  row,
  name,
  breaks: "roles",
  refused: ["validation_failed"],
  call: ({ app, as }) =>
    as(orchestrator(app))("run_create", {
      plan_json: plan,
      session_key: SESSION,
      original_request: "fix it",
    }),
});
