import * as z from "zod";
import * as limit from "./limits.js";
import { naturalInt, someText } from "./shapes.js";
import { EventRecorded, Handoff, Permissions } from "./tracked.js";
import { EventPayload } from "./tracked-wire.js";
import { closed } from "./wire.js";

const name = someText.max(limit.TRACKED_NAME_CHARS);
const checkpointId = z.string().max(limit.ID_CHARS).nullable();

/** What may be asked of runs that their client drives. */
export const trackedCommands = [
  closed({
    type: z.literal("start_run"),
    agentId: name,
    intentSummary: z.string().trim().min(1).max(limit.GOAL_CHARS),
    runtime: name.nullable(),
    parentRunId: z.string().max(limit.ID_CHARS).nullable(),
    permissions: Permissions,
    blockedCapabilities: z.array(name).max(limit.CAPABILITIES_MAX),
  }),
  /** Whether it was done before, the ledger finds out itself. */
  closed({
    type: z.literal("record_event"),
    event: EventRecorded.omit({ skipped: true }).extend({
      payload: EventPayload,
      /** At the end of what was begun; left out, it happened, and whoever says so drives the run. */
      happened: z.boolean().optional(),
    }),
  }),
  closed({ type: z.literal("open_handoff"), handoff: Handoff }),
  closed({
    type: z.literal("complete_handoff"),
    id: z.string().max(limit.ID_CHARS),
    summary: z.string().max(limit.REASON_CHARS),
  }),
  closed({
    type: z.literal("resume_tracked"),
    checkpointId,
    broken: z
      .array(z.strictObject({ id: z.string().max(limit.ID_CHARS), why: z.string().max(limit.REASON_CHARS) }))
      .max(limit.CHECKPOINTS_TRIED),
    blockedKeys: naturalInt,
  }),
  closed({
    type: z.literal("end_tracked"),
    outcome: z.enum(["completed", "failed"]),
    message: z.string().max(limit.REASON_CHARS),
  }),
] as const;

/** Somebody notices that its client is gone. */
export const interruptionOf = (actorId: string, reason: string) =>
  ({
    type: "record_event",
    event: {
      eventType: "interruption_detected",
      actorId,
      stepName: null,
      payload: { reason },
      inputHash: null,
      outputHash: null,
      sideEffectClass: "none",
      sideEffectKey: null,
      artifact: null,
    },
  }) as const;
