import { LedgerError } from "../errors.js";
import type { EventBody } from "../events.js";
import {
  type Intent,
  isExpired,
  isOverdue,
  isOwnIntent,
  isReminderDue,
  principalOf,
  silenceOf,
  type Vote,
} from "../intents.js";
import { covers, delegationFor } from "../mandates.js";
import { isSamePerson } from "../names.js";
import type { Run } from "../run.js";
import {
  alreadyDone,
  type DecideContext,
  type Decider,
  requireLive,
  requireRole,
  requireSession,
} from "./guards.js";
import { requireIntent } from "./intents.js";

// By people alone, each once, of exactly what they were shown; whoever proposed it, or has it proposed in their name, is nobody who
// could allow it. A deputy's word is that of whom they answer for, and neither of the two says it twice.
export const voteIntent: Decider<"vote_intent"> = (command, run, context) => {
  const { caller, at } = context;
  const { decision, contentHash, reason, onBehalfOf } = command;
  requireRole(caller, `${decision} an intent`, "human");
  requireSession(run, caller);
  const intent = requireIntent(run, command.intentId);
  const mandate = onBehalfOf === null ? null : requireDelegation(intent, caller.name, onBehalfOf, context);
  for (const name of [caller.name, onBehalfOf ?? caller.name]) requireNoParty(intent, name, decision);
  requireShown(intent, contentHash);
  if (hasVoted(intent, { by: caller, onBehalfOf }, decision)) return alreadyDone;
  requireLive(run);
  requirePending(intent, decision, at);
  const { intentId } = intent;
  const payload = { intentId, contentHash, reason, onBehalfOf, ...(mandate === null ? {} : { mandate }) };
  const type = decision === "approve" ? "intent_approved" : "intent_denied";
  return [{ type, version: 1, payload }];
};

// What a person approved beforehand counts as their one word, and for nothing that is proposed in their own name.
export const applyStanding: Decider<"apply_standing"> = (command, run, { caller, at, gate }) => {
  requireRole(caller, "apply a standing approval", "engine");
  const { contentHash, mandateId } = command;
  const intent = requireIntent(run, command.intentId);
  requireShown(intent, contentHash);
  const standing = gate?.mandates.find((one) => one.id === mandateId);
  if (standing?.kind !== "standing" || !covers(standing, intent, at) || intent.status !== "pending_approval")
    return alreadyDone;
  const { intentId } = intent;
  const onBehalfOf = standing.by;
  if (isParty(intent, onBehalfOf) || isExpired(intent, at) || spoke(intent, [onBehalfOf], "approve"))
    return alreadyDone;
  const reason = `By standing approval ${mandateId}.`;
  const payload = { intentId, contentHash, reason, onBehalfOf, mandate: mandateId };
  return [{ type: "intent_approved", version: 1, payload }];
};

const requireDelegation = (
  intent: Intent,
  to: string,
  by: string,
  { gate, at }: Pick<DecideContext, "gate" | "at">,
): string => {
  const found = delegationFor(gate?.mandates ?? [], { by, to }, intent, at);
  if (found !== undefined) return found.id;
  throw new LedgerError("access_denied", `"${to}" may not answer for "${by}" here.`, {
    hint: `"${by}" lets them by: runledger mandate delegate ${to} --for 7d`,
  });
};

/** Whoever asks for it, and in whose name. */
const isParty = ({ by, content }: Intent, name: string): boolean =>
  [by.name, content.onBehalfOf].some((party) => party !== null && isSamePerson(party, name));

const requireNoParty = (intent: Intent, name: string, decision: "approve" | "deny"): void => {
  if (!isParty(intent, name)) return;
  throw new LedgerError("access_denied", `"${name}" proposed this intent and may not ${decision} it.`, {
    hint:
      decision === "approve"
        ? "Somebody else looks at it, and approves."
        : "Whoever proposed an intent may cancel it.",
  });
};

type Voter = Pick<Vote, "by" | "onBehalfOf">;

/** True for the same word again; throws where one of the two has said it, alone or for somebody else. */
const hasVoted = (intent: Intent, voter: Voter, decision: "approve" | "deny"): boolean => {
  const own = intent.votes.find(
    (vote) => vote.decision === decision && isSamePerson(vote.by.name, voter.by.name),
  );
  if (own !== undefined && isSamePerson(principalOf(own), principalOf(voter))) return true;
  if (!spoke(intent, [voter.by.name, principalOf(voter)], decision)) return false;
  throw new LedgerError("already_voted", `The word of one of them counts already.`, {
    hint: "Each person counts once, as themselves or by a deputy. Somebody else looks at it.",
    details: { intentId: intent.intentId },
  });
};

const spoke = ({ votes }: Intent, names: readonly string[], decision: "approve" | "deny"): boolean =>
  votes.some(
    (vote) =>
      vote.decision === decision &&
      [vote.by.role === "engine" ? null : vote.by.name, principalOf(vote)].some(
        (said) => said !== null && names.some((name) => isSamePerson(name, said)),
      ),
  );

const requireShown = ({ intentId, contentHash }: Intent, shown: string): void => {
  if (shown === contentHash) return;
  throw new LedgerError("intent_changed", `What was looked at is not intent "${intentId}".`, {
    hint: "Look at it again, and give the content hash that is shown.",
    details: { intentId, contentHash, shown },
  });
};

/** Allowed and not ordered yet, it may still be denied: nothing has happened. */
const requirePending = (intent: Intent, decision: "approve" | "deny", at: string): void => {
  requireInTime(intent, at);
  const { intentId, status } = intent;
  if (status === "pending_approval" || (status === "approved" && decision === "deny")) return;
  throw new LedgerError("intent_not_pending", `Intent "${intentId}" is ${wordOf(status)}; nobody is asked.`, {
    details: { intentId, status },
  });
};

/** Looked at in time or not at all: that nobody has written it down yet makes it no younger. */
export const requireInTime = (intent: Intent, at: string): void => {
  if (!isExpired(intent, at) && intent.status !== "expired") return;
  const { intentId, expiresAt } = intent;
  throw new LedgerError(
    "intent_expired",
    `Intent "${intentId}" expired at ${expiresAt}; nothing was executed.`,
    {
      hint: "Propose it again.",
      details: { intentId, expiresAt },
    },
  );
};

const wordOf = (status: Intent["status"]): string => status.replace("_", " ");

// By whoever proposed it or is in charge, as long as nobody has begun.
export const cancelIntent: Decider<"cancel_intent"> = (command, run, { caller }) => {
  requireRole(caller, "cancel an intent", "orchestrator", "executor", "human");
  requireSession(run, caller);
  const intent = requireIntent(run, command.intentId);
  requireItsOwn(intent, caller, "cancel");
  const { intentId, status } = intent;
  if (status === "cancelled") return alreadyDone;
  requireLive(run);
  if (status !== "pending_approval" && status !== "approved")
    throw new LedgerError(
      "intent_not_pending",
      `Intent "${intentId}" is ${wordOf(status)}; nothing of it can be cancelled.`,
      {
        details: { intentId, status },
      },
    );
  return [cancelled(intent, command.reason)];
};

const cancelled = ({ intentId }: Intent, reason: string): EventBody => ({
  type: "intent_cancelled",
  version: 1,
  payload: { intentId, reason },
});

/** An agent speaks of its own intents; whoever is in charge of the run of all. */
export const requireItsOwn = (
  { intentId, by }: Intent,
  { name, role }: { readonly name: string; readonly role: string },
  act: string,
): void => {
  if (role !== "executor" || (by.name === name && by.role === role)) return;
  throw new LedgerError(
    "access_denied",
    `Intent "${intentId}" was proposed by "${by.name}"; "${name}" may not ${act} it.`,
    { hint: `"${by.name}" may, and a person.` },
  );
};

// A clock that goes back writes nothing down twice: what has expired is over.
export const expireIntents: Decider<"expire_intents"> = (_command, run, { caller, at }) => {
  requireRole(caller, "expire intents", "engine");
  return dueIntents(run, at);
};

/** What time alone does to a run's intents: people are reminded, and nobody's answer is an answer too. */
export const dueIntents = (run: Run, at: string): readonly EventBody[] =>
  run.intents.filter((intent) => isOwnIntent(run, intent)).flatMap((intent) => dueOf(intent, at));

const dueOf = (intent: Intent, at: string): readonly EventBody[] => {
  const { intentId, contentHash } = intent;
  if (!isOverdue(intent, at))
    return isReminderDue(intent, at)
      ? [{ type: "approval_reminded", version: 1, payload: { intentId } }]
      : [];
  const silence = silenceOf(intent, at);
  switch (silence.kind) {
    case "expire":
      return [{ type: "intent_expired", version: 1, payload: { intentId } }];
    case "allow": {
      const { expiresAt } = silence;
      return [{ type: "intent_unopposed", version: 1, payload: { intentId, contentHash, expiresAt } }];
    }
    case "extend": {
      const { how, expiresAt } = silence;
      return [{ type: "approval_extended", version: 1, payload: { intentId, how, expiresAt } }];
    }
  }
};

/** With its run ends what nobody has begun: nothing leaves the building for a run that is over. */
export const endedWithRun = (run: Run): readonly EventBody[] =>
  run.intents
    .filter(
      (intent) =>
        isOwnIntent(run, intent) && (intent.status === "pending_approval" || intent.status === "approved"),
    )
    .map((intent) => cancelled(intent, `Its run is ${run.state.status}.`));
