import { sha256 } from "../../src/core/canonical.js";
import type { CommandOf } from "../../src/core/commands.js";
import type { GateContext, GateRules, PolicyAnswer } from "../../src/core/gate-context.js";
import { type Intent, type IntentContent, orderTokenHash } from "../../src/core/intents.js";
import type { Run } from "../../src/core/run.js";
import type { Said } from "./cast.js";

/** Intents as rule tests speak of them: policies by what they answer, and what is said of the newest intent of a run. */

export const LEDGER_ID = "0".repeat(32);
const HOUR_MS = 3_600_000;

const answer = (over: Partial<PolicyAnswer>): PolicyAnswer => ({
  outcome: "pending",
  reason: "manual_review_required",
  detail: "A person decides.",
  approvalsNeeded: 1,
  expiresAfterMs: HOUR_MS,
  onNoResponse: "reject",
  remindAfterMs: null,
  risk: "low",
  digest: "d".repeat(64),
  ...over,
});

const approved = {
  outcome: "approved",
  reason: "approved_by_policy",
  detail: "It is small.",
  approvalsNeeded: 0,
  expiresAfterMs: 24 * HOUR_MS,
} as const;
const blocked = {
  outcome: "blocked",
  reason: "policy_not_found",
  detail: "There is no such policy.",
  digest: null,
} as const;

/** `free` lets through, `free-twice` two in an hour, `ask` asks one person for an hour, `ask-for-long` for a day, `ask-2` two; `ask-again` reminds after an hour, `ask-on` waits on, `ask-or-do` takes silence for a yes; every other one is not there. */
export const gateRules: GateRules = {
  environment: "test",
  ask: (policy, _intent, { proposalsLastHour }) => {
    if (policy === "free") return answer(approved);
    if (policy === "free-twice")
      return answer(proposalsLastHour < 2 ? approved : { ...blocked, reason: "rate_limit_exceeded" });
    if (policy === "ask") return answer({});
    if (policy === "ask-for-long") return answer({ expiresAfterMs: 24 * HOUR_MS });
    if (policy === "ask-2") return answer({ approvalsNeeded: 2 });
    if (policy === "ask-again") return answer({ expiresAfterMs: 24 * HOUR_MS, remindAfterMs: HOUR_MS });
    if (policy === "ask-on") return answer({ onNoResponse: "defer" });
    if (policy === "ask-or-do") return answer({ onNoResponse: "auto_approve_if_low_risk" });
    return answer(blocked);
  },
};

export const gateContext: GateContext = {
  ledgerId: LEDGER_ID,
  facts: { proposalsLastHour: 0, proposalsLastDay: 0 },
  mandates: [],
  held: null,
};

export const PAYLOAD = "name,mail\nAda,ada@example.org\n";

export const contentOf = (over: Partial<IntentContent> = {}): IntentContent => ({
  destination: "salesforce.import",
  idempotencyKey: "batch-1",
  payload: { type: "csv", digest: sha256(PAYLOAD), bytes: Buffer.byteLength(PAYLOAD) },
  policy: "ask",
  action: null,
  scope: null,
  tags: [],
  recordCount: 1,
  valueUsd: null,
  metadata: {},
  onBehalfOf: null,
  idempotent: false,
  expiresInMs: null,
  ...over,
});

export const proposeIntent = (over: Partial<IntentContent> = {}): CommandOf<"propose_intent"> => ({
  type: "propose_intent",
  content: contentOf(over),
  text: PAYLOAD,
});

/** The newest of a run; of a run without one an intent that is not there. */
export const newest = (run: Run): Intent | undefined => run.intents.at(-1);
const idIn = (run: Run): string => newest(run)?.intentId ?? `${run.runId}.1`;

export const applyStanding: Said = (run) => ({
  type: "apply_standing",
  intentId: idIn(run),
  contentHash: newest(run)?.contentHash ?? "0".repeat(64),
  mandateId: "sta_1",
});

export const vote =
  (decision: "approve" | "deny", over: Partial<CommandOf<"vote_intent">> = {}): Said =>
  (run) => ({
    type: "vote_intent",
    intentId: idIn(run),
    decision,
    contentHash: newest(run)?.contentHash ?? "0".repeat(64),
    reason: "",
    onBehalfOf: null,
    ...over,
  });

export const cancelIntent: Said = (run) => ({
  type: "cancel_intent",
  intentId: idIn(run),
  reason: "not needed",
});
export const expireIntents: Said = { type: "expire_intents" };

export const TOKEN = "open sesame";
export const hashOf = orderTokenHash;

/** Fetched under the token of these tests, the next time. */
export const orderIntent =
  (token = TOKEN): Said =>
  (run) => {
    const intentId = idIn(run);
    const attempt = (newest(run)?.order?.attempt ?? 0) + 1;
    return {
      type: "order_intent",
      intentId,
      attempt,
      tokenHash: orderTokenHash(token, { intentId, attempt }),
    };
  };

export const reportIntent =
  (over: Partial<CommandOf<"report_intent">> = {}): Said =>
  (run) => ({
    type: "report_intent",
    intentId: idIn(run),
    token: TOKEN,
    outcome: "succeeded",
    result: '{"imported":1}',
    error: "",
    ...over,
  });
