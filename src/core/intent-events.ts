import * as z from "zod";
import { event } from "./event-shape.js";
import { FirstIntent, IntentContent, intentStatuses, ReportOutcome } from "./intents.js";
import { naturalInt, positiveInt } from "./shapes.js";

const intentId = z.string();
const contentHash = z.string();
const policy = z.strictObject({
  id: z.string(),
  /** Of the policy as it was then; null where there was none of that name. */
  digest: z.string().nullable(),
  reason: z.string(),
  detail: z.string(),
  /** As the ledger's settings say, never the proposer. */
  environment: z.string().nullable(),
  /** In one word; null where the policy does not weigh it. */
  risk: z.string().nullable(),
});

const vote = z.strictObject({
  intentId,
  contentHash,
  reason: z.string(),
  /** The person it is given for; null: for its actor. */
  onBehalfOf: z.string().nullable(),
  /** The delegation or standing approval by which it is. */
  mandate: z.string().nullable().optional(),
});

/** What somebody asked leave for, who gave it, and what became of it (seed 000). */
export const intentEvents = [
  event("intent_proposed", z.strictObject({ intentId, ledgerId: z.string(), content: IntentContent })),
  /** It may happen: at once, or when enough people have approved. */
  event(
    "policy_checked",
    z.strictObject({
      intentId,
      contentHash,
      policy,
      outcome: z.enum(["approved", "pending"]),
      approvalsNeeded: naturalInt,
      expiresAt: z.string(),
      onNoResponse: z.string(),
      remindAfterMs: naturalInt.nullable(),
    }),
  ),
  /** It may not happen, whoever approves. */
  event("intent_blocked", z.strictObject({ intentId, contentHash, policy })),
  event("approval_requested", z.strictObject({ intentId, contentHash, approvalsNeeded: positiveInt })),
  /** One vote; its actor's, for exactly that content, or that of whom it was given for. */
  event("intent_approved", vote),
  event("intent_denied", vote),
  /** Nobody has answered yet, and whoever may is reminded; once. */
  event("approval_reminded", z.strictObject({ intentId })),
  /** Nobody answered in time, so it waits on: as the policy says, with or without somebody else being asked. */
  event(
    "approval_extended",
    z.strictObject({ intentId, how: z.enum(["deferred", "escalated"]), expiresAt: z.string() }),
  ),
  /** Nobody answered in time, and the policy takes that for a yes. */
  event("intent_unopposed", z.strictObject({ intentId, contentHash, expiresAt: z.string() })),
  event("intent_expired", z.strictObject({ intentId })),
  event("intent_cancelled", z.strictObject({ intentId, reason: z.string() })),
  /** Whoever has the token of that hash may do it, once, and is to say what became of it. */
  event(
    "execution_ordered",
    z.strictObject({
      intentId,
      executionId: z.string(),
      attempt: positiveInt,
      tokenHash: z.string().length(64),
      expiresAt: z.string(),
    }),
  ),
  event(
    "intent_reported",
    z.strictObject({
      intentId,
      outcome: ReportOutcome,
      /** As JSON; null where there is none. */
      result: z.string().nullable(),
      error: z.string(),
    }),
  ),
  /** Another one has its key, so this one never happens; what came of that one, as far as it was known. */
  event(
    "intent_skipped",
    z.strictObject({
      intentId,
      contentHash,
      first: FirstIntent,
      status: z.enum(intentStatuses).nullable(),
      result: z.string().nullable(),
    }),
  ),
] as const;
