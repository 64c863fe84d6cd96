import type { CommandOf } from "./commands.js";
import { EffectCall, EffectClass, type EffectOutcome, OnAmbiguous, Risk } from "./effects.js";
import type { EventBody } from "./events.js";
import * as limit from "./limits.js";

// What agents record most is recognized by hand: that a call begins, and that it is done. The schemas say what holds. Whatever is
// not member for member as here is left to them, and a test holds both to the same answer. Each schema is code of its own to
// V8, which a process of a few hundred effects never comes to compile.

type RecordEffects = CommandOf<"record_effects">;
type Entry = RecordEffects["entries"][number];
type UsualBody = Extract<EventBody, { type: "effect_intended" | "effect_settled" }>;
type Members = Readonly<Record<string, unknown>>;

/** The command as its schema answers it; undefined leaves it to the schema. */
export const usualRecord = (value: unknown): RecordEffects | undefined => {
  const { type, stepId, attempt, entries } = membersOf(value, 4) ?? NONE;
  if (type !== "record_effects" || typeof stepId !== "string" || stepId === "") return undefined;
  if (!isInt(attempt) || !Array.isArray(entries) || Object.getPrototypeOf(entries) !== Array.prototype)
    return undefined;
  if (entries.length === 0 || entries.length > limit.EFFECT_ENTRIES) return undefined;
  const read: Entry[] = [];
  for (const one of entries) {
    const entry = usualEntry(one);
    if (entry === undefined) return undefined;
    read.push(entry);
  }
  return { type, stepId, attempt, entries: read };
};

/** What an event says, as its schema answers it; undefined leaves it to the schema. */
export const usualBody = (
  type: string,
  version: number,
  attempt: unknown,
  payload: unknown,
): UsualBody | undefined => {
  if (version !== 1 || !isCount(attempt)) return undefined;
  if (type === "effect_intended") {
    const { stepId, call } = membersOf(payload, 2) ?? NONE;
    const read = usualCall(call);
    if (typeof stepId !== "string" || read === undefined) return undefined;
    return { type, version, attempt, payload: { stepId, call: read } };
  }
  if (type !== "effect_settled") return undefined;
  const { stepId, position, call, outcome } = membersOf(payload, 4) ?? NONE;
  const read = call === null ? null : usualCall(call);
  const done = usualOutcome(outcome);
  if (typeof stepId !== "string" || !isCount(position) || read === undefined || done === undefined)
    return undefined;
  return { type, version, attempt, payload: { stepId, position, call: read, outcome: done } };
};

const usualEntry = (value: unknown): Entry | undefined => {
  const { kind, call } = membersOf(value, 2) ?? NONE;
  if (kind === "intended") {
    const read = usualCall(call);
    return read && { kind, call: read };
  }
  const settled = membersOf(value, 3) ?? NONE;
  if (settled.kind !== "settled") return undefined;
  const [read, outcome] = [usualCall(settled.call), usualOutcome(settled.outcome)];
  return read && outcome && { kind: settled.kind, call: read, outcome };
};

const usualCall = (value: unknown): EffectCall | undefined => {
  const {
    position,
    name,
    class: kind,
    risk,
    onAmbiguous,
    key,
    input,
  } = membersOf(value, CALL_MEMBERS) ?? NONE;
  if (!isCount(position) || !isText(name, limit.EFFECT_NAME_CHARS)) return undefined;
  if (!isOneOf(EffectClass.options, kind) || !isOneOf(Risk.options, risk)) return undefined;
  if (onAmbiguous !== null && !isOneOf(OnAmbiguous.options, onAmbiguous)) return undefined;
  if (key !== null && !isText(key, limit.EFFECT_KEY_CHARS)) return undefined;
  if (input !== null && typeof input !== "string") return undefined;
  return { position, name, class: kind, risk, onAmbiguous, key, input };
};

const CALL_MEMBERS = Object.keys(EffectCall.shape).length;

/** Done, with a result that is short. */
const usualOutcome = (value: unknown): EffectOutcome | undefined => {
  const { kind, value: result } = membersOf(value, 2) ?? NONE;
  const { kind: how, json } = membersOf(result, 2) ?? NONE;
  if (kind !== "done" || how !== "inline" || typeof json !== "string") return undefined;
  return { kind, value: { kind: how, json } };
};

const NONE: Members = {};

/** Of a plain object with exactly so many members of its own: who finds as many that fit has found all. */
const membersOf = (value: unknown, count: number): Members | undefined =>
  typeof value === "object" &&
  value !== null &&
  Object.getPrototypeOf(value) === Object.prototype &&
  Object.keys(value).length === count
    ? (value as Members)
    : undefined;

const isInt = (value: unknown): value is number => Number.isSafeInteger(value);
const isCount = (value: unknown): value is number => isInt(value) && value >= 0;
const isText = (value: unknown, most: number): value is string =>
  typeof value === "string" && value.length > 0 && value.length <= most;
const isOneOf = <T>(options: readonly T[], value: unknown): value is T =>
  (options as readonly unknown[]).includes(value);
