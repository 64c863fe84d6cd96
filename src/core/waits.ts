import { timingSafeEqual } from "node:crypto";
import * as z from "zod";
import { digestOf } from "./canonical.js";
import * as limit from "./limits.js";
import { naturalInt, someText } from "./shapes.js";

const position = naturalInt;
const name = someText.max(limit.EFFECT_NAME_CHARS);

/** What an attempt is about to wait for. It takes a position among the attempt's calls, as an effect does. */
export const WaitCall = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("timer"),
    position,
    name,
    /** From the moment at which it is armed; never counted again. */
    ms: naturalInt.max(limit.SLEEP_MAX_MS),
  }),
  z.strictObject({ kind: z.literal("promise"), position, name, tokenHash: z.string().length(64) }),
  z.strictObject({
    kind: z.literal("child"),
    position,
    name,
    /** Chosen before it is made: whoever comes here again makes the same run, and no second one. */
    childId: someText.max(limit.ID_CHARS),
    /** Digest of its plan and request. */
    input: z.string().length(64),
  }),
]);
export type WaitCall = z.infer<typeof WaitCall>;

/** What a wait and an effect have in common: a later life of the attempt must come with the same. */
export type Fingerprint = {
  readonly position: number;
  readonly name: string;
  readonly class: string;
  readonly key: string | null;
  readonly input: string | null;
};

export const waitPrint = (
  call: Pick<WaitCall, "kind" | "position" | "name"> & {
    readonly ms?: number;
    readonly input?: string;
  },
): Fingerprint => ({
  position: call.position,
  name: call.name,
  class: call.kind,
  key: null,
  input: call.ms === undefined ? (call.input ?? null) : `${call.ms}ms`,
});

export type Timer = {
  readonly kind: "timer";
  readonly position: number;
  readonly name: string;
  readonly since: string;
  /** Of the clock, not of a duration: whoever goes on with the attempt does not begin to count again. */
  readonly dueAt: string;
};

export type DurablePromise = {
  readonly kind: "promise";
  readonly position: number;
  readonly name: string;
  readonly since: string;
  readonly tokenHash: string;
  /** The run that its token is bound to: of a promise that a fork took over it is the other one. */
  readonly madeIn: string;
  /** The event that resolved it, and the digest of what that says; null while it is open. */
  readonly resolved: { readonly seq: number; readonly outcome: string } | null;
};

/** A run that the attempt has started and waits for. */
export type Child = {
  readonly kind: "child";
  readonly position: number;
  readonly name: string;
  readonly since: string;
  /** The event that started it: its own first event names this one. */
  readonly seq: number;
  readonly childId: string;
  /** The event that says what became of it; null while it is waited for. */
  readonly finished: { readonly seq: number } | null;
};

/** Of the current attempt; a timer that fired is gone, the others stay: nobody resolves a promise twice, nor starts a child. */
export type Wait = Timer | DurablePromise | Child;

export const isOver = (wait: Wait): boolean =>
  (wait.kind === "promise" && wait.resolved !== null) || (wait.kind === "child" && wait.finished !== null);

/** Which promise of which attempt it is: what its token is made for. */
export type PromiseName = {
  readonly runId: string;
  readonly stepId: string;
  readonly attempt: number;
  readonly candidate?: number | undefined;
  readonly position: number;
};

/** As people type it: STEP/ATTEMPT/POSITION, of a raced step STEP/ATTEMPT.CANDIDATE/POSITION. */
export const promiseId = ({ stepId, attempt, candidate, position: at }: Omit<PromiseName, "runId">): string =>
  `${stepId}/${attempt}${candidate === undefined ? "" : `.${candidate}`}/${at}`;

/** The token of one promise says nothing about any other. */
export const tokenHash = (token: string, of: PromiseName): string => {
  const { runId, stepId, attempt, candidate = null, position: at } = of;
  return digestOf({ token, promise: { runId, stepId, attempt, candidate, position: at } });
};

/** In the same time for all, so that nobody learns how much of it was right. */
export const isToken = (token: string, of: PromiseName, expected: string): boolean =>
  timingSafeEqual(Buffer.from(tokenHash(token, of), "hex"), Buffer.from(expected, "hex"));
