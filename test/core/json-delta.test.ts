import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { applyDelta, deltaOf } from "../../src/core/json-delta.js";
import { DELTA_DEPTH } from "../../src/core/limits.js";

/** As it is when it comes back from where it was written. */
const stored = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

const again = (before: unknown, after: unknown): unknown =>
  applyDelta(before, stored(deltaOf(before, after)));

const sizeOf = (before: unknown, after: unknown): number => JSON.stringify(deltaOf(before, after)).length;

const json = fc.jsonValue({ maxDepth: 5 }).map(stored);
/** Many that are the same, some that are there once, and some that have parts. */
const item = fc.oneof(
  fc.integer({ min: 0, max: 3 }),
  fc.integer(),
  fc.record({ role: fc.constantFrom("a", "b"), text: fc.string({ maxLength: 3 }) }),
);

/** What becomes of a list between two turns: its head goes, some in it change, others come behind. */
const lists = fc
  .tuple(
    fc.array(item, { maxLength: 30 }),
    fc.nat(10),
    fc.array(item, { maxLength: 10 }),
    fc.array(fc.nat(29)),
  )
  .map(([before, drop, add, changed]) => {
    const after: unknown[] = [...before];
    for (const at of changed) if (at < after.length) after[at] = { changed: at, was: after[at] };
    return [before, [...after.slice(drop), ...add]] as const;
  });

const conversation = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, at) => ({
    role: "user",
    text: `what was said as number ${from + at}`,
  }));

describe("what differs between two values of JSON", () => {
  it("makes the later one of the former, whatever they are", () => {
    fc.assert(
      fc.property(json, json, (before, after) => {
        expect(again(before, after)).toEqual(after);
      }),
    );
    fc.assert(
      fc.property(lists, ([before, after]) => {
        expect(again(before, after)).toEqual(after);
        expect(again({ deep: [before] }, { deep: [after] })).toEqual({ deep: [after] });
      }),
    );
  });

  it("is nothing between two that are the same", () => {
    fc.assert(
      fc.property(json, (value) => {
        expect(deltaOf(value, stored(value))).toEqual({ same: true });
      }),
    );
  });

  it("keeps members that are called like something else", () => {
    const after: unknown = JSON.parse('{"__proto__":{"a":1},"constructor":[1],"same":true,"put":2,"keep":3}');
    for (const before of [{}, { same: false }, JSON.parse('{"__proto__":{"a":2}}') as unknown])
      expect(JSON.stringify(again(before, after))).toHaveLength(JSON.stringify(after).length);
  });

  it.each([
    ["grows at its end", conversation(0, 1_000), conversation(0, 1_010)],
    ["loses its head and grows", conversation(0, 1_000), conversation(10, 1_010)],
    [
      "loses what comes behind its first",
      conversation(0, 1_000),
      [conversation(0, 1), conversation(500, 1_010)].flat(),
    ],
    ["is told anew up to its last hundred", conversation(0, 1_000), ["so far", ...conversation(900, 1_001)]],
    [
      "has one in the middle that differs",
      conversation(0, 1_000),
      conversation(0, 1_000).with(500, { role: "user", text: "no" }),
    ],
    ["has one more at its beginning", conversation(1, 1_000), conversation(0, 1_000)],
    [
      "has many that are the same around it",
      ["ok", ...conversation(0, 500), "ok", "ok"],
      ["ok", ...conversation(9, 510), "ok", "ok"],
    ],
  ])("is short for a list that %s", (_what, before, after) => {
    expect(again(before, after)).toEqual(after);
    expect(sizeOf(before, after)).toBeLessThan(1_000);
  });

  it("goes only so deep", () => {
    const nested = (depth: number, leaf: string): unknown => (depth === 0 ? leaf : [nested(depth - 1, leaf)]);
    for (const depth of [DELTA_DEPTH - 1, DELTA_DEPTH, DELTA_DEPTH + 1, 200])
      expect(again(nested(depth, "a"), nested(depth, "b"))).toEqual(nested(depth, "b"));
  });
});

describe("a difference", () => {
  it("of lists as they were told at first is still understood", () => {
    const before = { log: [1, 2, 3], other: 1 };
    const delta = { members: { log: { keep: 2, add: [4] } }, gone: ["other"] };
    expect(applyDelta(before, delta)).toEqual({ log: [1, 2, 4] });
  });

  it.each<[string, unknown]>([
    ["nothing", null],
    ["a number", 1],
    ["no operation", {}],
    ["more than there is", { edits: [{ keep: 4 }] }],
    ["less than there is", { edits: [{ keep: 2 }] }],
    ["something twice", { edits: [{ keep: 3 }, { keep: 3 }] }],
    ["a count below nothing", { edits: [{ drop: -1 }, { keep: 3 }] }],
    ["half an item", { edits: [{ keep: 1.5 }, { drop: 1.5 }] }],
    ["a count that is none", { edits: [{ keep: "3" }] }],
    ["an edit that is none", { edits: [null, { keep: 3 }] }],
    ["a change behind the end", { edits: [{ keep: 3 }, { change: { put: 1 } }] }],
    ["a change that is none", { edits: [{ change: 1 }, { keep: 2 }] }],
    ["members of a list", { members: {}, gone: [] }],
    ["too many of the old kind", { keep: 4, add: [] }],
  ])("that says %s is refused", (_what, delta) => {
    expect(() => applyDelta([1, 2, 3], delta)).toThrow("belongs to another value");
  });

  it("that goes too deep is refused", () => {
    let delta: unknown = { put: 1 };
    let before: unknown = 0;
    for (let depth = 0; depth <= DELTA_DEPTH; depth += 1) {
      delta = { edits: [{ change: delta }] };
      before = [before];
    }
    expect(() => applyDelta(before, delta)).toThrow("belongs to another value");
  });
});
