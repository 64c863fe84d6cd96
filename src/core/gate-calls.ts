import * as z from "zod";
import { misfit } from "./defects.js";
import { WAIT_MAX_MS } from "./gate-routes.js";
import { FirstIntent, intentStatuses, ReportOutcome } from "./intents.js";
import * as limit from "./limits.js";
import { positiveInt } from "./shapes.js";
import { closed, durationMs, listOf, readAs, textOf, textUpTo } from "./wire.js";

/**
 * What is asked of a gate and what it answers, in process and over HTTP alike. Whoever asks has read the payload: nothing here is a
 * path.
 */

const word = textOf(limit.INTENT_NAME_CHARS);
const intentId = textOf(limit.INTENT_NAME_CHARS);
/** A third longer than the bytes themselves. */
const BASE64_CHARS = Math.ceil(limit.INTENT_PAYLOAD_BYTES / 3) * 4;

/** SHA-256 of the bytes, by whoever read them; what arrives otherwise is refused. */
const digest = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .optional();

/** What is to leave the building: text, or bytes as base64. `type` is a file's extension, or `text`, `json`, `bytes`. */
export const PayloadSent = z.union([
  closed({ type: word, text: z.string().max(limit.INTENT_PAYLOAD_BYTES), digest }),
  closed({ type: word, base64: z.base64().max(BASE64_CHARS), digest }),
]);
export type PayloadSent = Readonly<z.infer<typeof PayloadSent>>;

/** What may be said of an intent beside its payload, under the names of seed 000 and under ours. */
const IntentTerms = closed({
  /** Left out, the intent gets a tracked run of its own. */
  runId: textOf(limit.ID_CHARS).optional(),
  destination: word,
  policy: word,
  action: word.nullable().optional(),
  scope: word.nullable().optional(),
  tags: listOf(word, limit.INTENT_TAGS).optional(),
  sensitivityTags: listOf(word, limit.INTENT_TAGS).optional(),
  recordCount: z.number().nullable().optional(),
  valueUsd: z.number().nullable().optional(),
  estimatedValueUsd: z.number().nullable().optional(),
  metadata: z.record(z.string().max(limit.INTENT_NAME_CHARS), z.json()).optional(),
  idempotencyKey: textOf(limit.EFFECT_KEY_CHARS).nullable().optional(),
  idempotency_key: textOf(limit.EFFECT_KEY_CHARS).nullable().optional(),
  /** The other side takes two executions under one key for one, so that a worker that was lost may be followed by another. */
  idempotent: z.boolean().optional(),
  onBehalfOf: word.nullable().optional(),
  /** How long it waits for an answer at most, such as "1h". */
  expiresIn: readAs("a duration such as 90s, 1h30m or 7d", (value) =>
    value === undefined ? null : durationMs(value, 1, limit.INTENT_WAIT_MAX_MS),
  ).optional(),
});

export const ProposeCall = closed({ ...IntentTerms.shape, payload: PayloadSent });
export type ProposeCall = Readonly<z.input<typeof ProposeCall>>;

/** `contentHash` is that of what was shown: another content is not approved. */
export const ApproveCall = closed({
  intentId,
  contentHash: z.string().length(64),
  reason: textUpTo(limit.REASON_CHARS).optional(),
  onBehalfOf: word.nullable().optional(),
});
export type ApproveCall = Readonly<z.input<typeof ApproveCall>>;

export const RejectCall = closed({
  intentId,
  /** Left out, it is denied as it is now. */
  contentHash: z.string().length(64).optional(),
  reason: textOf(limit.REASON_CHARS),
  onBehalfOf: word.nullable().optional(),
});
export type RejectCall = Readonly<z.input<typeof RejectCall>>;

export const CancelCall = closed({ intentId, reason: textOf(limit.REASON_CHARS) });
export type CancelCall = Readonly<z.input<typeof CancelCall>>;

export const ExecuteCall = closed({ intentId });
export type ExecuteCall = Readonly<z.input<typeof ExecuteCall>>;

/**
 * failed: it is known that nothing happened. unknown: nobody can tell. By whoever has the order's token; without one, by a person who
 * found out. Null is what `execute` answers where nothing is to be done: it is refused, for there is nothing to report.
 */
export const ReportCall = closed({
  intentId,
  executionToken: textOf(limit.ORDER_TOKEN_CHARS).nullish(),
  status: ReportOutcome,
  result: z.json().optional(),
  error: textUpTo(limit.REASON_CHARS).optional(),
});
export type ReportCall = Readonly<z.input<typeof ReportCall>>;

export const IntentCall = closed({ intentId });
export type IntentCall = Readonly<z.input<typeof IntentCall>>;

/** What was asked, as it is read. Throws `invalid_input`. */
export const readCall = <S extends z.ZodType>(what: string, schema: S, call: unknown): z.output<S> => {
  const { success, data, error } = schema.safeParse(call);
  if (success) return data;
  throw misfit(what, error.issues, call);
};

export const WaitCall = closed({ intentId, waitMs: z.number().min(0).max(WAIT_MAX_MS) });
export type WaitCall = Readonly<z.input<typeof WaitCall>>;

/** At most so many are listed at once. */
export const INTENTS_LISTED_MAX = 1_000;

export const ListIntentsCall = closed({
  /** Left out: of all runs that are not over, the newest run first; then those in doubt of runs that are. */
  runId: textOf(limit.ID_CHARS).optional(),
  statuses: listOf(z.enum(intentStatuses), intentStatuses.length).optional(),
  limit: positiveInt.max(INTENTS_LISTED_MAX).optional(),
});
export type ListIntentsCall = Readonly<z.input<typeof ListIntentsCall>>;
export type IntentsAsked = Readonly<z.output<typeof ListIntentsCall>>;
export type IntentAsked = Readonly<z.output<typeof ProposeCall>>;

const who = z.strictObject({ name: z.string(), role: z.string() });

/** An intent as whoever may see it is told. Times are ISO 8601, UTC. */
export const IntentView = z.strictObject({
  intentId: z.string(),
  runId: z.string(),
  status: z.enum(intentStatuses),
  /** In plain words, for people and models. */
  message: z.string(),
  /** True only where it is known that it happened for this intent. */
  executed: z.boolean(),
  destination: z.string(),
  /** `DESTINATION:KEY`; null where none was given. */
  sideEffectKey: z.string().nullable(),
  /** What an approval is of. */
  contentHash: z.string(),
  payload: z.strictObject({ type: z.string(), digest: z.string(), bytes: z.int() }),
  action: z.string().nullable(),
  scope: z.string().nullable(),
  tags: z.array(z.string()),
  recordCount: z.number().nullable(),
  valueUsd: z.number().nullable(),
  metadata: z.record(z.string(), z.json()),
  idempotent: z.boolean(),
  onBehalfOf: z.string().nullable(),
  proposedBy: who,
  proposedAt: z.string(),
  expiresAt: z.string().nullable(),
  policy: z.strictObject({
    id: z.string(),
    digest: z.string().nullable(),
    reason: z.string().nullable(),
    detail: z.string().nullable(),
    environment: z.string().nullable(),
    risk: z.string().nullable(),
  }),
  approvalsNeeded: z.int(),
  votes: z.array(
    z.strictObject({
      by: who,
      at: z.string(),
      decision: z.enum(["approve", "deny"]),
      reason: z.string(),
      onBehalfOf: z.string().nullable(),
      /** The delegation or standing approval by which they do; null without. */
      mandate: z.string().nullable(),
    }),
  ),
  execution: z
    .strictObject({
      executionId: z.string(),
      attempt: z.int(),
      by: who,
      orderedAt: z.string(),
      expiresAt: z.string(),
    })
    .nullable(),
  report: z
    .strictObject({ status: ReportOutcome, result: z.json(), error: z.string(), by: who, at: z.string() })
    .nullable(),
  /** Of one that was skipped: who has its key, and what became of that one, as far as it is known now. */
  first: z
    .strictObject({
      ...FirstIntent.shape,
      status: z.enum(intentStatuses).nullable(),
      result: z.json(),
      /** It was proposed with the very same payload. */
      samePayload: z.boolean(),
    })
    .nullable(),
  /** What came of it, or of the one that has its key; null where there is nothing. */
  result: z.json(),
});
export type IntentView = Readonly<z.infer<typeof IntentView>>;

/** An execution order, or what became of it where nothing is to be done any more. */
export const ExecutionView = z.strictObject({
  executionId: z.string().nullable(),
  intentId: z.string(),
  runId: z.string(),
  status: z.enum(intentStatuses),
  message: z.string(),
  executed: z.boolean(),
  /** The order was fetched before, and nobody said what became of it: it may have happened. */
  inDoubt: z.boolean(),
  attempt: z.int().nullable(),
  destination: z.string(),
  action: z.string().nullable(),
  sideEffectKey: z.string().nullable(),
  /** What is to be done, exactly as it was approved; null where nothing is. */
  payload: z
    .strictObject({
      type: z.string(),
      digest: z.string(),
      bytes: z.int(),
      text: z.string().nullable(),
      /** Where it is no text. */
      base64: z.string().nullable(),
    })
    .nullable(),
  /** Reports what became of it; null where nothing is to be done. */
  executionToken: z.string().nullable(),
  orderedAt: z.string().nullable(),
  expiresAt: z.string().nullable(),
  result: z.json(),
});
export type ExecutionView = Readonly<z.infer<typeof ExecutionView>>;

/** A policy's file as it is now. */
export type ListedPolicy = {
  readonly name: string;
  readonly file: string;
  /** One that is not blocks every intent that names it. */
  readonly readable: boolean;
  readonly digest: string | null;
  /** What it is for, in its own words. */
  readonly description: string | null;
  /** What is wrong with the file; null where it can be read. */
  readonly problem: string | null;
};

/** What decides on intents: `folder` is `gate.policies` and `environment` is `gate.environment` of the settings. */
export type ListedPolicies = {
  readonly folder: string;
  readonly environment: string | null;
  readonly policies: readonly ListedPolicy[];
};
