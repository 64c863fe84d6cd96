/** What makes one value of JSON out of another. */
export type JsonDelta =
  | { readonly same: true }
  | { readonly put: unknown }
  /** Members that differ, and those that are gone. */
  | { readonly members: { readonly [key: string]: JsonDelta }; readonly gone: readonly string[] }
  /** So many items from the beginning stay, and these come behind them. */
  | { readonly keep: number; readonly add: readonly unknown[] };

const SAME: JsonDelta = { same: true };

// Memories grow at their end and change here and there: that is what is made short. Anything else is put anew.
export const deltaOf = (before: unknown, after: unknown): JsonDelta => {
  if (Object.is(before, after)) return SAME;
  if (Array.isArray(before) && Array.isArray(after)) return deltaOfLists(before, after);
  return isObject(before) && isObject(after) ? deltaOfObjects(before, after) : { put: after };
};

const deltaOfLists = (before: readonly unknown[], after: readonly unknown[]): JsonDelta => {
  const differs = after.findIndex((item, at) => at >= before.length || !isSame(before[at], item));
  const keep = differs === -1 ? after.length : differs;
  return keep === after.length && keep === before.length ? SAME : { keep, add: after.slice(keep) };
};

const deltaOfObjects = (before: JsonObject, after: JsonObject): JsonDelta => {
  const members = Object.entries(after).flatMap(([key, value]) => {
    const former = Object.hasOwn(before, key) ? before[key] : undefined;
    const delta: JsonDelta = former === undefined ? { put: value } : deltaOf(former, value);
    return "same" in delta ? [] : [[key, delta] as const];
  });
  const gone = Object.keys(before).filter((key) => !Object.hasOwn(after, key));
  if (members.length === 0 && gone.length === 0) return SAME;
  return { members: Object.fromEntries(members), gone };
};

const isSame = (before: unknown, after: unknown): boolean =>
  before !== undefined && "same" in deltaOf(before, after);

/** Throws for a delta that belongs to another value. */
export const applyDelta = (before: unknown, delta: JsonDelta): unknown => {
  if ("same" in delta) return before;
  if ("put" in delta) return delta.put;
  if ("keep" in delta) {
    if (!Array.isArray(before) || before.length < delta.keep) throw misfit();
    return [...before.slice(0, delta.keep), ...delta.add];
  }
  if (!isObject(before)) throw misfit();
  const kept = Object.entries(before).filter(([key]) => !delta.gone.includes(key));
  // Through entries: a member that is called __proto__ stays a member.
  const after = new Map<string, unknown>(kept);
  for (const [key, change] of Object.entries(delta.members))
    after.set(key, applyDelta(after.get(key) ?? null, change));
  return Object.fromEntries(after);
};

type JsonObject = { readonly [key: string]: unknown };

const isObject = (value: unknown): value is JsonObject =>
  value !== null && typeof value === "object" && !Array.isArray(value);

const misfit = (): Error => new Error("the difference belongs to another value");
