import * as z from "zod";
import * as limit from "../../src/core/limits.js";
import { someText } from "../../src/core/shapes.js";
import { closed } from "../../src/core/wire.js";
import { defineTool, idempotencyKey, keyed } from "../tool.js";
import { standing } from "../views.js";

export const runResume = defineTool({
  name: "run_resume",
  title: "Resume a paused run",
  role: "orchestrator",
  readOnly: false,
  description:
    "Resume a paused run of this session. Refused when it has been paused for longer than staleTtl.",
  input: closed({
    run_id: someText,
    reason: z.string().trim().max(limit.REASON_CHARS).optional(),
    idempotency_key: idempotencyKey,
  }),
  output: z.object({ run_id: z.string(), status: z.string(), run_status: z.string(), next: z.string() }),
  handle: async ({ run_id, reason = "", idempotency_key }, caller, { ledger }) => {
    const command = { type: "resume_run", reason, overrideStale: false } as const;
    const { run } = await ledger.submit(run_id, command, caller, keyed(idempotency_key));
    return { run_id, status: "resumed", ...(await standing(run, ledger)) };
  },
});
