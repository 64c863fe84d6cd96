import type { EventOf, StoredEvent } from "../../core/events.js";
import type { SideEffectClass, TrackedEventType } from "../../core/tracked.js";

/** One line of a run's history, in the words of seed 000. */
export type TrackedEventLine = {
  readonly eventId: string;
  readonly seq: number;
  readonly eventType: TrackedEventType;
  /** ISO 8601, UTC. */
  readonly timestamp: string;
  readonly actorId: string;
  readonly stepName: string | null;
  readonly payload: unknown;
  readonly inputHash: string | null;
  readonly outputHash: string | null;
  readonly sideEffectClass: SideEffectClass;
  readonly sideEffectKey: string | null;
  /** not_happened: whoever began it knows that nothing came of it. */
  readonly status: "recorded" | "skipped" | "not_happened";
  readonly first: { readonly runId: string; readonly seq: number } | null;
};

/** The first 16 digits of its hash: whoever has the journal can tell whether it is the same event. */
export const eventIdOf = ({ hash }: Pick<StoredEvent, "hash">): string => `evt_${hash.slice(0, 16)}`;

/** Undefined for events that the seed has no word for; the journal has them all. */
export const trackedLine = (event: StoredEvent): TrackedEventLine | undefined => {
  if (event.type === "event_recorded") return recordedLine(event);
  if (event.type === "intent_reported") return reportedLine(event);
  if (event.type === "intent_skipped") return skippedLine(event);
  const eventType = WORDS[event.type];
  if (eventType === undefined) return undefined;
  return { ...lineOf(event, eventType), payload: event.payload };
};

/** What the ledger itself says of a run. */
const WORDS: { readonly [T in StoredEvent["type"]]?: TrackedEventType } = {
  tracking_started: "run_started",
  handoff_opened: "delegation_started",
  handoff_completed: "delegation_finished",
  checkpoint_sealed: "checkpoint_sealed",
  tracking_resumed: "run_resumed",
  intent_proposed: "intent_proposed",
  policy_checked: "policy_checked",
  intent_blocked: "policy_checked",
  approval_requested: "approval_requested",
  intent_approved: "approval_received",
  intent_denied: "approval_received",
  execution_ordered: "execution_requested",
  run_completed: "run_completed",
  run_failed: "run_failed",
};

const lineOf = (event: StoredEvent, eventType: TrackedEventType): Omit<TrackedEventLine, "payload"> => ({
  eventId: eventIdOf(event),
  seq: event.seq,
  eventType,
  timestamp: event.at,
  actorId: event.actor.name,
  stepName: null,
  inputHash: null,
  outputHash: null,
  sideEffectClass: eventType.startsWith("delegation") ? "delegation" : "none",
  sideEffectKey: null,
  status: "recorded",
  first: null,
});

const reportedLine = (event: StoredEvent & EventOf<"intent_reported">): TrackedEventLine => {
  const isDone = event.payload.outcome === "succeeded";
  return {
    ...lineOf(event, isDone ? "execution_succeeded" : "execution_failed"),
    payload: event.payload,
  };
};

/** Nobody executes it: another one has its key. */
const skippedLine = (event: StoredEvent & EventOf<"intent_skipped">): TrackedEventLine => {
  const { runId, seq } = event.payload.first;
  return {
    ...lineOf(event, "execution_requested"),
    payload: event.payload,
    status: "skipped",
    first: { runId, seq },
  };
};

const recordedLine = (event: StoredEvent & EventOf<"event_recorded">): TrackedEventLine => {
  const { skipped, happened, artifact, payload, ...told } = event.payload;
  return {
    ...lineOf(event, told.eventType),
    ...told,
    payload: artifact === null ? payload : artifact,
    status: skipped !== null ? "skipped" : happened === false ? "not_happened" : "recorded",
    first: skipped,
  };
};
