import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isLedgerError } from "../../src/core/errors.js";
import { readPlan, readSteps, readValidator } from "../../src/core/plan.js";
import { planWire } from "../../src/core/plan-wire.js";
import { Plan } from "../../src/core/spec.js";
import { plans } from "../helpers/arbitrary-plans.js";
import { planOf, stepOf } from "./plan-helpers.js";

describe("planWire and readPlan are each other's inverse", () => {
  it("for every plan, as an object, as JSON and in a fence", () => {
    fc.assert(
      fc.property(plans, (plan) => {
        const wire = planWire(plan);
        expect(readPlan(wire)).toEqual(plan);
        expect(readPlan(JSON.stringify(wire))).toEqual(plan);
        expect(readPlan(`So:\n\`\`\`json\n${JSON.stringify(wire, null, 2)}\n\`\`\`\nGood?`)).toEqual(plan);
        expect(Plan.parse(plan)).toEqual(plan);
      }),
      { numRuns: 300 },
    );
  });
});

const KEYS = [
  "goal",
  "steps",
  "protect",
  "acceptance_criteria",
  "id",
  "owner_agent",
  "depends_on",
  "tool_profile",
  "validator",
  "may_change",
  "max_retries",
  "timeout",
  "type",
  "target",
  "params",
  "work_dir",
  "paths",
  "only",
  "description",
  "__proto__",
  "constructor",
  "toString",
  "length",
];
const odd = fc.oneof(
  fc.constantFrom(
    null,
    true,
    0,
    -1,
    1.5,
    1e300,
    "",
    " ",
    "a",
    "..",
    "-x",
    "/x",
    "build_pass",
    "test_pass",
    "__proto__",
  ),
  fc.string({ unit: "binary", maxLength: 20 }),
);
const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
  tree: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    odd,
    fc.array(tie("tree"), { maxLength: 4 }),
    fc.array(fc.tuple(fc.constantFrom(...KEYS), tie("tree")), { maxLength: 6 }).map(
      // Through JSON, so that `__proto__` becomes a key of its own, as it does in a plan.
      (entries) =>
        JSON.parse(`{${entries.map(([key, value]) => `"${key}":${JSON.stringify(value)}`).join(",")}}`),
    ),
  ),
}));

/** A good plan with one member of its tree replaced. */
const damaged = fc.tuple(tree, fc.nat()).map(([value, pick]) => {
  const plan: unknown = JSON.parse(JSON.stringify(planWire(readPlan(planOf(stepOf(), stepOf({ id: "b" }))))));
  const places: [object, string][] = [];
  const walk = (node: unknown): void => {
    if (typeof node !== "object" || node === null) return;
    for (const [key, child] of Object.entries(node)) {
      places.push([node, key]);
      walk(child);
    }
  };
  walk(plan);
  const [node, key] = places[pick % places.length] ?? [{}, ""];
  Reflect.set(node, key, value);
  return plan;
});

/** JSON text with a stretch cut out or something put in. */
const mangled = fc.tuple(plans, fc.nat(), fc.nat({ max: 30 }), odd).map(([plan, at, length, insert]) => {
  const text = `\`\`\`json\n${JSON.stringify(planWire(plan))}\n\`\`\``;
  const start = at % text.length;
  return text.slice(0, start) + String(insert) + text.slice(start + length);
});

describe("whatever comes in, it is read or refused on purpose", () => {
  it("for 2,000 malformed inputs", () => {
    let refused = 0;
    const input = fc.oneof(
      tree,
      damaged,
      mangled,
      tree.map((value) => JSON.stringify(value)),
      fc.string(),
    );
    fc.assert(
      fc.property(input, (value) => {
        const reads = [
          () => readPlan(value, { agents: ["coder"] }),
          () => readSteps(value, { existing: [{ id: "a", dependsOn: [] }], replaces: "a" }),
          () => readValidator(value),
        ];
        for (const read of reads) {
          try {
            read();
          } catch (error) {
            if (!isLedgerError(error)) throw error;
            expect(["parse_failed", "validation_failed"]).toContain(error.code);
            refused++;
          }
        }
      }),
      { numRuns: 2_000 },
    );
    expect(refused).toBeGreaterThan(4_000);
    expect(({} as Record<string, unknown>).goal).toBeUndefined();
  });

  it("and what it reads holds every rule of the stored plan", () => {
    fc.assert(
      fc.property(fc.oneof(damaged, mangled), (value) => {
        let plan: Plan;
        try {
          plan = readPlan(value);
        } catch {
          return;
        }
        expect(Plan.parse(plan)).toEqual(plan);
        expect(readPlan(planWire(plan))).toEqual(plan);
      }),
      { numRuns: 500 },
    );
  });
});
