import * as z from "zod";
import * as limit from "../../src/core/limits.js";
import { someText } from "../../src/core/shapes.js";
import { closed } from "../../src/core/wire.js";
import { defineTool, idempotencyKey, keyed } from "../tool.js";
import { standing } from "../views.js";

export const runPause = defineTool({
  name: "run_pause",
  title: "Pause a run",
  role: "orchestrator",
  readOnly: false,
  description:
    "Pause a run: nothing new starts until run_resume; what an agent is doing may still be proposed.",
  input: closed({
    run_id: someText,
    reason: z.string().trim().min(1).max(limit.REASON_CHARS).optional(),
    idempotency_key: idempotencyKey,
  }),
  output: z.object({ run_id: z.string(), run_status: z.string(), next: z.string() }),
  handle: async (input, caller, { ledger }) => {
    const { run_id, reason = "paused by the orchestrator", idempotency_key } = input;
    const { run } = await ledger.submit(
      run_id,
      { type: "pause_run", reason },
      caller,
      keyed(idempotency_key),
    );
    return { run_id, ...(await standing(run, ledger)) };
  },
});
