import * as z from "zod";
import { requireSession } from "../../src/core/decide/guards.js";
import {
  awaitsApproval,
  completedIds,
  hasPolicyRequest,
  isActive,
  isReady,
  type Step,
} from "../../src/core/run.js";
import { someText } from "../../src/core/shapes.js";
import { closed } from "../../src/core/wire.js";
import { defineTool } from "../tool.js";
import { STEPS_IN_ANSWERS, stepViews, waitingOf } from "../views.js";

const Steps = z.array(z.looseObject({ step_id: z.string(), status: z.string() }));

export const runActive = defineTool({
  name: "run_active",
  title: "Active and ready steps",
  role: "shared",
  readOnly: true,
  description:
    "Every step that is being worked on, is being verified, could start now, or waits for an answer.",
  input: closed({ run_id: someText }),
  output: z.object({
    run_id: z.string(),
    active: Steps,
    ready: Steps,
    waiting: Steps,
    /** How many there are of each; the lists show the first of them. */
    totals: z.object({ active: z.int(), ready: z.int(), waiting: z.int() }),
    blocker: z.string().nullable(),
    run_status: z.string(),
    next: z.string(),
  }),
  handle: async ({ run_id }, caller, { ledger }) => {
    const run = await ledger.load(run_id);
    requireSession(run, caller);
    const completed = completedIds(run);
    const asks = run.steps.filter((step) => awaitsApproval(step) || hasPolicyRequest(step));
    const active = run.steps.filter((step) => !asks.includes(step) && isUnderWay(step));
    const ready = isActive(run) ? run.steps.filter((step) => isReady(step, completed)) : [];
    const view = (steps: readonly Step[]) => stepViews(run, steps.slice(0, STEPS_IN_ANSWERS), caller, ledger);
    const waiting = await waitingOf(run, ledger);
    return {
      run_id,
      active: view(active),
      ready: view(ready),
      waiting: view(asks),
      totals: { active: active.length, ready: ready.length, waiting: asks.length },
      blocker: waiting.for === "person" ? waiting.sentence : null,
      run_status: run.state.status,
      next: waiting.sentence,
    };
  },
});

const isUnderWay = ({ state }: Step): boolean =>
  state.status === "in_progress" || state.status === "racing" || state.status === "verify_pending";
