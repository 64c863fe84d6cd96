import type { JournalEvent } from "../core/events.js";
import {
  INTENT_SCOPE,
  type IntentContent,
  intentDigest,
  isOwnIntent,
  sideEffectKey,
} from "../core/intents.js";
import type { Run } from "../core/run.js";
import type { AppendBatch } from "../stores/store.js";

/** The key that an intent takes with its proposal, and those that are given back because nothing happened under them. */
export const intentKeysOf = (
  before: Run | undefined,
  events: readonly JournalEvent[],
): Pick<AppendBatch, "businessKey" | "freed"> => {
  if (before === undefined) return {};
  const taken = takenBy(events);
  const freed = events.flatMap((event) => freedBy(before, event));
  return { ...(taken === undefined ? {} : { businessKey: taken }), ...(freed.length === 0 ? {} : { freed }) };
};

/** A blocked one and a skipped one take nothing. */
const takenBy = (events: readonly JournalEvent[]): AppendBatch["businessKey"] => {
  let content: IntentContent | undefined;
  for (const event of events) {
    if (event.type === "intent_proposed") content = event.payload.content;
    if (event.type !== "policy_checked" || content === undefined) continue;
    const key = sideEffectKey(content);
    if (key !== null) return { scope: INTENT_SCOPE, key, digest: intentDigest(content) };
  }
  return undefined;
};

const freedBy = (before: Run, event: JournalEvent): readonly { scope: string; key: string }[] => {
  const intentId = endIn(event);
  const of = intentId === null ? undefined : before.intents.find((one) => one.intentId === intentId);
  const key = of === undefined || !isOwnIntent(before, of) ? null : sideEffectKey(of.content);
  // Its client began it, or did it, without waiting for the gate.
  const { underIntents = [], begun = [] } = before.tracked ?? {};
  if (key === null || underIntents.includes(key) || begun.some((one) => one.key === key)) return [];
  return [{ scope: INTENT_SCOPE, key }];
};

/** Of one of which it is known that it did not happen, and will not. */
export const endIn = (event: JournalEvent): string | null => {
  switch (event.type) {
    case "intent_denied":
    case "intent_expired":
    case "intent_cancelled":
      return event.payload.intentId;
    case "intent_reported":
      return event.payload.outcome === "failed" ? event.payload.intentId : null;
    default:
      return null;
  }
};
