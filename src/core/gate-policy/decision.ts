import * as z from "zod";
import { naturalInt, positiveInt } from "../shapes.js";

/** Why, in one word that programs can branch on. */
export const GateReason = z.enum([
  // blocked
  "policy_not_found",
  "policy_invalid",
  "intent_invalid",
  "destination_not_allowed",
  "type_not_allowed",
  "profile_required",
  "rate_limit_exceeded",
  "field_check_failed",
  "recipient_not_allowed",
  "blocked_term_detected",
  "sensitive_data_detected",
  "payload_unreadable",
  // pending
  "approval_always_required",
  "scope_requires_approval",
  "record_threshold_exceeded",
  "value_threshold_exceeded",
  "manual_review_required",
  // approved
  "approved_by_policy",
]);
export type GateReason = z.infer<typeof GateReason>;

const GateOutcome = z.enum(["approved", "pending", "blocked"]);

/** What becomes of an intent that nobody answers before it expires. */
export const OnNoResponse = z.enum(["reject", "defer", "auto_approve_if_low_risk", "escalate"]);
export type OnNoResponse = z.infer<typeof OnNoResponse>;

export const RiskLevel = z.enum(["low", "medium", "high", "critical"]);
export type RiskLevel = z.infer<typeof RiskLevel>;

/** As the journal keeps it. */
export const PolicyDecision = z.strictObject({
  outcome: GateOutcome,
  reason: GateReason,
  /** One sentence for people and models; it names rules and places, never what a payload says. */
  detail: z.string(),
  /** People who must say yes; 0 unless pending. */
  approvalsNeeded: naturalInt,
  /** How long a pending intent waits. */
  expiresAfterMs: positiveInt,
  /** `auto_approve_if_low_risk` stands here only where silence does approve: the risk is low, and no rule named the intent. */
  onNoResponse: OnNoResponse,
  /** Whoever may approve is reminded after so long; null: never. */
  remindAfterMs: positiveInt.nullable(),
  risk: RiskLevel,
});
export type PolicyDecision = Readonly<z.infer<typeof PolicyDecision>>;
