import * as z from "zod";
import * as limit from "./limits.js";
import { closed } from "./wire.js";

/** What a host says of its own runs and steps: one vocabulary, in which its records and the ledger's are compared. */
export const HostRunStatus = z.enum(["pending", "running", "paused", "completed", "failed", "cancelled"]);
export type HostRunStatus = z.infer<typeof HostRunStatus>;

export const HostStepStatus = z.enum(["pending", "running", "completed", "failed", "skipped", "cancelled"]);
export type HostStepStatus = z.infer<typeof HostStepStatus>;

const SourceKind = z.enum(["workflow", "background"]);

/** Half a surrogate pair does not survive every table, and a record must come back as it was said. */
const words = (maxChars: number, minChars = 0) =>
  z
    .string()
    .min(minChars)
    .max(maxChars)
    .refine((text) => !/\p{Cs}/u.test(text), "text without half characters");

/** What came of it and what went wrong; "" for nothing. */
const outcome = {
  result: words(limit.RESULT_CHARS),
  error: words(limit.RESULT_CHARS),
};

const stepId = words(limit.HOST_ID_CHARS, 1);

export const HostStep = closed({
  stepId,
  goal: words(limit.GOAL_CHARS),
  agent: words(limit.HOST_ID_CHARS),
  dependsOn: z.array(stepId).max(limit.STEPS_PER_PLAN),
  status: HostStepStatus,
  ...outcome,
});
export type HostStep = z.infer<typeof HostStep>;

/** A run as its host keeps it: everything the host's reads may show, so that the ledger can answer in its place. */
export const HostRun = closed({
  /** The host's own name for it; the ledger's run id too, where it fits one. */
  id: words(limit.HOST_ID_CHARS, 1),
  kind: SourceKind,
  sessionKey: words(limit.SESSION_KEY_CHARS, 1),
  name: words(limit.GOAL_CHARS),
  request: words(limit.REQUEST_CHARS),
  /** The host's own definition of it, kept as it is. */
  descriptor: z.json(),
  /** ISO 8601, UTC, milliseconds; together with the id the order of lists. */
  createdAt: z.iso.datetime({ precision: 3 }),
  status: HostRunStatus,
  ...outcome,
  /** In the order in which they were added. */
  steps: z.array(HostStep).max(limit.STEPS_PER_PLAN),
});
export type HostRun = z.infer<typeof HostRun>;

/** One change that a host makes to a run. */
export const HostChange = z.discriminatedUnion("kind", [
  /** A step that was not there; one with this id that is there becomes this. */
  closed({ kind: z.literal("step"), step: HostStep }),
  closed({ kind: z.literal("step_status"), stepId, status: HostStepStatus, ...outcome }),
  closed({ kind: z.literal("run_status"), status: HostRunStatus, ...outcome }),
]);
export type HostChange = z.infer<typeof HostChange>;

/** Where a run comes from that the ledger records and its host drives. */
export const Source = z.strictObject({
  kind: SourceKind,
  /** Name of the host's table that it is mirrored with. */
  projection: z.string(),
  hostId: z.string(),
  createdAt: z.string(),
  descriptor: z.json(),
});
export type Source = z.infer<typeof Source>;
