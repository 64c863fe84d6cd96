import type { EventBody, JournalEvent } from "./events.js";
import type { intentEvents } from "./intent-events.js";
import { contentHashOf, type Intent, type Vote } from "./intents.js";
import type { Run } from "./run.js";

export type IntentEvent = Extract<
  EventBody,
  { type: (typeof intentEvents)[number]["shape"]["type"]["value"] }
>;
type Of<T extends IntentEvent["type"]> = JournalEvent & Extract<IntentEvent, { type: T }>;

/** Whoever has asked for leave: a run, or what is counted of one. */
type Asked = Pick<Run, "runId" | "intents">;

/** The intents of a run after one more of their events. */
export const withIntent = <R extends Asked>(run: R, event: JournalEvent & IntentEvent): R => {
  if (event.type === "intent_proposed") return { ...run, intents: [...run.intents, proposed(run, event)] };
  const { intentId } = event.payload;
  const index = run.intents.findIndex((one) => one.intentId === intentId);
  const intent = run.intents[index];
  if (intent === undefined) return run;
  const askedSeq = ASKING.has(event.type) ? event.seq : intent.askedSeq;
  return { ...run, intents: run.intents.with(index, { ...after(intent, event), askedSeq }) };
};

const ASKING: ReadonlySet<IntentEvent["type"]> = new Set([
  "approval_requested",
  "approval_reminded",
  "approval_extended",
  "intent_expired",
  "intent_reported",
]);

const proposed = (
  { runId }: Asked,
  { seq, at, actor, sessionKey, payload }: Of<"intent_proposed">,
): Intent => ({
  ...payload,
  seq,
  at,
  by: actor,
  sessionKey,
  contentHash: contentHashOf(runId, payload.content, { digest: null, environment: null }),
  policy: null,
  approvalsNeeded: 0,
  votes: [],
  expiresAt: null,
  onNoResponse: null,
  windowMs: 0,
  remindAfterMs: null,
  reminded: false,
  escalated: false,
  order: null,
  report: null,
  first: null,
  askedSeq: null,
  endReason: "",
  status: "blocked",
});

const after = (
  intent: Intent,
  event: JournalEvent & Exclude<IntentEvent, { type: "intent_proposed" }>,
): Intent => {
  switch (event.type) {
    case "policy_checked": {
      const { intentId: _, outcome, ...said } = event.payload;
      const windowMs = Math.max(0, Date.parse(said.expiresAt) - Date.parse(intent.at));
      return {
        ...intent,
        ...said,
        windowMs,
        status: outcome === "approved" ? "approved" : "pending_approval",
      };
    }
    case "intent_blocked": {
      const { contentHash, policy } = event.payload;
      return { ...intent, contentHash, policy, endReason: policy.detail };
    }
    case "approval_requested":
      return intent;
    case "intent_approved":
      return voted(intent, voteOf(event, "approve"));
    case "intent_denied": {
      const vote = voteOf(event, "deny");
      return { ...voted(intent, vote), endReason: vote.reason, status: "denied" };
    }
    case "approval_reminded":
      return { ...intent, reminded: true };
    case "approval_extended": {
      const { how, expiresAt } = event.payload;
      return { ...intent, expiresAt, escalated: intent.escalated || how === "escalated" };
    }
    case "intent_unopposed":
      return { ...intent, expiresAt: event.payload.expiresAt, status: "approved" };
    case "intent_expired":
      return { ...intent, endReason: "Nobody answered in time.", status: "expired" };
    case "intent_cancelled":
      return { ...intent, endReason: event.payload.reason, status: "cancelled" };
    case "execution_ordered":
      return ordered(intent, event);
    case "intent_reported":
      return reported(intent, event);
    case "intent_skipped": {
      const { contentHash, first, status, result } = event.payload;
      return { ...intent, contentHash, first: { ...first, status, result }, status: "skipped" };
    }
  }
};

const voteOf = (
  { at, actor, payload }: Of<"intent_approved"> | Of<"intent_denied">,
  decision: Vote["decision"],
): Vote => {
  const { contentHash, reason, onBehalfOf, mandate = null } = payload;
  return { by: actor, at, decision, contentHash, reason, onBehalfOf, mandate };
};

/** Who votes twice is counted once: `decide` lets nobody do so. */
const voted = (intent: Intent, vote: Vote): Intent => {
  const votes = [...intent.votes, vote];
  const approvals = votes.filter(({ decision }) => decision === "approve").length;
  const isEnough = intent.status === "pending_approval" && approvals >= intent.approvalsNeeded;
  return { ...intent, votes, status: isEnough ? "approved" : intent.status };
};

const ordered = (intent: Intent, { at, actor, sessionKey, payload }: Of<"execution_ordered">): Intent => {
  const { intentId: _, ...order } = payload;
  return { ...intent, order: { ...order, by: actor, sessionKey, at }, status: "ordered" };
};

const reported = (intent: Intent, { seq, at, actor, payload }: Of<"intent_reported">): Intent => {
  const { outcome, result, error } = payload;
  return {
    ...intent,
    report: { seq, at, by: actor, outcome, result, error },
    endReason: error,
    status: outcome,
  };
};
