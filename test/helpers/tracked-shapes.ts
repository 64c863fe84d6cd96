import * as z from "zod";
import {
  ListedArtifact,
  SignedCheckpoint,
  TrackedReason,
  TrackedReceipt,
} from "../../src/core/checkpoints.js";
import { Handoff, Lineage, SideEffectClass, trackedEventTypes } from "../../src/core/tracked.js";

const text = z.string();
const count = z.int().min(0);
const time = z.iso.datetime().describe("UTC, milliseconds");
const runId = text.regex(/^run_[0-9a-f]{32}$/);
const permissions = z.record(text, z.json()).describe("in the client's own words");

const named = <T extends z.ZodType>(id: string, schema: T): T => {
  z.globalRegistry.add(schema, { id });
  return schema;
};
for (const [id, schema] of Object.entries({ Handoff, Lineage, TrackedReceipt, ListedArtifact }))
  named(id, schema);

const Begun = z.strictObject({
  key: text,
  class: SideEffectClass,
  by: z.strictObject({ name: text, actorId: text }),
  resumedBy: z.array(text).describe("who has gone on with the run since, and answers for it too"),
  seq: count,
  at: time,
});

const Unanswered = z.strictObject({
  kind: z.enum(["intent", "handoff"]),
  id: text,
  about: text.describe("a destination, or whom the work was left to"),
  summary: text,
});

/** `Run.tracked`. */
export const Tracked = named(
  "Tracked",
  z.strictObject({
    agentId: text,
    runtime: text.nullable(),
    permissions,
    blockedCapabilities: z.array(text),
    lineage: Lineage.nullable().describe("the run that it goes on from, as it was then"),
    currentStep: text.nullable(),
    lastSafeSeq: count.nullable().describe("the last event that brought it forward"),
    interrupted: z.strictObject({ seq: count, at: time, reason: text }).nullable(),
    recorded: count,
    skipped: count,
    artifacts: count,
    keys: count.describe("side effects that must not happen again"),
    begun: z.array(Begun).describe("nobody has said that they were done"),
    underIntents: z
      .array(text)
      .describe(
        "keys of intents that its client used by itself: they stay taken whatever becomes of the intent",
      ),
    handoffs: z.array(Handoff).describe("open ones"),
    handoffsInAll: count,
    resumes: count,
    checkpoints: count,
    due: z
      .strictObject({ reason: TrackedReason, seq: count })
      .nullable()
      .describe("a boundary that no checkpoint holds yet"),
  }),
);

const Checkpoint = SignedCheckpoint.omit({ seal: true, previousSeal: true, journalHash: true }).extend({
  signature: text,
  seq: count.describe("the event that says it was signed"),
  at: time,
  holds: z.boolean(),
  thinned: z.boolean(),
  why: text.nullable().describe("it does not hold, in words that follow its id"),
  passedOver: z.strictObject({ why: text, seq: count }).nullable(),
  bytes: count.nullable(),
});

const Line = named(
  "TrackedEventLine",
  z.strictObject({
    eventId: text,
    seq: count,
    eventType: z.enum(trackedEventTypes),
    timestamp: time,
    actorId: text,
    stepName: text.nullable(),
    payload: z.json(),
    inputHash: text.nullable(),
    outputHash: text.nullable(),
    sideEffectClass: SideEffectClass,
    sideEffectKey: text.nullable(),
    status: z
      .enum(["recorded", "skipped", "not_happened"])
      .describe("not_happened: it was begun, and is known not to have happened"),
    first: z.strictObject({ runId, seq: count }).nullable().describe("where it was recorded first"),
  }),
);

const Integrity = named(
  "Integrity",
  z.strictObject({
    valid: z.boolean(),
    flaws: z.array(
      z.strictObject({ kind: text, runId: runId.nullable(), seq: count.nullable(), message: text }),
    ),
  }),
);

export const trackedShapes = {
  inspect: {
    run: z.strictObject({
      runId,
      ledgerId: text,
      status: z.enum(["active", "blocked", "interrupted", "completed", "failed"]),
      agentId: text,
      runtime: text.nullable(),
      intentSummary: text,
      currentStep: text.nullable(),
      interrupted: text.nullable().describe("why; null while it was not"),
      parentRunId: runId.nullable(),
      permissions,
      blockedCapabilities: z.array(text),
      events: count.describe("of the journal, all of them"),
      lastSafeSeq: count.nullable(),
      artifacts: count,
      intents: count,
      blockedSideEffects: count,
      skippedSideEffects: count,
      begunSideEffects: z.array(text),
      resumes: count,
      resumable: z.boolean(),
      createdAt: time,
      updatedAt: time,
    }),
    checkpoints: z.array(Checkpoint),
    resumableCheckpoints: z.array(text).describe("ids of those that hold now, the newest last"),
    artifacts: z.array(ListedArtifact).describe("the newest"),
    openHandoffs: z.array(Handoff),
    unresolvedApprovals: z.array(Unanswered),
  },
  events: {
    runId,
    events: z.array(Line),
    next: count.nullable().describe("what to give as --since for those that follow; null: no more now"),
  },
  verify: {
    valid: z.boolean(),
    ledgerIntegrity: Integrity,
    checkpointIntegrity: Integrity,
    lineageContinuity: Integrity,
    events: count,
    checkpoints: count,
  },
  checkpoint: {
    runId,
    checkpointId: text,
    sealedHash: text,
    isResumable: z.boolean(),
    reason: TrackedReason,
    createdAt: time,
  },
  answer: {
    runId,
    key: text,
    happened: z.boolean().describe("false: the key is free again"),
    ...{ eventId: text, seq: count, eventType: z.literal("tool_call_finished"), timestamp: time },
    status: z.literal("recorded"),
    first: z.null(),
  },
  resume: {
    runId,
    ledgerId: text,
    checkpointId: text.nullable().describe("null: none holds, and this is from the journal alone"),
    broken: z.array(z.strictObject({ id: text, why: text })).describe("newer ones that do not hold"),
    runtime: text.nullable(),
    agentId: text,
    intentSummary: text,
    currentStep: text.nullable(),
    receipts: z.array(TrackedReceipt).describe("the newest"),
    receiptsInAll: count,
    artifacts: z.array(ListedArtifact).describe("the newest"),
    artifactsInAll: count,
    unresolvedApprovals: z.array(Unanswered),
    openHandoffs: z.array(Handoff),
    remainingPermissions: permissions,
    blockedCapabilities: z.array(text),
    openExecutions: z
      .array(
        z.strictObject({
          ...{ intentId: text, executionId: text, destination: text },
          sideEffectKey: text.nullable(),
          orderedAt: time,
        }),
      )
      .describe("ordered, and not reported"),
    begun: z.array(Begun),
    blockedSideEffectKeys: z.array(text).describe("all of them; a Set in the library"),
    suggestedNextAction: text,
    resumedAt: time,
  },
} as const;
