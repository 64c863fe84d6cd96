import type { Caller } from "../../core/commands.js";
import { requireIntent } from "../../core/decide/intents.js";
import { isLedgerError, LedgerError } from "../../core/errors.js";
import type { StoredEvent } from "../../core/events.js";
import type { ExecutionView } from "../../core/gate-calls.js";
import {
  type Intent,
  type IntentContent,
  isOrderOver,
  orderTokenHash,
  type ReportOutcome,
  sideEffectKey,
} from "../../core/intents.js";
import * as limit from "../../core/limits.js";
import { textOf } from "../../core/payload.js";
import type { Ledger, SubmitOptions } from "../../ledger/ledger.js";
import type { OrderTokenOf } from "../../ledger/tokens.js";

/** What an intent's own function gets. */
export type ExecutionGiven = {
  readonly intentId: string;
  /** The same each time: hand it to the other side, which then takes two executions for one. */
  readonly key: string;
  readonly destination: string;
  readonly action: string | null;
  /** Exactly what was approved. */
  readonly payload: {
    readonly type: string;
    readonly digest: string;
    readonly bytes: Uint8Array;
    /** Null where it is no text. */
    readonly text: string | null;
  };
  /** Above 1 where an earlier one was lost on its way. */
  readonly attempt: number;
};

/** What is thrown by whoever knows that nothing happened; after anything else nobody can be sure. */
export class NotExecuted extends Error {
  override readonly name = "NotExecuted";
}

export type Execute = (given: ExecutionGiven) => Promise<unknown> | unknown;

export type Fetched = { readonly intent: Intent; readonly token: string; readonly isAgain: boolean };

export type Executing = {
  readonly ledger: Ledger;
  readonly caller: Caller;
  readonly orderTokenOf: OrderTokenOf;
  /** Of the call itself, where it may be asked again. */
  readonly keyed?: Pick<SubmitOptions, "idempotencyKey">;
};

/** So often another one may be faster before whoever asks is told so. */
const OVERTAKEN_MAX = 10;

export type Fetching = {
  /**
   * Nobody is asked before it is done: an order that was fetched before is fetched again only where doing it twice does no harm. It
   * takes no key of the call, for that would answer two processes with one order.
   */
  readonly toDoAtOnce: boolean;
};

/** The order, fetched by this caller; undefined where it may have happened and a person is to find out first. */
export const fetchOrder = async (
  { ledger, caller, orderTokenOf, keyed = {} }: Executing,
  runId: string,
  intentId: string,
  { toDoAtOnce }: Fetching,
): Promise<Fetched | undefined> => {
  for (let tried = 0; ; tried += 1) {
    const { order, content } = requireIntent(await ledger.load(runId), intentId);
    if (toDoAtOnce && order !== null && !content.idempotent) return undefined;
    const next = (order?.attempt ?? 0) + 1;
    const tokenHash = orderTokenHash(orderTokenOf({ intentId, attempt: next }), { intentId, attempt: next });
    try {
      const command = { type: "order_intent", intentId, attempt: next, tokenHash } as const;
      const { run, events } = await ledger.submit(runId, command, caller, toDoAtOnce ? {} : keyed);
      const intent = requireIntent(run, intentId);
      if (intent.status !== "ordered") return undefined;
      // A call that is asked again is answered with the order that it fetched then.
      const attempt = attemptIn(events) ?? next;
      requireNewest(intent, attempt);
      return { intent, token: orderTokenOf({ intentId, attempt }), isAgain: attempt > 1 };
    } catch (error) {
      const isBehind = isLedgerError(error, "intent_ordered") && "attempt" in error.details;
      if (!isBehind || tried >= OVERTAKEN_MAX) throw error;
    }
  }
};

const attemptIn = (events: readonly StoredEvent[]): number | undefined =>
  events.flatMap((event) => (event.type === "execution_ordered" ? [event.payload.attempt] : []))[0];

/** Whoever fetched it since may be doing it. */
const requireNewest = ({ intentId, order }: Intent, attempt: number): void => {
  if (order?.attempt === attempt) return;
  throw new LedgerError("intent_ordered", `The order of intent "${intentId}" was fetched again since.`, {
    hint: "Fetch it in a new call: that one tells whether it may have happened.",
  });
};

export const payloadOf = async (
  { store }: Ledger,
  runId: string,
  { intentId, content }: Intent,
): Promise<Uint8Array> => {
  const bytes = await store.getBlob(content.payload.digest, runId);
  if (bytes !== undefined) return bytes;
  throw new LedgerError("blob_corrupt", `The payload of intent "${intentId}" is not there.`, {
    hint: "Restore the ledger from a backup, or propose it anew.",
  });
};

export type Ended = {
  readonly outcome: ReportOutcome;
  readonly result: string | null;
  readonly error: string;
};

/** Once. What it throws leaves open whether it happened, unless it says that nothing did. */
export const performed = async (
  { ledger }: Pick<Executing, "ledger">,
  { intent, bytes }: { readonly intent: Intent; readonly bytes: Uint8Array },
  execute: Execute,
): Promise<Ended> => {
  const { intentId, content, order } = intent;
  const { destination, action, payload } = content;
  const given: ExecutionGiven = {
    ...{ intentId, destination, action, key: sideEffectKey(content) ?? intentId },
    payload: { type: payload.type, digest: payload.digest, bytes, text: textOf(bytes) },
    attempt: order?.attempt ?? 1,
  };
  try {
    return kept(ledger, await execute(given));
  } catch (error) {
    const outcome = error instanceof Error && error.name === "NotExecuted" ? "failed" : "unknown";
    return { outcome, result: null, error: wordsOf(ledger, error) };
  }
};

const wordsOf = ({ redactor }: Ledger, error: unknown): string =>
  redactor.text(error instanceof Error ? error.message : String(error)).slice(0, limit.REASON_CHARS);

/** That its result cannot be kept is no reason to say that it did not happen. */
const kept = ({ redactor }: Ledger, value: unknown): Ended => {
  const result = jsonOf(() => redactor.deep(value ?? null));
  if (result !== undefined && Buffer.byteLength(result) <= limit.INTENT_RESULT_BYTES)
    return { outcome: "succeeded", result, error: "" };
  const error = `Its result cannot be kept: at most ${limit.INTENT_RESULT_BYTES} bytes of JSON.`;
  return { outcome: "succeeded", result: null, error };
};

const jsonOf = (value: () => unknown): string | undefined => {
  try {
    return JSON.stringify(value());
  } catch {
    return undefined;
  }
};

/** Somebody with this credential fetched it and never said what became of it; whoever asks now is not the one who would know. */
export const isLost = (intent: Intent, at: string): boolean =>
  intent.status === "ordered" && !intent.content.idempotent && isOrderOver(intent, at);

/** Answers pass the redactor: under the order's token a worker would do what nobody approved. Throws `execution_refused`. */
export const requireTellable = (
  { redactor }: Pick<Ledger, "redactor">,
  { intentId, content }: Intent,
  bytes: Uint8Array,
): void => {
  const told = whatIsDone(content, bytes);
  if (redactor.whole.json(told) === JSON.stringify(told)) return;
  throw new LedgerError(
    "execution_refused",
    `What intent "${intentId}" is about holds what is a secret by now, or looks like one, so it cannot be told as it was approved. Nothing was ordered.`,
    {
      hint: "Cancel it, and propose it anew without the secret. If it is none: secrets.except.",
      details: { intentId },
    },
  );
};

const whatIsDone = (content: IntentContent, bytes: Uint8Array) => {
  const { destination, action, payload } = content;
  const text = textOf(bytes);
  const base64 = text === null ? Buffer.from(bytes).toString("base64") : null;
  return {
    destination,
    action,
    sideEffectKey: sideEffectKey(content),
    payload: { ...payload, text, base64 },
  };
};

export const orderOf = (
  { intent, token, isAgain }: Fetched,
  runId: string,
  bytes: Uint8Array,
): ExecutionView => {
  const { intentId, content, order } = intent;
  const inDoubt = isAgain && !content.idempotent;
  return {
    executionId: order?.executionId ?? null,
    ...{ intentId, runId, status: intent.status, message: inDoubt ? AGAIN : ONCE, executed: false, inDoubt },
    ...{ attempt: order?.attempt ?? null, ...whatIsDone(content, bytes) },
    ...{ executionToken: token, orderedAt: order?.at ?? null, expiresAt: order?.expiresAt ?? null },
    result: null,
  };
};

const ONCE = "Execute it once, and report what became of it with this token. It was NOT executed yet.";
const AGAIN =
  "This order was fetched before, and nobody said what became of it: it may have happened. Execute it only if you know that it did not; else report what you know, or unknown.";
