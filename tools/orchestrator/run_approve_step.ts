import * as z from "zod";
import * as limit from "../../src/core/limits.js";
import { findStep } from "../../src/core/run.js";
import { someText } from "../../src/core/shapes.js";
import { closed } from "../../src/core/wire.js";
import { settled } from "../settled.js";
import { defineTool, idempotencyKey, keyed } from "../tool.js";
import { standing } from "../views.js";

export const runApproveStep = defineTool({
  name: "run_approve_step",
  title: "Approve or reject a step",
  role: "orchestrator",
  readOnly: false,
  description:
    "Approve (or with reject: true, reject) a step whose validator is orchestrator_approval and which waits for it.",
  input: closed({
    run_id: someText,
    step_id: someText,
    reason: z.string().trim().max(limit.REASON_CHARS).optional(),
    reject: z.boolean().optional().describe("true: it is not good enough."),
    proposal_seq: z
      .int()
      .optional()
      .describe("Of the proposal that you looked at, as run_read gave it; another one is then refused."),
    idempotency_key: idempotencyKey,
  }),
  output: z.object({
    run_id: z.string(),
    step_id: z.string(),
    status: z.enum(["approved", "rejected"]),
    step_status: z.string(),
    run_status: z.string(),
    next: z.string(),
  }),
  handle: async (input, caller, host) => {
    const { ledger } = host;
    const { run_id: runId, step_id: stepId, reject = false, idempotency_key, proposal_seq } = input;
    const reason = input.reason || (reject ? "rejected" : "approved");
    const type = reject ? "reject_step" : "approve_step";
    await ledger.submit(
      runId,
      { type, stepId, reason, ...(proposal_seq === undefined ? {} : { proposalSeq: proposal_seq }) },
      caller,
      keyed(idempotency_key),
    );
    const run = await settled(host, runId);
    return {
      run_id: runId,
      step_id: stepId,
      status: reject ? ("rejected" as const) : ("approved" as const),
      step_status: findStep(run, stepId)?.state.status ?? "unknown",
      ...(await standing(run, ledger)),
    };
  },
});
