import type { GateReason, PolicyDecision } from "./decision.js";
import type { GateFacts, IntentFacts } from "./facts.js";
import { fieldProblem, jsonOf } from "./fields.js";
import { PersonalData, personalDataIn } from "./personal-data.js";
import { profileProblem } from "./profiles.js";
import { recipientProblem } from "./recipients.js";
import { riskOf } from "./risk.js";
import { EXPIRY_MINUTES, type GatePolicy, policyIn } from "./schema.js";
import { termFound } from "./terms.js";
import { viewsOf } from "./views.js";

/**
 * What becomes of an intent. The rules are asked in the order of docs/policies.md and the first that has something to say decides; all
 * that block stand before all that ask for a person, and these before those that approve, so a stronger rule is never passed by.
 */
export const decideIntent = (
  policy: GatePolicy | undefined,
  intent: IntentFacts,
  facts: GateFacts,
): PolicyDecision => {
  const unfit = unfitNumber(intent);
  if (unfit !== undefined) return decision({}, intent, ["intent_invalid", unfit]);
  if (policy === undefined) return refusedPolicy("policy_not_found", "There is no such policy.");
  const rules = policyIn(policy, intent.environment);
  for (const rule of RULES) {
    const found = rule(rules, intent, facts);
    if (found !== undefined) return decision(rules, intent, found);
  }
  return decision(rules, intent, ["manual_review_required", "No rule approves it, so a person decides."]);
};

/** Where there is no policy to ask: an intent that names one of them is blocked, whatever it is. */
export const refusedPolicy = (
  reason: "policy_not_found" | "policy_invalid",
  detail: string,
): PolicyDecision => ({ ...BLOCKED, reason, detail });

const BLOCKED = {
  outcome: "blocked",
  approvalsNeeded: 0,
  expiresAfterMs: EXPIRY_MINUTES * 60_000,
  onNoResponse: "reject",
  remindAfterMs: null,
  risk: "critical",
} as const;

type Found = readonly [reason: GateReason, detail: string];
type Rule = (policy: GatePolicy, intent: IntentFacts, facts: GateFacts) => Found | undefined;

const unfitNumber = ({ recordCount, valueUsd }: IntentFacts): string | undefined => {
  if (recordCount !== null && !(Number.isSafeInteger(recordCount) && recordCount >= 0))
    return "The count of records is no whole number from 0 up.";
  if (valueUsd !== null && !(Number.isFinite(valueUsd) && valueUsd >= 0))
    return "The value is no number from 0 up.";
  return undefined;
};

const destination: Rule = ({ destinations }, intent) =>
  destinations === undefined || destinations.includes(intent.destination)
    ? undefined
    : ["destination_not_allowed", "The policy does not list this destination."];

const payloadType: Rule = ({ allowed_types: allowed }, { payload }) =>
  allowed === undefined || allowed.map(typeName).includes(typeName(payload.type))
    ? undefined
    : ["type_not_allowed", "The policy does not list this type of payload."];

const typeName = (type: string): string => type.replace(/^\./, "").toLowerCase();

const profile: Rule = ({ require_profile: required }, { metadata }) => {
  const problem = required === undefined ? undefined : profileProblem(required, metadata);
  return problem === undefined
    ? undefined
    : ["profile_required", `The policy asks for a profile: ${problem}.`];
};

const rateLimits: Rule = ({ rate_limits: limits = {} }, _, facts) => {
  const windows = [
    ["hour", limits.per_agent_per_hour, facts.proposalsLastHour],
    ["day", limits.per_agent_per_day, facts.proposalsLastDay],
  ] as const;
  // What cannot be counted is not below any limit.
  const full = windows.find(([, limit, count]) => limit !== undefined && !(count >= 0 && count < limit));
  return full === undefined
    ? undefined
    : ["rate_limit_exceeded", `The agent may propose ${full[1]} intents in one ${full[0]}.`];
};

const fieldChecks: Rule = ({ field_checks: checks = [] }, { payload }) => {
  if (checks.length === 0) return undefined;
  const json = payload.text === null ? undefined : jsonOf(payload.text);
  if (json === undefined)
    return [
      "payload_unreadable",
      "The payload is not JSON that is read in one way only, so its fields cannot be checked.",
    ];
  for (const check of checks) {
    const problem = fieldProblem(check, json.value);
    if (problem !== undefined) return ["field_check_failed", `The field ${check.path}: ${problem}.`];
  }
  return undefined;
};

const recipients: Rule = ({ allowed_recipients: allowed }, { payload }) => {
  if (allowed === undefined) return undefined;
  const json = payload.text === null ? undefined : jsonOf(payload.text);
  if (json === undefined)
    return ["payload_unreadable", "The payload is not JSON, so its recipients cannot be read."];
  const problem = recipientProblem(allowed, json.value);
  if (problem === undefined) return undefined;
  return problem === "not allowed"
    ? ["recipient_not_allowed", "The payload names a recipient that the policy does not list."]
    : ["recipient_not_allowed", `The payload names its recipients in no readable way (${problem}).`];
};

const terms: Rule = ({ block_if_terms: blocked = [] }, { payload }) => {
  if (blocked.length === 0) return undefined;
  const views = payload.text === null ? null : viewsOf(payload.text);
  if (views === null) return ["payload_unreadable", UNREAD];
  const found = termFound(blocked, views);
  return found === undefined
    ? undefined
    : ["blocked_term_detected", `The payload holds the term "${found}".`];
};

const personalData: Rule = ({ block_if_pii: blocked = false }, { payload }) => {
  const kinds = typeof blocked === "boolean" ? (blocked ? PersonalData.options : []) : blocked;
  if (kinds.length === 0) return undefined;
  const views = payload.text === null ? null : viewsOf(payload.text);
  if (views === null) return ["payload_unreadable", UNREAD];
  const found = personalDataIn(kinds, views);
  return found === undefined
    ? undefined
    : ["sensitive_data_detected", `The payload holds personal data of the kind "${found}".`];
};

const UNREAD = "The payload cannot be read whole as text, so its content cannot be checked.";

const always: Rule = ({ require_approval: required }) =>
  required === "always"
    ? ["approval_always_required", "The policy has a person decide on everything."]
    : undefined;

const named: Rule = ({ require_approval_for: named = [] }, { scope, tags, action }) => {
  const said = new Set([scope ?? "", action ?? "", ...tags].map(word));
  const found = (typeof named === "string" ? [named] : named).find((one) => said.has(word(one)));
  return found === undefined
    ? undefined
    : ["scope_requires_approval", `The policy has a person decide on "${found}".`];
};

/** `Org-Wide`, `org wide` and `org_wide` are one word. */
const word = (text: string): string =>
  text
    .normalize("NFKC")
    .trim()
    .toLowerCase()
    .replace(/[\s-]+/g, "_");

const over: Rule = (policy, { recordCount, valueUsd }) => {
  const { require_approval_over: records, require_approval_over_usd: usd } = policy;
  if (records !== undefined && !within(recordCount, records))
    return [
      "record_threshold_exceeded",
      countDetail(recordCount, `records; a person decides on more than ${records}`),
    ];
  if (usd !== undefined && !within(valueUsd, usd))
    return [
      "value_threshold_exceeded",
      countDetail(valueUsd, `US dollars; a person decides on more than ${usd}`),
    ];
  return undefined;
};

/** What is not told is within no limit. */
const within = (value: number | null, limit: number): boolean => value !== null && value <= limit;

const countDetail = (value: number | null, rest: string): string =>
  `${value === null ? "It does not say how many" : `It is of ${value}`} ${rest}.`;

const auto: Rule = (policy, { recordCount, valueUsd }) => {
  const { auto_approve_under: records, auto_approve_under_usd: usd } = policy;
  const lines = [
    ...(records === undefined ? [] : [{ holds: within(recordCount, records), line: `${records} records` }]),
    ...(usd === undefined ? [] : [{ holds: within(valueUsd, usd), line: `${usd} US dollars` }]),
  ];
  if (lines.length === 0)
    return policy.require_approval === "never"
      ? ["approved_by_policy", "The policy asks for nobody's approval."]
      : undefined;
  return lines.every(({ holds }) => holds)
    ? ["approved_by_policy", `It is not above ${lines.map(({ line }) => line).join(" and ")}.`]
    : undefined;
};

/** In the documented order. */
const RULES: readonly Rule[] = [
  destination,
  payloadType,
  profile,
  rateLimits,
  fieldChecks,
  recipients,
  terms,
  personalData,
  always,
  named,
  over,
  auto,
];

const APPROVED: ReadonlySet<GateReason> = new Set(["approved_by_policy"]);
const PENDING: ReadonlySet<GateReason> = new Set([
  "approval_always_required",
  "scope_requires_approval",
  "record_threshold_exceeded",
  "value_threshold_exceeded",
  "manual_review_required",
]);
/** Of the others a rule has named this very intent as one that a person must see. */
const SILENCE_MAY_APPROVE: ReadonlySet<GateReason> = new Set([
  "approval_always_required",
  "manual_review_required",
]);

const decision = (policy: GatePolicy, intent: IntentFacts, [reason, detail]: Found): PolicyDecision => {
  const {
    expiry_minutes: expiry = EXPIRY_MINUTES,
    remind_after_minutes: remind,
    on_no_response: silence = "reject",
  } = policy;
  const pending = PENDING.has(reason);
  const risk = riskOf(intent);
  const approvesNothing = !(SILENCE_MAY_APPROVE.has(reason) && risk === "low");
  return {
    outcome: pending ? "pending" : APPROVED.has(reason) ? "approved" : "blocked",
    reason,
    detail,
    approvalsNeeded: pending ? (policy.require_approvals ?? 1) : 0,
    expiresAfterMs: expiry * MINUTE_MS,
    onNoResponse: silence === "auto_approve_if_low_risk" && approvesNothing ? "reject" : silence,
    remindAfterMs: remind === undefined ? null : remind * MINUTE_MS,
    risk,
  };
};

const MINUTE_MS = 60_000;
