import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Command } from "../../src/core/commands.js";
import * as limit from "../../src/core/limits.js";
import { usualRecord } from "../../src/core/usual-record.js";

const call = {
  position: 3,
  name: "ask",
  class: "guarded",
  risk: "none",
  onAmbiguous: "fail",
  key: null,
  input: null,
};
const done = { kind: "done", value: { kind: "inline", json: '"yes"' } };
const usual = {
  type: "record_effects",
  stepId: "build",
  attempt: 1,
  entries: [
    { kind: "settled", call, outcome: done },
    { kind: "intended", call: { ...call, position: 4, key: "order-17", input: "ab" } },
  ],
};
describe("The command that agents give most is recognized", () => {
  test("without its schema, with the same answer", () => {
    expect(usualRecord(usual)).toStrictEqual(Command.parse(usual));
  });

  test("as a copy, which nobody can change behind the ledger's back", () => {
    const read = usualRecord(usual);
    expect(read?.entries[0]).not.toBe(usual.entries[0]);
    expect(read?.entries[1]).toMatchObject({ call: { key: "order-17" } });
  });

  test.each([
    ["of a candidate", { ...usual, candidate: 1 }],
    ["with a member that nobody knows", { ...usual, extra: 1 }],
    ["of an array that is none", { ...usual, entries: { 0: usual.entries[0], length: 1 } }],
    ["of too many entries", { ...usual, entries: Array(limit.EFFECT_ENTRIES + 1).fill(usual.entries[0]) }],
    ["with a name that is inherited", Object.create(usual)],
  ])("unless it is one %s", (_what, value) => {
    expect(usualRecord(value)).toBeUndefined();
  });
});

type Spoilt = Record<string, unknown>;
type Path = readonly (string | number)[];

/** Every place in a value, the whole of it left out. */
const placesIn = (value: unknown, at: Path = []): readonly Path[] =>
  typeof value !== "object" || value === null
    ? []
    : Object.entries(value).flatMap(([key, inner]) => [[...at, key], ...placesIn(inner, [...at, key])]);

const ODD = [
  ...[undefined, null, true, "", "a", "record_effects", "blob", "failed", "skipped", "waiting", "pure"],
  ...["x".repeat(limit.EFFECT_NAME_CHARS + 1), "x".repeat(limit.EFFECT_KEY_CHARS + 1)],
  ...[0, -0, -1, 1, 2, 1.5, Number.NaN, Number.MAX_SAFE_INTEGER + 1, Number.POSITIVE_INFINITY, "1"],
  ...[[], [undefined], {}, call, done, usual, { kind: "known" }, Object.create(call), new Date(0)],
];

/** One place holds something else, is gone, or has a neighbour. */
const spoilt = (value: object): fc.Arbitrary<Spoilt> =>
  fc
    .tuple(
      fc.constantFrom(...placesIn(value)),
      fc.constantFrom("replace", "remove", "add", "inherit"),
      fc.constantFrom(...ODD),
    )
    .map(([path, how, odd]) => {
      const copy = structuredClone(value) as Spoilt;
      const last = path.at(-1) ?? "";
      const holder = path.slice(0, -1).reduce<Spoilt>((inner, key) => inner[key] as Spoilt, copy);
      if (how === "replace") holder[last] = odd;
      if (how === "add") holder.extra = odd;
      if (how === "remove" || how === "inherit") delete holder[last];
      if (how === "inherit") {
        holder.extra = odd;
        Object.setPrototypeOf(holder, { [last]: odd });
      }
      return copy;
    });

/** As the journal keeps it, the order of its members included. */
const told = (value: unknown) => JSON.stringify(value);

describe("Whatever is taken as usual", () => {
  test("is read as its schema reads it", () => {
    fc.assert(
      fc.property(spoilt(usual), (value) => {
        const read = usualRecord(value);
        if (read !== undefined) expect(told(read)).toBe(told(Command.parse(value)));
      }),
      { numRuns: 2_000 },
    );
  });
});
