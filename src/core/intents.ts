import { timingSafeEqual } from "node:crypto";
import * as z from "zod";
import { digestOf } from "./canonical.js";
import type { Actor } from "./events.js";
import * as limit from "./limits.js";
import { naturalInt, positiveInt, someText } from "./shapes.js";

const name = someText.max(limit.INTENT_NAME_CHARS);
const count = z.number();

/** What was to leave the building, as bytes that are kept beside the journal. */
const IntentPayload = z.strictObject({
  /** As its file is called behind the dot, or `text`, `json`, `bytes`. */
  type: name,
  /** SHA-256 of the bytes in hex, which is the name of their blob. */
  digest: z.string().length(64),
  bytes: naturalInt.max(limit.INTENT_PAYLOAD_BYTES),
});

/** What somebody asks leave for. Nothing of it changes any more: what is approved is what was proposed. */
export const IntentContent = z.strictObject({
  destination: name,
  /** With the destination it is a key: once in the whole ledger. Null: each such proposal is another one. */
  idempotencyKey: someText.max(limit.EFFECT_KEY_CHARS).nullable(),
  payload: IntentPayload,
  /** Which policy is asked; one that is not there blocks. */
  policy: name,
  action: name.nullable(),
  scope: name.nullable(),
  tags: z.array(name).max(limit.INTENT_TAGS),
  /** As the proposer counts; the policy refuses what is no count. */
  recordCount: count.nullable(),
  valueUsd: count.nullable(),
  metadata: z.record(z.string().max(limit.INTENT_NAME_CHARS), z.json()),
  /** The person in whose name it is asked for, as the proposer says. */
  onBehalfOf: name.nullable(),
  /** The other side takes two executions under one key for one. */
  idempotent: z.boolean(),
  /** How long it waits for an answer at most; null: as long as the policy says. */
  expiresInMs: positiveInt.max(limit.INTENT_WAIT_MAX_MS).nullable(),
});
export type IntentContent = Readonly<z.infer<typeof IntentContent>>;

/** What became of an execution. Failed: it is known that nothing happened. Unknown: nobody can tell yet. */
export const ReportOutcome = z.enum(["succeeded", "failed", "unknown"]);
export type ReportOutcome = z.infer<typeof ReportOutcome>;

/** Who asked first under the same key. */
export const FirstIntent = z.strictObject({ intentId: z.string(), runId: z.string(), seq: positiveInt });
export type FirstIntent = Readonly<z.infer<typeof FirstIntent>>;

/**
 * blocked, denied, expired, cancelled: it never happens. pending_approval, approved: it has not happened. ordered: somebody may be
 * doing it. succeeded, failed: it has happened, or is known not to. unknown: a person is to find out. skipped: another one has its key.
 */
export const intentStatuses = [
  "blocked",
  "pending_approval",
  "approved",
  "ordered",
  "succeeded",
  "failed",
  "unknown",
  "denied",
  "expired",
  "skipped",
  "cancelled",
] as const;
export type IntentStatus = (typeof intentStatuses)[number];

/** One person's word on exactly what they were shown. */
export type Vote = {
  readonly by: Actor;
  readonly at: string;
  readonly decision: "approve" | "deny";
  readonly contentHash: string;
  readonly reason: string;
  /** Whom they decide for, when they do not decide for themselves. */
  readonly onBehalfOf: string | null;
  /** The delegation or standing approval by which they do; null without. */
  readonly mandate: string | null;
};

/** Whose word a vote is. */
export const principalOf = ({ by, onBehalfOf }: Pick<Vote, "by" | "onBehalfOf">): string =>
  onBehalfOf ?? by.name;

/** Who may do it now, or may have done it. */
export type Order = {
  readonly executionId: string;
  /** How often it was fetched; each time its token is another one. */
  readonly attempt: number;
  readonly by: Actor;
  readonly sessionKey: string;
  readonly tokenHash: string;
  readonly at: string;
  /** Until then nobody else may fetch it. */
  readonly expiresAt: string;
};

/** What became of it. By its worker, or by a person, whose word is the last. */
export type IntentReport = {
  readonly seq: number;
  readonly at: string;
  readonly by: Actor;
  readonly outcome: ReportOutcome;
  /** As JSON; null where there is none. */
  readonly result: string | null;
  readonly error: string;
};

/** What the policy said, and under which conditions it may happen. */
export type PolicyWord = {
  readonly id: string;
  /** Of the whole policy; null where there is none of that name. */
  readonly digest: string | null;
  readonly reason: string;
  readonly detail: string;
  readonly environment: string | null;
  readonly risk: string | null;
};

/** A governed effect of a run, from its proposal to what became of it. */
export type Intent = {
  readonly intentId: string;
  /** The event that proposed it. */
  readonly seq: number;
  readonly by: Actor;
  readonly sessionKey: string;
  readonly at: string;
  /** The only ledger that lets it happen: in a copy of its run nothing is executed. */
  readonly ledgerId: string;
  readonly content: IntentContent;
  /** Binds an approval to all that was shown. */
  readonly contentHash: string;
  readonly policy: PolicyWord | null;
  readonly approvalsNeeded: number;
  readonly votes: readonly Vote[];
  /** ISO 8601, UTC; null for one that waits for nobody. */
  readonly expiresAt: string | null;
  readonly onNoResponse: string | null;
  /** How long it waits for an answer each time; 0 before its policy was asked. */
  readonly windowMs: number;
  /** So long after it was proposed whoever may approve is reminded. */
  readonly remindAfterMs: number | null;
  readonly reminded: boolean;
  /** Somebody else was asked as well. */
  readonly escalated: boolean;
  readonly order: Order | null;
  readonly report: IntentReport | null;
  readonly first:
    | (FirstIntent & { readonly status: IntentStatus | null; readonly result: string | null })
    | null;
  /** The last event by which people were asked something of it, or told that nobody answered; null for none. */
  readonly askedSeq: number | null;
  /** What ended it, in words; "" where nothing is to be said. */
  readonly endReason: string;
  readonly status: IntentStatus;
};

/** `RUN.SEQ`: where its proposal stands. */
export const intentIdOf = (runId: string, seq: number): string => `${runId}.${seq}`;

/** The run of an intent's id; undefined for what is none. */
export const runOfIntent = (intentId: string): string | undefined => /^(.+)\.[1-9]\d*$/.exec(intentId)?.[1];

/** `DESTINATION:KEY`, under which it happens once; null where none was given. */
export const sideEffectKey = ({
  destination,
  idempotencyKey,
}: Pick<IntentContent, "destination" | "idempotencyKey">): string | null =>
  idempotencyKey === null ? null : `${destination}:${idempotencyKey}`;

/** What a key was taken for. */
export const intentDigest = (content: IntentContent): string => digestOf({ intent: content });

/** Its key must not be free: it may still happen, or has. */
export const holdsKey = ({ status, content }: Intent): boolean =>
  content.idempotencyKey !== null && (status === "succeeded" || OPEN.has(status));

/** An intent of this very run has the key: what its client records under it is that one. */
export const isGoverned = ({ intents }: { readonly intents: readonly Intent[] }, key: string): boolean =>
  intents.some((intent) => holdsKey(intent) && sideEffectKey(intent.content) === key);

/** Whether the intent that has the key may be done twice. */
export const isIdempotentUnder = (
  { intents }: { readonly intents: readonly Intent[] },
  key: string,
): boolean =>
  intents.some(
    (intent) => holdsKey(intent) && intent.content.idempotent && sideEffectKey(intent.content) === key,
  );

/** Where keys of intents are kept in the table of keys. */
export const INTENT_SCOPE = "intent";

/** What a person approves: another run, policy or payload is another one. */
export const contentHashOf = (
  runId: string,
  content: IntentContent,
  policy: Pick<PolicyWord, "digest" | "environment">,
): string => {
  const { digest, environment } = policy;
  return digestOf({ intent: 1, runId, content, policyDigest: digest, environment });
};

/** The token of one order says nothing about any other. */
export const orderTokenHash = (token: string, of: { intentId: string; attempt: number }): string =>
  digestOf({ token, order: { intentId: of.intentId, attempt: of.attempt } });

/** In the same time for all, so that nobody learns how much of it was right. */
export const isOrderToken = (
  token: string,
  { intentId, order }: Pick<Intent, "intentId" | "order">,
): boolean => {
  const of = { intentId, attempt: order?.attempt ?? 0 };
  const expected = order?.tokenHash ?? "0".repeat(64);
  const equal = timingSafeEqual(Buffer.from(orderTokenHash(token, of), "hex"), Buffer.from(expected, "hex"));
  return equal && order !== null;
};

/** Its time is over: what becomes of it then is written down. One that was ordered is not over by time: somebody may be doing it. */
export const isOverdue = ({ status, expiresAt }: Intent, at: string): boolean =>
  (status === "pending_approval" || status === "approved") && expiresAt !== null && isBy(expiresAt, at);

/** Nobody answered in time, and that ends it. */
export const isExpired = (intent: Intent, at: string): boolean =>
  isOverdue(intent, at) && silenceOf(intent, at).kind === "expire";

const isBy = (moment: string, at: string): boolean => Date.parse(moment) <= Date.parse(at);

export type Silence =
  | { readonly kind: "expire" }
  | { readonly kind: "allow"; readonly expiresAt: string }
  | { readonly kind: "extend"; readonly how: "deferred" | "escalated"; readonly expiresAt: string };

/**
 * What becomes of one whose time is over, by its policy. It waits on for as long as it waited at first: deferred until nobody means
 * it any more, escalated once.
 */
export const silenceOf = (intent: Intent, at: string): Silence => {
  const { status, onNoResponse, at: proposedAt, windowMs, escalated } = intent;
  const waitsOn = Date.parse(at) + windowMs;
  const isStillMeant = waitsOn <= Date.parse(proposedAt) + limit.INTENT_WAIT_MAX_MS;
  if (status !== "pending_approval" || windowMs === 0 || !isStillMeant) return { kind: "expire" };
  const expiresAt = new Date(waitsOn).toISOString();
  if (onNoResponse === "auto_approve_if_low_risk") return { kind: "allow", expiresAt };
  if (onNoResponse === "defer") return { kind: "extend", how: "deferred", expiresAt };
  if (onNoResponse === "escalate" && !escalated) return { kind: "extend", how: "escalated", expiresAt };
  return { kind: "expire" };
};

/** Nobody has answered for so long that whoever may is told again. */
export const isReminderDue = (intent: Intent, at: string): boolean => {
  const remindAt = reminderOf(intent);
  return remindAt !== null && isBy(remindAt, at);
};

const reminderOf = ({ status, reminded, remindAfterMs, at }: Intent): string | null =>
  status !== "pending_approval" || reminded || remindAfterMs === null
    ? null
    : new Date(Date.parse(at) + remindAfterMs).toISOString();

/** When something is next to be written down of it without anybody; null for nothing. */
export const wakeOf = (intent: Intent): string | null => {
  const { status, expiresAt } = intent;
  const ends = status === "pending_approval" || status === "approved" ? expiresAt : null;
  const reminder = reminderOf(intent);
  if (ends === null || reminder === null) return ends ?? reminder;
  return Date.parse(reminder) < Date.parse(ends) ? reminder : ends;
};

/** Whoever fetched it has had its time. */
export const isOrderOver = ({ order }: Intent, at: string): boolean =>
  order !== null && Date.parse(order.expiresAt) <= Date.parse(at);

/** Not one that was proposed in the run whose past this one took over: nothing of that is executed here. */
export const isOwnIntent = (
  { runId }: { readonly runId: string },
  { intentId, seq }: Pick<Intent, "intentId" | "seq">,
): boolean => intentId === intentIdOf(runId, seq);

/** It waits for somebody, so its run is not done. */
export const isOpenIntent = ({ status }: Pick<Intent, "status">): boolean => OPEN.has(status);

const OPEN: ReadonlySet<IntentStatus> = new Set(["pending_approval", "approved", "ordered", "unknown"]);

/** Under these nothing more happens: it has happened, or may have; in this run, or in the one that had the key first. */
export const blockedIntentKeys = ({ intents }: { readonly intents: readonly Intent[] }): readonly string[] =>
  intents.flatMap((intent) => (mayHaveHappened(intent) ? (sideEffectKey(intent.content) ?? []) : []));

/** An order of what may be done twice blocks nothing: its worker fetches it again. */
const mayHaveHappened = ({ status, content, first }: Intent): boolean => {
  if (status === "skipped") return first?.status !== "pending_approval" && first?.status !== "approved";
  return status === "succeeded" || status === "unknown" || (status === "ordered" && !content.idempotent);
};
