import type { EffectCall, EffectOutcome, EffectValue } from "./effects.js";
import { EffectClass, OnAmbiguous, Risk } from "./effects.js";
import type { EventBody } from "./events.js";
import * as limit from "./limits.js";

type Read = { readonly type: string; readonly version: number; readonly attempt: number | null };
type EffectBody = Extract<EventBody, { type: "effect_intended" | "effect_settled" }>;

/** Another one would be brought up to date by the schema's way, and this one with it. */
const VERSION: EffectBody["version"] = 1;

/**
 * Whether this is an event of an effect as its schema has it, told by looking alone: ten thousand of them are read back before
 * an agent goes on, and zod takes a copy of each object. False says nothing: the rarer shapes are left to the schema, as is
 * saying what does not fit.
 */
export const isEffectEvent = (body: Read & { readonly payload: unknown }): body is EffectBody => {
  const { type, version, attempt, payload } = body;
  if (version !== VERSION || !isCount(attempt)) return false;
  if (!isObject(payload) || typeof payload.stepId !== "string") return false;
  if (type === "effect_settled") return isEnd(payload);
  return type === "effect_intended" && isCall(payload.call) && sizeOf(payload) === 2;
};

type Members = Readonly<Record<string, unknown>>;

const isEnd = (payload: Members): boolean =>
  isCount(payload.position) &&
  (payload.call === null || isCall(payload.call)) &&
  isDone(payload.outcome) &&
  sizeOf(payload) === 4;

export const isCall = (call: unknown): call is EffectCall =>
  isObject(call) &&
  isCount(call.position) &&
  isName(call.name, limit.EFFECT_NAME_CHARS) &&
  isOneOf(EffectClass.options, call.class) &&
  isOneOf(Risk.options, call.risk) &&
  (call.onAmbiguous === null || isOneOf(OnAmbiguous.options, call.onAmbiguous)) &&
  (call.key === null || isName(call.key, limit.EFFECT_KEY_CHARS)) &&
  (call.input === null || typeof call.input === "string") &&
  sizeOf(call) === 7;

/** With a short result. */
export const isDone = (outcome: unknown): outcome is EffectOutcome =>
  isObject(outcome) && outcome.kind === "done" && isInline(outcome.value) && sizeOf(outcome) === 2;

const isInline = (value: unknown): value is EffectValue =>
  isObject(value) && value.kind === "inline" && typeof value.json === "string" && sizeOf(value) === 2;

const isObject = (value: unknown): value is Members => typeof value === "object" && value !== null;

const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && Number(value) >= 0;

const isName = (value: unknown, maxChars: number): boolean =>
  typeof value === "string" && value.length >= 1 && value.length <= maxChars;

const isOneOf = (options: readonly unknown[], value: unknown): boolean => options.includes(value);

/** What is there beside the members that were looked at has a key too. */
const sizeOf = (value: Members): number => {
  let size = 0;
  for (const _key in value) size += 1;
  return size;
};
