import * as z from "zod";
import { digestOf } from "./canonical.js";
import type { TrackedReason } from "./checkpoints.js";
import { event } from "./event-shape.js";
import * as limit from "./limits.js";
import { naturalInt, positiveInt } from "./shapes.js";

/** What doing it does to the world, as whoever records it says (seed 000). */
export const SideEffectClass = z.enum([
  "none",
  "read",
  "write",
  "external_mutation",
  "payment",
  "notification",
  "delegation",
]);
export type SideEffectClass = z.infer<typeof SideEffectClass>;

/** These must not be done again by whoever goes on with a run: each has a key, once in the whole ledger (seed 000). */
const notReplayable: readonly SideEffectClass[] = ["external_mutation", "payment", "notification"];

export const isReplayable = (kind: SideEffectClass): boolean => !notReplayable.includes(kind);

/** What was done under a key that a client recorded; no effect of an agent may come under it. */
export const recordedDigest = (sideEffectClass: SideEffectClass): string =>
  digestOf({ recorded: sideEffectClass });

/**
 * The words that a run's history is told in, in the order of a run's life: the eighteen of seed 000, and `execution_failed`, which
 * tells of what is known not to have happened, or in doubt.
 */
export const trackedEventTypes = [
  "run_started",
  "plan_locked",
  "tool_call_started",
  "tool_call_finished",
  "artifact_created",
  "intent_proposed",
  "policy_checked",
  "approval_requested",
  "approval_received",
  "execution_requested",
  "execution_succeeded",
  "execution_failed",
  "delegation_started",
  "delegation_finished",
  "checkpoint_sealed",
  "interruption_detected",
  "run_resumed",
  "run_completed",
  "run_failed",
] as const;
export type TrackedEventType = (typeof trackedEventTypes)[number];

/** Those that a client may record. The others are said by the ledger alone, of what it did itself: none of them can be forged. */
export const ClientEventType = z.enum([
  "plan_locked",
  "tool_call_started",
  "tool_call_finished",
  "artifact_created",
  "delegation_started",
  "delegation_finished",
  "interruption_detected",
]);
export type ClientEventType = z.infer<typeof ClientEventType>;

/** What brings a run forward: behind the last one of these nothing must be done again (seed 000). */
const progress: readonly ClientEventType[] = [
  "plan_locked",
  "tool_call_finished",
  "artifact_created",
  "delegation_finished",
];

export const isProgress = (type: ClientEventType): boolean => progress.includes(type);

/** Of a call of a tool, and of a delegation, its end is told too. */
export const isBeginning = (eventType: string): boolean =>
  eventType === "tool_call_started" || eventType === "delegation_started";

/** Something that a run made, or used: where it is, and what was in it. */
const TrackedArtifact = z.strictObject({
  type: z.string(),
  /** A path, as its client wrote it, or a URI. */
  uri: z.string(),
  /** SHA-256 of its bytes, in hex. */
  contentHash: z.string(),
  /** The bytes themselves, where they were handed in. */
  blob: z.string().nullable(),
  metadata: z.record(z.string(), z.json()),
});
export type TrackedArtifact = Readonly<z.infer<typeof TrackedArtifact>>;

export const HandoffKind = z.enum(["approval", "delegation", "manual"]);
export type HandoffKind = z.infer<typeof HandoffKind>;

/** Work that one actor left to another. */
export const Handoff = z.strictObject({
  id: z.string(),
  from: z.string(),
  to: z.string(),
  kind: HandoffKind,
  summary: z.string(),
  /** What whoever takes it goes on from; null without one. */
  checkpointId: z.string().nullable(),
});
export type Handoff = Readonly<z.infer<typeof Handoff>>;

/** The run that this one goes on from, as it was at that moment. */
export const Lineage = z.strictObject({
  runId: z.string(),
  /** Its last event then, and the hash of that. */
  seq: positiveInt,
  hash: z.string(),
  /** 1 for the child of a run without a parent. */
  depth: positiveInt.max(limit.LINEAGE_DEPTH_MAX),
});
export type Lineage = Readonly<z.infer<typeof Lineage>>;

/** Where a side effect stands that was recorded first under the same key. */
export const FirstRecorded = z.strictObject({ runId: z.string(), seq: positiveInt });
export type FirstRecorded = Readonly<z.infer<typeof FirstRecorded>>;

/** What its client may still do, in the client's own words. */
export const Permissions = z.record(z.string(), z.json());
export type Permissions = Readonly<z.infer<typeof Permissions>>;

export const EventRecorded = z.strictObject({
  eventType: ClientEventType,
  actorId: z.string(),
  stepName: z.string().nullable(),
  payload: z.json(),
  inputHash: z.string().nullable(),
  outputHash: z.string().nullable(),
  sideEffectClass: SideEffectClass,
  sideEffectKey: z.string().nullable(),
  /** Of a side effect that had been recorded before under its key: this one was not done. Null for one that was. */
  skipped: FirstRecorded.nullable(),
  /** True for what its client did under the key of an intent of the same run, since that key stays taken with it. */
  underIntent: z.literal(true).optional(),
  /** False at the end of what was begun, where it is known that it did not happen: its key is free again. */
  happened: z.literal(false).optional(),
  /** True where that is only known of one worker's beginning, and another worker has begun it too: its key is not free. */
  othersBegun: z.literal(true).optional(),
  artifact: TrackedArtifact.nullable(),
});
export type EventRecorded = Readonly<z.infer<typeof EventRecorded>>;

/** What is told of runs that have no plan, and whose client does the work (seed 000). */
export const trackedEvents = [
  event(
    "tracking_started",
    z.strictObject({
      agentId: z.string(),
      runtime: z.string().nullable(),
      permissions: Permissions,
      blockedCapabilities: z.array(z.string()),
      lineage: Lineage.nullable(),
    }),
  ),
  /** Its client says what it did, or is about to do. */
  event("event_recorded", EventRecorded),
  event("handoff_opened", Handoff),
  event("handoff_completed", z.strictObject({ id: z.string(), by: z.string(), summary: z.string() })),
  /** Somebody goes on with it from that checkpoint, or from the journal alone where none holds. */
  event(
    "tracking_resumed",
    z.strictObject({
      checkpointId: z.string().nullable(),
      /** Newer ones that do not hold, and why, in words that follow the id. */
      broken: z.array(z.strictObject({ id: z.string(), why: z.string() })),
      /** Side effects that must not happen again, as of that moment. */
      blockedKeys: naturalInt,
    }),
  ),
] as const;

/** Who works on a run: a credential, and the name by which its holders tell themselves apart. */
export type Worker = { readonly name: string; readonly actorId: string };

export const isSameWorker = (one: Worker, other: Worker): boolean =>
  one.name === other.name && one.actorId === other.actorId;

/** Whether a worker knows what became of what was begun: its own beginning, or one that it found when it went on with the run. */
export const answersFor = ({ by, resumedBy }: BegunEffect, worker: Worker): boolean =>
  isSameWorker(by, worker) || resumedBy.includes(worker.name);

/** A side effect that was begun and of which nobody has said yet that it was done. */
export type BegunEffect = {
  readonly key: string;
  readonly class: SideEffectClass;
  readonly by: Worker;
  /** Names of those who have gone on with the run since: each answers for it too, whichever `actorId` it gives. */
  readonly resumedBy: readonly string[];
  readonly seq: number;
  readonly at: string;
};

/** What the ledger knows of a run that its client records: `Run.tracked`. */
export type Tracked = {
  readonly agentId: string;
  readonly runtime: string | null;
  readonly permissions: Permissions;
  readonly blockedCapabilities: readonly string[];
  readonly lineage: Lineage | null;
  /** Where its client was last. */
  readonly currentStep: string | null;
  /** The last event that brought it forward; null before the first. */
  readonly lastSafeSeq: number | null;
  /** Null while its client is at work, as far as anybody has said. */
  readonly interrupted: { readonly seq: number; readonly at: string; readonly reason: string } | null;
  /** So many events its client has recorded, and so many of them were skipped. */
  readonly recorded: number;
  readonly skipped: number;
  readonly artifacts: number;
  /** So many side effects that must not happen again were recorded here. */
  readonly keys: number;
  readonly begun: readonly BegunEffect[];
  /** Keys of intents under which its client did something itself: they stay taken whatever becomes of the intent. */
  readonly underIntents: readonly string[];
  /** Those that nobody has completed yet. */
  readonly handoffs: readonly Handoff[];
  readonly handoffsInAll: number;
  readonly resumes: number;
  readonly checkpoints: number;
  /** A boundary that no checkpoint holds yet; null when there is none. */
  readonly due: { readonly reason: TrackedReason; readonly seq: number } | null;
};

/** The words of `runs inspect` (seed 000). */
export type TrackedStatus = "active" | "blocked" | "interrupted" | "completed" | "failed";
