import * as z from "zod";
import * as limit from "./limits.js";
import { naturalInt, positiveInt } from "./shapes.js";

/** Of runs that their client drives (seed 000); `manual` is said by hand. */
export const TrackedReason = z.enum([
  "interruption",
  "failure",
  "approval_requested",
  "explicit_handoff",
  "periodic_safety",
  "risky_boundary",
  "manual",
]);
export type TrackedReason = z.infer<typeof TrackedReason>;

/** Those of them that nobody must ask for. */
export const BoundaryReason = z.enum(["approval_requested", "risky_boundary"]);

/**
 * Why it was taken: an agent came to the end of a turn, or is about to wait; a person asked; a policy; its worker stops; or, of a run
 * that its client drives, one of those above.
 */
export const CheckpointReason = z.enum(["turn", "wait", "demand", "policy", ...TrackedReason.options]);
export type CheckpointReason = z.infer<typeof CheckpointReason>;

/** Where the bytes of a checkpoint lie. */
export const KeptIn = z.enum(["sqlite", "file", "memory"]);
export type KeptIn = z.infer<typeof KeptIn>;

/** The attempt whose memory it holds. */
export const CheckpointOf = z.strictObject({
  stepId: z.string(),
  candidate: positiveInt.optional(),
  attempt: positiveInt,
});
export type CheckpointOf = z.infer<typeof CheckpointOf>;

/**
 * What the journal knows of a checkpoint: where its content lies, and the signature that it must hold under. In
 * the journal, and in what is signed, it bears the names that it was first given there: `checkpoint_sealed`, `seal`, `previousSeal`.
 */
export const SignedCheckpoint = z.strictObject({
  id: z.string().regex(/^ckpt_[0-9a-f]{16}$/),
  reason: CheckpointReason,
  /** Null when nobody was at work: then it holds what the run waits for, and no memory. */
  of: CheckpointOf.nullable(),
  /** Of the agent whose memory it is; null without one. */
  agentVersion: z.string().nullable(),
  /** Turns that the agent had ended; 0 where it never gave its memory. */
  turn: naturalInt,
  /** Calls of the context that it had made by the end of that turn. */
  calls: naturalInt,
  /** The last event that the content knows, and that event's hash. */
  eventLogPosition: positiveInt,
  journalHash: z.string(),
  /** SHA-256 of the whole content, however it is stored. */
  contentHash: z.string(),
  keptIn: KeptIn,
  /** Stored whole; otherwise as what differs from `former`. */
  full: z.boolean(),
  /** Event of the checkpoint before it that holds a memory of the same attempt. */
  former: positiveInt.nullable(),
  /** Of the run's checkpoint before it: a signature vouches for all those before. */
  previousSeal: z.string().nullable(),
  seal: z.string(),
});
export type SignedCheckpoint = z.infer<typeof SignedCheckpoint>;

/** Newer ones that an attempt did not go on from, and why each was no use, in words that follow its id. */
export const PassedOver = z.strictObject({
  broken: z
    .array(z.strictObject({ id: z.string().max(limit.ID_CHARS), why: z.string().max(limit.REASON_CHARS) }))
    .min(1)
    .max(limit.CHECKPOINTS_TRIED),
  /** The one that it went on from; null: the journal alone. */
  from: z.string().max(limit.ID_CHARS).nullable(),
});
export type PassedOver = z.infer<typeof PassedOver>;

/** What an agent has used so far, as it says. */
export const AgentMetrics = z.strictObject({
  tokensIn: naturalInt,
  tokensOut: naturalInt,
  toolCalls: naturalInt,
  /** In whatever currency the agent counts. */
  cost: z.number().min(0),
});
export type AgentMetrics = z.infer<typeof AgentMetrics>;

export const noMetrics: AgentMetrics = { tokensIn: 0, tokensOut: 0, toolCalls: 0, cost: 0 };

/** An effect that must not happen twice, and what became of it. */
const Receipt = z.strictObject({
  seq: z.int(),
  stepId: z.string(),
  attempt: z.int(),
  name: z.string(),
  key: z.string().nullable(),
  status: z.string(),
});

const Artifact = z.strictObject({
  seq: z.int(),
  stepId: z.string(),
  attempt: z.int(),
  tree: z.string().nullable(),
});

/** What a run knows without anybody's memory: the journal tells it again at any time. */
export const CheckpointFacts = z.strictObject({
  /** The newest of them, and how many there are in all. */
  receipts: z.array(Receipt),
  receiptsInAll: naturalInt,
  artifacts: z.array(Artifact),
  artifactsInAll: naturalInt,
  /** Business keys of effects that happened, or may have: the ledger lets none of them happen again. */
  blockedEffectKeys: z.array(z.string()),
  blockedEffectKeysInAll: naturalInt,
  /** Notes written since the run began, and the digest of each. */
  memoryDelta: z.record(z.string(), z.string()),
});
export type CheckpointFacts = z.infer<typeof CheckpointFacts>;

/** A claim that waits for its judge, and the digest of what was claimed. */
export const PendingProposal = z.strictObject({
  stepId: z.string(),
  candidate: z.int().optional(),
  attempt: z.int(),
  seq: z.int(),
  digest: z.string(),
});
export type PendingProposal = z.infer<typeof PendingProposal>;

const UnresolvedApproval = z.strictObject({
  kind: z.enum(["approval", "policy", "promise", "effect"]),
  stepId: z.string(),
  attempt: z.int(),
  position: z.int().nullable(),
});
export type UnresolvedApproval = z.infer<typeof UnresolvedApproval>;

/** A side effect that a client recorded, and what the ledger made of it. */
export const TrackedReceipt = z.strictObject({
  seq: positiveInt,
  at: z.string(),
  eventType: z.string(),
  actorId: z.string(),
  stepName: z.string().nullable(),
  sideEffectClass: z.string(),
  sideEffectKey: z.string().nullable(),
  /** `begun`: nobody has said yet that it was done. */
  status: z.enum(["begun", "recorded", "skipped", "not_happened"]),
});
export type TrackedReceipt = Readonly<z.infer<typeof TrackedReceipt>>;

export const ListedArtifact = z.strictObject({
  seq: positiveInt,
  at: z.string(),
  type: z.string(),
  uri: z.string(),
  contentHash: z.string(),
  metadata: z.record(z.string(), z.json()),
});
export type ListedArtifact = Readonly<z.infer<typeof ListedArtifact>>;

/** The newest of them, and how many there are in all. */
export const TrackedFacts = z.strictObject({
  receipts: z.array(TrackedReceipt),
  receiptsInAll: naturalInt,
  artifacts: z.array(ListedArtifact),
  artifactsInAll: naturalInt,
});
export type TrackedFacts = Readonly<z.infer<typeof TrackedFacts>>;

/** What whoever goes on with a run of a client must know of it, beside what every checkpoint holds (seed 000). */
export const TrackedPacket = z.strictObject({
  ...TrackedFacts.shape,
  ledgerId: z.string(),
  agentId: z.string(),
  runtime: z.string().nullable(),
  intentSummary: z.string(),
  currentStep: z.string().nullable(),
  lastSafeSeq: positiveInt.nullable(),
  permissions: z.record(z.string(), z.json()),
  blockedCapabilities: z.array(z.string()),
  /** Begun, and not said to be done: whether they happened is not known. */
  begunKeys: z.array(z.string()),
  openHandoffs: z.array(z.string()),
});
export type TrackedPacket = Readonly<z.infer<typeof TrackedPacket>>;

/** All that a run needs to go on from where it was (seeds 000 and 001). */
export const CheckpointContent = z.strictObject({
  version: z.literal(1),
  runId: z.string(),
  of: CheckpointOf.nullable(),
  agentVersion: z.string().nullable(),
  turn: naturalInt,
  calls: naturalInt,
  eventLogPosition: positiveInt,
  /** What the agent gave at the end of its turn, as JSON. */
  workingMemory: z.json(),
  pendingProposals: z.array(PendingProposal),
  ...CheckpointFacts.shape,
  metrics: AgentMetrics,
  unresolvedApprovals: z.array(UnresolvedApproval),
  suggestedNextAction: z.string(),
  /** Said by the agent itself. */
  agentSuggested: z.literal(true).optional(),
  createdAt: z.string(),
  /** Of a run that its client drives. */
  tracked: TrackedPacket.optional(),
});
export type CheckpointContent = z.infer<typeof CheckpointContent>;

/** Two: lists are told as edits. One, which says nothing of it, only told what came at their end; it is read all the same. */
export const CHECKPOINT_FORMAT = 2;

/** A checkpoint as it is stored: whole, or as what differs from the one before it. Both are only what somebody wrote there. */
export const PackedCheckpoint = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("full"), format: z.int().optional(), content: z.unknown() }),
  z.object({ kind: z.literal("delta"), format: z.int().optional(), delta: z.unknown() }),
]);
export type PackedCheckpoint = z.infer<typeof PackedCheckpoint>;

/** One whose bytes are kept: what must be known to thin out those that nobody needs. */
export const KeptCheckpoint = SignedCheckpoint.pick({
  id: true,
  full: true,
  former: true,
  keptIn: true,
}).extend({ seq: positiveInt });
export type KeptCheckpoint = Readonly<z.infer<typeof KeptCheckpoint>>;

/** The same as the run knows it: whose it was, and the event that says so. */
export type PassedOverTold = Readonly<PassedOver> & CheckpointOf & { readonly seq: number };

/** The last one of a run: the next names its signature. */
export type LastCheckpoint = Pick<SignedCheckpoint, "id"> & {
  readonly signature: string;
  readonly seq: number;
};

/** The last one that holds a memory of an attempt. */
export type AttemptCheckpoint = Pick<SignedCheckpoint, "id" | "turn" | "calls" | "agentVersion"> & {
  readonly seq: number;
  /** So many in a row are stored as differences. */
  readonly depth: number;
};
