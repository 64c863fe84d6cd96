import * as z from "zod";
import { Actor } from "../../src/core/events.js";
import { FirstIntent, IntentContent, intentStatuses, ReportOutcome } from "../../src/core/intents.js";

const text = z.string();
const time = z.iso.datetime();
const status = z.enum(intentStatuses);

const Vote = z.strictObject({
  by: Actor,
  at: time,
  decision: z.enum(["approve", "deny"]),
  contentHash: text,
  reason: text,
  onBehalfOf: text.nullable(),
  mandate: text.nullable(),
});

const Policy = z.strictObject({
  id: text,
  digest: text.nullable(),
  reason: text,
  detail: text,
  environment: text.nullable(),
  risk: text.nullable(),
});

const Order = z.strictObject({
  executionId: text,
  attempt: z.int().min(1),
  by: Actor,
  sessionKey: text,
  tokenHash: text,
  at: time,
  expiresAt: time,
});

const Report = z.strictObject({
  seq: z.int().min(1),
  at: time,
  by: Actor,
  outcome: ReportOutcome,
  result: text.nullable().describe("JSON"),
  error: text,
});

/** A governed effect of a run, as `run.intents` tells it. */
export const Intent = z.strictObject({
  intentId: text,
  seq: z.int().min(1),
  by: Actor,
  sessionKey: text,
  at: time,
  ledgerId: text,
  content: IntentContent,
  contentHash: text,
  policy: Policy.nullable(),
  approvalsNeeded: z.int().min(0),
  votes: z.array(Vote),
  expiresAt: time.nullable(),
  onNoResponse: text.nullable(),
  windowMs: z.int().min(0),
  remindAfterMs: z.int().min(0).nullable(),
  reminded: z.boolean(),
  escalated: z.boolean(),
  order: Order.nullable(),
  report: Report.nullable(),
  first: FirstIntent.extend({ status: status.nullable(), result: text.nullable() })
    .nullable()
    .describe("the one that had its key first"),
  askedSeq: z.int().min(1).nullable(),
  endReason: text,
  status,
});
