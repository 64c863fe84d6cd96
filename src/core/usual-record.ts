import type { CommandOf } from "./commands.js";
import { isCall, isDone } from "./effect-fits.js";
import type { EffectCall, EffectOutcome } from "./effects.js";
import * as limit from "./limits.js";

type RecordEffects = CommandOf<"record_effects">;
type Entry = RecordEffects["entries"][number];
type Members = Readonly<Record<string, unknown>>;

/**
 * The command that agents give most, as its schema answers it: a copy, whose members were read once. Undefined leaves it to the
 * schema, as all that is rarer and all that does not fit. To V8 each schema is code of its own, which a process of a few hundred
 * effects never comes to compile.
 */
export const usualRecord = (value: unknown): RecordEffects | undefined => {
  const { type, stepId, attempt, entries } = membersOf(value, 4) ?? NONE;
  if (type !== "record_effects" || typeof stepId !== "string" || stepId === "") return undefined;
  if (typeof attempt !== "number" || !Number.isSafeInteger(attempt)) return undefined;
  if (!Array.isArray(entries) || Object.getPrototypeOf(entries) !== Array.prototype) return undefined;
  if (entries.length === 0 || entries.length > limit.EFFECT_ENTRIES) return undefined;
  const read: Entry[] = [];
  for (const one of entries) {
    const entry = usualEntry(one);
    if (entry === undefined) return undefined;
    read.push(entry);
  }
  return { type, stepId, attempt, entries: read };
};

const usualEntry = (value: unknown): Entry | undefined => {
  const { kind, call } = membersOf(value, 2) ?? NONE;
  if (kind === "intended") {
    const read = callIn(call);
    return read && { kind, call: read };
  }
  const settled = membersOf(value, 3) ?? NONE;
  if (settled.kind !== "settled") return undefined;
  const [read, outcome] = [callIn(settled.call), doneIn(settled.outcome)];
  return read && outcome && { kind: settled.kind, call: read, outcome };
};

const callIn = (value: unknown): EffectCall | undefined => {
  const { position, name, class: kind, risk, onAmbiguous, key, input } = membersOf(value, 7) ?? NONE;
  const call = { position, name, class: kind, risk, onAmbiguous, key, input };
  return isCall(call) ? call : undefined;
};

const doneIn = (value: unknown): EffectOutcome | undefined => {
  const { kind, value: result } = membersOf(value, 2) ?? NONE;
  const { kind: how, json } = membersOf(result, 2) ?? NONE;
  const outcome = { kind, value: { kind: how, json } };
  return isDone(outcome) ? outcome : undefined;
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
