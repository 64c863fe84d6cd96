import { expect, it } from "vitest";
import { decideIntent } from "../../src/core/gate-policy/decide.js";
import { readGatePolicy } from "../../src/core/gate-policy/schema.js";
import { SWEEP_MS, sweepSeed, sweepSize } from "../helpers/sweep.js";
import { chance, intentOf, policyOf } from "./policies/random.js";
import { type Asked, expectedOf, type Json } from "./policies/reference.js";

const CASES = sweepSize(100_000, 1_000);

const answered = (file: Json, asked: Asked): string => {
  const read = readGatePolicy(file);
  if (!("policy" in read)) return "refused";
  const { text, type, records, usd, hour, day, ...rest } = asked;
  const facts = {
    ...rest,
    agentId: "agent",
    payload: { type, text, digest: "", bytes: 0 },
    recordCount: records,
    valueUsd: usd,
  };
  const decided = decideIntent(read.policy, facts, { proposalsLastHour: hour, proposalsLastDay: day });
  const { outcome, reason, approvalsNeeded, expiresAfterMs, onNoResponse, risk } = decided;
  return `${outcome} ${reason} ${approvalsNeeded} ${expiresAfterMs / 60_000} ${onNoResponse} ${risk}`;
};

/** The only one that a random policy can have: two people, and silence in their place. */
const contradicts = (file: Json): boolean =>
  [file, ...Object.values<Json>(file.environments ?? {}).map((own) => ({ ...file, ...own }))].some(
    (rules) => rules.require_approvals > 1 && rules.on_no_response === "auto_approve_if_low_risk",
  );

it(
  `${CASES} random intents under random policies are decided as the documentation says, by somebody else's reading of it`,
  () => {
    const told = new Map<string, number>();
    for (let index = 0; index < CASES; index += 1) {
      const of = chance(sweepSeed + index);
      const [file, asked] = [policyOf(of), intentOf(of)];
      const expected = contradicts(file) ? "refused" : expectedOf(file, asked);
      const got = answered(file, asked);
      if (got !== expected)
        expect({ seed: sweepSeed + index, file, asked, got }).toEqual({
          seed: sweepSeed + index,
          file,
          asked,
          got: expected,
        });
      const reason = got.split(" ").slice(0, 2).join(" ");
      told.set(reason, (told.get(reason) ?? 0) + 1);
    }
    // Each answer that there is was given, or the sweep would not have asked for it.
    expect([...told.keys()].sort()).toEqual([
      "approved approved_by_policy",
      "blocked blocked_term_detected",
      "blocked destination_not_allowed",
      "blocked field_check_failed",
      "blocked intent_invalid",
      "blocked payload_unreadable",
      "blocked profile_required",
      "blocked rate_limit_exceeded",
      "blocked recipient_not_allowed",
      "blocked sensitive_data_detected",
      "blocked type_not_allowed",
      "pending approval_always_required",
      "pending manual_review_required",
      "pending record_threshold_exceeded",
      "pending scope_requires_approval",
      "pending value_threshold_exceeded",
      "refused",
    ]);
  },
  SWEEP_MS,
);
