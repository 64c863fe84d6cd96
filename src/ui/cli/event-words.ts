import { amountWords, type Budget, budgetKinds, counted, type StoredEvent } from "../../index.js";
import type { paint } from "./output.js";

export type EventTold = {
  readonly style: Parameters<typeof paint>[1];
  readonly mark: string;
  readonly text: string;
};

export const teammateTold = (
  event: Extract<StoredEvent, { type: "teammate_approval_blocked" | "teammate_approval_unblocked" }>,
): EventTold =>
  event.type === "teammate_approval_blocked"
    ? { style: "yellow", mark: "‖", text: blockedWords(event.payload) }
    : { style: "blue", mark: "▶", text: unblockedWords(event.payload) };

export const pauseTold = (event: Extract<StoredEvent, { type: "run_paused" | "run_resumed" }>): EventTold =>
  event.type === "run_paused"
    ? { style: "yellow", mark: "‖", text: `paused: ${event.payload.message}` }
    : { style: "blue", mark: "▶", text: "resumed" };

export const budgetTold = (
  event: Extract<StoredEvent, { type: "budget_set" | "budget_warned" }>,
): EventTold => {
  if (event.type === "budget_set")
    return { style: "blue", mark: "▶", text: `budget: ${limitsWords(event.payload.budget)}` };
  const { kind, limit, used } = event.payload;
  const text = `the budget comes near its end: ${amountWords(kind, used)} of ${amountWords(kind, limit)}`;
  return { style: "yellow", mark: "!", text };
};

const limitsWords = (budget: Budget): string =>
  budgetKinds
    .flatMap((kind) => {
      const limit = budget[kind];
      return limit === undefined ? [] : [amountWords(kind, limit)];
    })
    .join(", ");

const LAST_REFUSAL = {
  of_minute: "; more of them in that minute are not recorded",
  of_run: "; no more of them are recorded of this run",
} as const;

export const refusalTold = ({ payload }: Extract<StoredEvent, { type: "access_refused" }>): EventTold => {
  const { tool, code, by, last } = payload;
  const who = by === null ? "somebody" : `${by.name} (${by.role})`;
  const more = last === null ? "" : LAST_REFUSAL[last];
  return { style: "yellow", mark: "!", text: `refused: ${who} called ${tool ?? "nothing"}: ${code}${more}` };
};

const ofClients = [
  "tracking_started",
  "event_recorded",
  "handoff_opened",
  "handoff_completed",
  "tracking_resumed",
] as const;
export type TrackedEvent = Extract<StoredEvent, { type: (typeof ofClients)[number] }>;

export const isOfClient = (event: StoredEvent): event is TrackedEvent =>
  ofClients.some((type) => type === event.type);

/** What the client of a run without a plan said. */
export const trackedTold = (event: TrackedEvent): EventTold => {
  switch (event.type) {
    case "tracking_started":
      return {
        style: "blue",
        mark: "▶",
        text: `${event.payload.agentId} does the work, and records it here`,
      };
    case "event_recorded":
      return recordedTold(event.payload);
    case "handoff_opened":
      return { style: "yellow", mark: "→", text: `handed to ${event.payload.to}: ${event.payload.summary}` };
    case "handoff_completed":
      return { style: "green", mark: "✔", text: `handoff ${event.payload.id} is completed` };
    case "tracking_resumed": {
      const { checkpointId, blockedKeys } = event.payload;
      const from = checkpointId ?? "the journal alone";
      return {
        style: "blue",
        mark: "▶",
        text: `resumed from ${from}; ${counted(blockedKeys, "side effect")} ${blockedKeys === 1 ? "is" : "are"} blocked`,
      };
    }
  }
};

const recordedTold = (payload: Extract<TrackedEvent, { type: "event_recorded" }>["payload"]): EventTold => {
  const { eventType, stepName, sideEffectClass, sideEffectKey, skipped, happened, artifact } = payload;
  const step = stepName === null ? "" : ` ${stepName}`;
  const effect =
    sideEffectClass === "none" ? "" : ` (${sideEffectClass}${sideEffectKey ? ` ${sideEffectKey}` : ""})`;
  const what = artifact === null ? "" : `: ${artifact.uri}`;
  if (skipped === null) {
    const isBad = eventType === "interruption_detected";
    return {
      style: isBad ? "yellow" : "blue",
      mark: isBad ? "‖" : "·",
      text: `${eventType}${step}${effect}${what}${happened === false ? ": it did not happen" : ""}`,
    };
  }
  const text = `skipped: ${eventType}${step}${effect}; first at event ${skipped.seq} of ${skipped.runId}`;
  return { style: "yellow", mark: "–", text };
};

type Blocked = Extract<StoredEvent, { type: "teammate_approval_blocked" }>["payload"];
type Unblocked = Extract<StoredEvent, { type: "teammate_approval_unblocked" }>["payload"];

export const blockedWords = ({ agent, tool, reason, grantRequestId, attempt }: Blocked): string =>
  `${agent} waits for ${tool === null ? "a grant" : `the grant of ${tool}`} (${grantRequestId}, attempt ${attempt})${reason === "" ? "" : `: ${reason}`}`;

export const unblockedWords = ({ agent, grantRequestId, outcome }: Unblocked): string =>
  `${agent} goes on: ${grantRequestId} was ${outcome}`;
