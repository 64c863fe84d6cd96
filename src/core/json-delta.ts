import * as limit from "./limits.js";

/** What makes one value of JSON out of another. */
export type JsonDelta =
  | { readonly same: true }
  | { readonly put: unknown }
  /** Members that differ, and those that are gone. */
  | { readonly members: { readonly [key: string]: JsonDelta }; readonly gone: readonly string[] }
  /** From the first item to the last: each of the former list is kept, dropped or changed, in its order. */
  | { readonly edits: readonly ListEdit[] }
  /** As lists were told at first: so many items from the beginning stay, and these come behind them. */
  | { readonly keep: number; readonly add: readonly unknown[] };

export type ListEdit =
  | { readonly keep: number }
  | { readonly drop: number }
  | { readonly change: JsonDelta }
  | { readonly add: readonly unknown[] };

const SAME: JsonDelta = { same: true };

// Memories grow at their end, lose their head when they are compacted, and change here and there: that is what is made short.
// Anything else is put anew.
export const deltaOf = (before: unknown, after: unknown, depth = 0): JsonDelta => {
  if (Object.is(before, after)) return SAME;
  if (depth < limit.DELTA_DEPTH && Array.isArray(before) && Array.isArray(after))
    return deltaOfLists(before, after, depth);
  if (depth < limit.DELTA_DEPTH && isObject(before) && isObject(after))
    return deltaOfObjects(before, after, depth);
  return isSame(before, after) ? SAME : { put: after };
};

const deltaOfObjects = (before: JsonObject, after: JsonObject, depth: number): JsonDelta => {
  const members = Object.entries(after).flatMap(([key, value]) => {
    const delta: JsonDelta = Object.hasOwn(before, key)
      ? deltaOf(before[key], value, depth + 1)
      : { put: value };
    return "same" in delta ? [] : [[key, delta] as const];
  });
  const gone = Object.keys(before).filter((key) => !Object.hasOwn(after, key));
  if (members.length === 0 && gone.length === 0) return SAME;
  return { members: Object.fromEntries(members), gone };
};

type List = readonly unknown[];

const deltaOfLists = (before: List, after: List, depth: number): JsonDelta => {
  const edits: ListEdit[] = [];
  let from = 0;
  let to = 0;
  for (const [left, right, count] of keptStretches(before, after)) {
    edits.push(...replaced(before.slice(from, left), after.slice(to, right), depth));
    if (count > 0) edits.push({ keep: count });
    from = left + count;
    to = right + count;
  }
  return edits.every((edit) => "keep" in edit) ? SAME : { edits };
};

/** So many items that stand at the one place in the former list stand at the other in the later one. */
type Stretch = readonly [before: number, after: number, count: number];

/** One in the place of the other where both have parts; the rest goes and comes. */
const replaced = (gone: List, come: List, depth: number): readonly ListEdit[] => {
  const edits: ListEdit[] = [];
  let paired = 0;
  while (paired < Math.min(gone.length, come.length) && hasParts(gone[paired]) && hasParts(come[paired])) {
    edits.push({ change: deltaOf(gone[paired], come[paired], depth + 1) });
    paired += 1;
  }
  if (gone.length > paired) edits.push({ drop: gone.length - paired });
  if (come.length > paired) edits.push({ add: come.slice(paired) });
  return edits;
};

/** In the order of both: the common beginning, what stands between around items that are there once, the common end. */
const keptStretches = (before: List, after: List): readonly Stretch[] => {
  const shorter = Math.min(before.length, after.length);
  let head = 0;
  while (head < shorter && isSame(before[head], after[head])) head += 1;
  let tail = 0;
  while (tail < shorter - head && isSame(before.at(-1 - tail), after.at(-1 - tail))) tail += 1;
  const middle = anchored(before.slice(head, before.length - tail), after.slice(head, after.length - tail));
  return [
    [0, 0, head],
    ...middle.map(([left, right, count]): Stretch => [left + head, right + head, count]),
    [before.length - tail, after.length - tail, tail],
  ];
};

const anchored = (before: List, after: List): readonly Stretch[] => {
  if (before.length === 0 || after.length === 0) return [];
  const left = before.map((item) => JSON.stringify(item));
  const right = after.map((item) => JSON.stringify(item));
  const places = onceIn(left);
  const pairs = [...onceIn(right)].flatMap(([text, at]): [number, number][] => {
    const place = places.get(text);
    return place === undefined ? [] : [[place, at]];
  });
  const stretches: Stretch[] = [];
  let [from, to] = [0, 0];
  for (const [place, at] of longestRising(pairs)) {
    if (place < from) continue;
    // Neighbours that stand there more than once belong to it as well.
    let [start, end] = [0, 1];
    while (place - start > from && at - start > to && left[place - start - 1] === right[at - start - 1])
      start += 1;
    while (place + end < left.length && at + end < right.length && left[place + end] === right[at + end])
      end += 1;
    stretches.push([place - start, at - start, start + end]);
    [from, to] = [place + end, at + end];
  }
  return stretches;
};

/** Where each text stands that is there once, in the order of the list. */
const onceIn = (texts: readonly string[]): ReadonlyMap<string, number> => {
  const places = new Map<string, number>();
  const often = new Set<string>();
  texts.forEach((text, at) => {
    if (places.has(text)) often.add(text);
    else places.set(text, at);
  });
  for (const text of often) places.delete(text);
  return places;
};

/** The most pairs whose first numbers rise; their second ones do already. */
const longestRising = (pairs: readonly (readonly [number, number])[]): [number, number][] => {
  type Link = { readonly pair: readonly [number, number]; readonly former: Link | undefined };
  const ends: Link[] = [];
  for (const pair of pairs) {
    let [low, high] = [0, ends.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((ends[middle]?.pair[0] ?? 0) < pair[0]) low = middle + 1;
      else high = middle;
    }
    ends[low] = { pair, former: ends[low - 1] };
  }
  const rising: [number, number][] = [];
  for (let link = ends.at(-1); link !== undefined; link = link.former) rising.push([...link.pair]);
  return rising.reverse();
};

const isSame = (before: unknown, after: unknown): boolean => {
  if (Object.is(before, after)) return true;
  if (Array.isArray(before) && Array.isArray(after))
    return before.length === after.length && before.every((item, at) => isSame(item, after[at]));
  if (!isObject(before) || !isObject(after)) return false;
  const keys = Object.keys(before);
  return (
    keys.length === Object.keys(after).length &&
    keys.every((key) => Object.hasOwn(after, key) && isSame(before[key], after[key]))
  );
};

/**
 * Throws for a delta that belongs to another value, and for what is none. Nothing of the former value is used twice, so what
 * comes out is never longer than both together: there is no delta that is a bomb.
 */
export const applyDelta = (before: unknown, delta: unknown, depth = 0): unknown => {
  if (!isObject(delta) || depth > limit.DELTA_DEPTH) throw misfit();
  if (delta.same === true) return before;
  if (Object.hasOwn(delta, "put")) return delta.put;
  if (Array.isArray(delta.edits)) return edited(before, delta.edits, depth);
  if (isObject(delta.members) && Array.isArray(delta.gone))
    return remade(before, delta.members, delta.gone, depth);
  const { keep, add } = delta;
  if (!Array.isArray(before) || !Array.isArray(add) || !isCount(keep) || before.length < keep) throw misfit();
  return [...before.slice(0, keep), ...add];
};

const edited = (before: unknown, edits: List, depth: number): List => {
  if (!Array.isArray(before)) throw misfit();
  const after: unknown[] = [];
  let at = 0;
  const pass = (count: number): List => {
    if (count > before.length - at) throw misfit();
    at += count;
    return before.slice(at - count, at);
  };
  for (const edit of edits) {
    if (!isObject(edit)) throw misfit();
    const { keep, drop, add, change } = edit;
    if (isCount(keep)) for (const item of pass(keep)) after.push(item);
    else if (isCount(drop)) pass(drop);
    else if (Array.isArray(add)) for (const item of add) after.push(item);
    else after.push(applyDelta(pass(1)[0], change, depth + 1));
  }
  if (at !== before.length) throw misfit();
  return after;
};

const remade = (before: unknown, members: JsonObject, gone: List, depth: number): JsonObject => {
  if (!isObject(before)) throw misfit();
  const left = new Set(gone);
  const kept = Object.entries(before).filter(([key]) => !left.has(key));
  // Through entries: a member that is called __proto__ stays a member.
  const after = new Map<string, unknown>(kept);
  for (const [key, change] of Object.entries(members))
    after.set(key, applyDelta(after.get(key) ?? null, change, depth + 1));
  return Object.fromEntries(after);
};

type JsonObject = { readonly [key: string]: unknown };

const isObject = (value: unknown): value is JsonObject =>
  value !== null && typeof value === "object" && !Array.isArray(value);

const hasParts = (value: unknown): boolean => value !== null && typeof value === "object";

const isCount = (value: unknown): value is number =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0;

const misfit = (): Error => new Error("the difference belongs to another value");
