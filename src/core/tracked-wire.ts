import * as z from "zod";
import { TrackedReason } from "./checkpoints.js";
import * as limit from "./limits.js";
import { naturalInt, positiveInt, someText } from "./shapes.js";
import { ClientEventType, HandoffKind, SideEffectClass } from "./tracked.js";
import { closed, listOf, textOf, textUpTo } from "./wire.js";

/**
 * What a client of tracked runs may ask, in process and over HTTP alike: method by method, with the names of seed 000. What is answered
 * stands beside it as a type. Everything is plain JSON but `blockedSideEffectKeys`, which is a Set on the client's side and a list on the wire.
 */

const runId = someText.max(limit.ID_CHARS);
const name = textOf(limit.TRACKED_NAME_CHARS);
const key = someText.max(limit.EFFECT_KEY_CHARS);
const hash = z
  .string()
  .regex(/^[0-9a-f]{64}$/, "a SHA-256 in 64 hex digits")
  .optional();
/** The same key again is the same call, and answers what the first one was answered. */
const idempotencyKey = someText.max(limit.IDEMPOTENCY_KEY_CHARS).optional();
const permissions = z.record(name, z.json()).optional();

/** Bounded as text, so that one event cannot fill a journal. */
export const EventPayload = z
  .json()
  .refine(
    (value) => Buffer.byteLength(JSON.stringify(value)) <= limit.TRACKED_PAYLOAD_BYTES,
    `at most ${limit.TRACKED_PAYLOAD_BYTES} bytes as JSON; record what is longer as an artifact`,
  );

export const StartRunInput = closed({
  agentId: name,
  intentSummary: textOf(limit.GOAL_CHARS),
  runtime: name.optional(),
  /** The run that this one goes on from. */
  parentRunId: runId.optional(),
  permissions,
  blockedCapabilities: listOf(name, limit.CAPABILITIES_MAX).optional(),
  idempotencyKey,
});
export type StartRunInput = z.input<typeof StartRunInput>;
export type StartedRun = {
  readonly runId: string;
  readonly ledgerId: string;
  readonly status: "active";
  /** ISO 8601, UTC. */
  readonly createdAt: string;
};

export const RecordEventInput = closed({
  runId,
  eventType: ClientEventType,
  /** Whoever did it; the run's agent when it is left out. */
  actorId: name.optional(),
  stepName: name.optional(),
  payload: EventPayload.optional(),
  inputHash: hash,
  outputHash: hash,
  /** `none` when it is left out. */
  sideEffectClass: SideEffectClass.optional(),
  /** Of what must not happen twice: once in the whole ledger. */
  sideEffectKey: key.optional(),
  /** At the end of what was begun under its key: false where it is known that it did not happen, which frees the key. */
  happened: z.boolean().optional(),
  idempotencyKey,
});
export type RecordEventInput = z.input<typeof RecordEventInput>;
export type RecordedEvent = {
  readonly eventId: string;
  readonly seq: number;
  readonly eventType: ClientEventType;
  readonly timestamp: string;
  /** Skipped: the same side effect had been recorded before, and must not be done again. */
  readonly status: "recorded" | "skipped";
  /** Where it was recorded first; null of what was not skipped. */
  readonly first: { readonly runId: string; readonly seq: number } | null;
};

export const RecordArtifactInput = closed({
  runId,
  artifactType: name,
  /** A path or an address. */
  uri: textOf(limit.ARTIFACT_URI_CHARS),
  /** Of its bytes; may be left out where the bytes themselves come along. */
  contentHash: hash,
  /** The bytes in base64, where the ledger is to keep them. */
  content: z
    .base64()
    .max(Math.ceil(limit.ARTIFACT_BYTES / 3) * 4)
    .optional(),
  metadata: permissions,
  actorId: name.optional(),
  stepName: name.optional(),
  idempotencyKey,
});
export type RecordArtifactInput = z.input<typeof RecordArtifactInput>;
export type RecordedArtifact = RecordedEvent & { readonly contentHash: string; readonly kept: boolean };

export const HandoffInput = closed({
  runId,
  toActor: name,
  /** The run's agent when it is left out. */
  fromActor: name.optional(),
  handoffType: HandoffKind.optional(),
  summary: textUpTo(limit.REASON_CHARS),
});
export type HandoffInput = z.input<typeof HandoffInput>;
export type OpenedHandoff = {
  readonly handoffId: string;
  readonly status: "pending";
  readonly checkpointId: string;
};

export const CompleteHandoffInput = closed({
  runId,
  handoffId: someText.max(limit.ID_CHARS),
  summary: textUpTo(limit.REASON_CHARS).optional(),
});
export type CompleteHandoffInput = z.input<typeof CompleteHandoffInput>;
export type CompletedHandoff = { readonly handoffId: string; readonly status: "completed" };

export const CreateCheckpointInput = closed({
  runId,
  /** `manual` when it is left out. */
  reason: TrackedReason.optional(),
  suggestedNextAction: textOf(limit.NEXT_ACTION_CHARS).optional(),
});
export type CreateCheckpointInput = z.input<typeof CreateCheckpointInput>;
export type CreatedCheckpoint = {
  readonly checkpointId: string;
  /** SHA-256 of what it holds. */
  readonly sealedHash: string;
  readonly isResumable: boolean;
  readonly reason: TrackedReason;
  readonly createdAt: string;
};

export const ResumeRunInput = closed({
  runId,
  /** The newest that holds when it is left out. */
  fromCheckpointId: someText.max(limit.ID_CHARS).optional(),
});
export type ResumeRunInput = z.input<typeof ResumeRunInput>;

export const RunInput = closed({ runId });
export type RunInput = z.input<typeof RunInput>;

export const RunEventsInput = closed({
  runId,
  /** Only events behind this sequence number. */
  after: naturalInt.optional(),
  limit: positiveInt.max(limit.TRACKED_EVENTS_LISTED).optional(),
});
export type RunEventsInput = z.input<typeof RunEventsInput>;

export const EndRunInput = closed({ runId, message: textUpTo(limit.REASON_CHARS).optional() });
export type EndRunInput = z.input<typeof EndRunInput>;
export type EndedRun = { readonly runId: string; readonly status: "completed" | "failed" };
