import * as z from "zod";
import { EffectClass, OnAmbiguous, Risk } from "./effects.js";
import * as limit from "./limits.js";
import { closed, textOf, textUpTo } from "./wire.js";

/** Variables that lead a program to the worker of its step. */
export const SOCKET_VARIABLE = "RUNLEDGER_SOCKET";
export const TOKEN_VARIABLE = "RUNLEDGER_SOCKET_TOKEN";
/** Leads a server for an MCP client to the worker that answers for the ledger; see `ask` below. */
export const WORKER_VARIABLE = "RUNLEDGER_WORKER";

/**
 * What a program says at the socket of its step, one JSON object a line: `begin` first, and when it is told to perform, one of
 * the others. It may also hang up, and then nobody knows whether the effect happened.
 */
export const SocketRequest = z.discriminatedUnion("type", [
  closed({
    type: z.literal("begin"),
    /** Of the step: that variable's value. */
    token: textUpTo(limit.SOCKET_TOKEN_CHARS),
    key: textOf(limit.EFFECT_KEY_CHARS),
    name: textOf(limit.EFFECT_NAME_CHARS),
    class: EffectClass,
    risk: Risk.default("none"),
    onAmbiguous: OnAmbiguous.nullable().default(null),
    /** Digest of what it is done with, when that matters. */
    input: textUpTo(limit.EFFECT_NAME_CHARS).nullable().default(null),
  }),
  closed({ type: z.literal("done"), value: z.json() }),
  closed({ type: z.literal("failed"), error: textUpTo(limit.REASON_CHARS) }),
  /** One question to the ledger, by whoever has this credential of the step's attempt; it is answered with `told`. */
  closed({
    type: z.literal("ask"),
    credential: textUpTo(limit.CREDENTIAL_CHARS),
    question: z.unknown(),
  }),
]);
export type SocketRequest = z.infer<typeof SocketRequest>;

/** What it is answered. */
export type SocketAnswer =
  /** It is yours: do it, with this key for the other side, and tell how it ended. */
  | { readonly type: "perform"; readonly key: string }
  /** On the disk: how it ended, now or before. */
  | {
      readonly type: "ended";
      readonly status: "done" | "skipped" | "failed";
      readonly value: unknown;
      readonly replayed: boolean;
    }
  | { readonly type: "told"; readonly value: Readonly<Record<string, unknown>> }
  | { readonly type: "error"; readonly error: SocketError };

export type SocketError = {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
  readonly details?: Readonly<Record<string, unknown>>;
};
