import type { StoredEvent } from "../../index.js";
import { counted, times } from "../../index.js";
import type { EventTold } from "./event-words.js";

const TYPES = [
  ...(["intent_proposed", "policy_checked", "intent_blocked", "approval_requested"] as const),
  ...(["intent_approved", "intent_denied", "intent_expired", "intent_cancelled"] as const),
  ...(["approval_reminded", "approval_extended", "intent_unopposed"] as const),
  ...(["execution_ordered", "intent_reported", "intent_skipped"] as const),
] as const;
export type IntentEvent = Extract<StoredEvent, { type: (typeof TYPES)[number] }>;

export const isOfIntent = (event: StoredEvent): event is IntentEvent =>
  (TYPES as readonly StoredEvent["type"][]).includes(event.type);

/** What happened to something that was to leave the building. */
export const intentTold = (event: IntentEvent): EventTold => {
  const { intentId } = event.payload;
  const line = (style: EventTold["style"], mark: string, text: string): EventTold => ({
    style,
    mark,
    text: `${intentId}: ${text}`,
  });
  switch (event.type) {
    case "intent_proposed": {
      const { destination, payload } = event.payload.content;
      return line("blue", "?", `${event.actor.name} asks to send ${payload.bytes} bytes to ${destination}`);
    }
    case "policy_checked":
    case "intent_blocked": {
      const { id, detail } = event.payload.policy;
      const isBlocked = event.type === "intent_blocked";
      return line(isBlocked ? "red" : "grey", isBlocked ? "✘" : "·", `policy ${id}: ${detail}`);
    }
    case "approval_requested":
      return line("yellow", "!", `waits for ${counted(event.payload.approvalsNeeded, "approval")}`);
    case "intent_approved":
      return line("green", "✔", `approved by ${event.actor.name}${reasonOf(event.payload.reason)}`);
    case "intent_denied":
      return line("red", "✘", `denied by ${event.actor.name}${reasonOf(event.payload.reason)}`);
    case "approval_reminded":
      return line("yellow", "!", "still waits for approval; whoever may give it is reminded");
    case "approval_extended": {
      const { how, expiresAt } = event.payload;
      const again = how === "escalated" ? "somebody else is asked" : "it waits on";
      return line("yellow", "!", `nobody answered in time: ${again}, until ${expiresAt}`);
    }
    case "intent_unopposed":
      return line("green", "✔", "nobody answered in time, which its policy takes for a yes");
    case "intent_expired":
      return line("yellow", "–", "expired: nobody answered, nothing was executed");
    case "intent_cancelled":
      return line("grey", "–", `cancelled: ${event.payload.reason}`);
    case "execution_ordered":
      return line("blue", "▶", `${event.actor.name} executes it (fetched ${times(event.payload.attempt)})`);
    case "intent_reported":
      return reportTold(event, line);
    case "intent_skipped":
      return line("yellow", "–", `skipped: ${event.payload.first.intentId} has its key`);
  }
};

const reportTold = (
  { payload: { outcome, error } }: Extract<IntentEvent, { type: "intent_reported" }>,
  line: (style: EventTold["style"], mark: string, text: string) => EventTold,
): EventTold => {
  if (outcome === "succeeded") return line("green", "✔", "executed");
  if (outcome === "failed") return line("red", "✘", `not executed${reasonOf(error)}`);
  return line("yellow", "!", `nobody knows whether it was executed${reasonOf(error)}`);
};

const reasonOf = (reason: string): string => (reason === "" ? "" : `: ${reason}`);
