import * as z from "zod";
import { requireSession } from "../../src/core/decide/guards.js";
import { awaitsApproval, hasPolicyRequest, isReady } from "../../src/core/run.js";
import { whyRun } from "../../src/core/why.js";
import { defineTool } from "../tool.js";
import { standing, stepView } from "../views.js";

const Steps = z.array(z.looseObject({ step_id: z.string(), status: z.string() }));

export const runActive = defineTool({
  name: "run_active",
  title: "Active and ready steps",
  role: "shared",
  readOnly: true,
  description:
    "Every step that is being worked on, is being verified, could start now, or waits for an answer.",
  input: z.strictObject({ run_id: z.string().min(1) }),
  output: z.object({
    run_id: z.string(),
    active: Steps,
    ready: Steps,
    waiting: Steps,
    blocker: z.string().nullable(),
    run_status: z.string(),
    next: z.string(),
  }),
  handle: async ({ run_id }, caller, { ledger }) => {
    const run = await ledger.load(run_id);
    requireSession(run, caller);
    const view = (steps: typeof run.steps) => steps.map((step) => stepView(run, step, caller, ledger));
    const waiting = whyRun(run, true);
    const asks = run.steps.filter((step) => awaitsApproval(step) || hasPolicyRequest(step));
    return {
      run_id,
      active: view(
        run.steps.filter(
          (step) =>
            !asks.includes(step) &&
            (step.state.status === "in_progress" || step.state.status === "verify_pending"),
        ),
      ),
      ready: view(run.state.status === "running" ? run.steps.filter((step) => isReady(run, step)) : []),
      waiting: view(asks),
      blocker: waiting.for === "person" ? waiting.sentence : null,
      ...standing(run),
    };
  },
});
