import * as z from "zod";
import * as limit from "./limits.js";
import { naturalInt, positiveInt } from "./shapes.js";

export const FailureReason = z.enum(["aborted", "cancelled", "unmet_criteria"]);
export type FailureReason = z.infer<typeof FailureReason>;

/** Where a run begins that goes on from another one's past. */
export const ForkPoint = z.strictObject({
  runId: z.string(),
  /** The last event that was taken over. */
  seq: positiveInt,
  hash: z.string(),
});
export type ForkPoint = z.infer<typeof ForkPoint>;

/** The call of an attempt that started a run. */
export const ParentLink = z.strictObject({
  runId: z.string(),
  /** Its event that says so. */
  seq: positiveInt,
  stepId: z.string(),
  attempt: positiveInt,
  candidate: positiveInt.optional(),
  position: naturalInt,
  /** 1 for the child of a run that nobody started so. */
  depth: positiveInt.max(limit.CHILD_DEPTH_MAX),
});
export type ParentLink = z.infer<typeof ParentLink>;

/** What its parent learns of a child. */
export const ChildOutcome = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("ended"),
    status: z.enum(["completed", "failed"]),
    /** Null of one that is completed. */
    reason: FailureReason.nullable(),
    message: z.string(),
    /** Where it began, and its last verified commit; both null without workspace isolation. */
    base: z.string().nullable(),
    head: z.string().nullable(),
    criteria: z.array(
      z.strictObject({ description: z.string(), status: z.enum(["met", "unmet", "unchecked"]) }),
    ),
    waivers: naturalInt,
  }),
  /** Its parent ended before it was made, or it was taken out. */
  z.strictObject({ kind: z.literal("absent") }),
  /** It belongs to the run that this one was forked from. */
  z.strictObject({ kind: z.literal("left_behind") }),
]);
export type ChildOutcome = z.infer<typeof ChildOutcome>;
