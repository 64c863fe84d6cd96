import { describe, expect, it } from "vitest";
import { readPlan } from "../../src/core/plan.js";
import { planOf, refusal, stepOf, told } from "./plan-helpers.js";

const UNSEEN = ["plan: a value that cannot be looked at → plain data"];

describe("readPlan of values that only a program can hand in", () => {
  it("refuses a getter that throws", () => {
    const plan = Object.defineProperty(planOf(stepOf()), "goal", {
      get: () => {
        throw new Error("do not look");
      },
    });
    expect(told(() => readPlan(plan))).toEqual(UNSEEN);
  });

  it("refuses a revoked proxy, wherever it stands", () => {
    const { proxy, revoke } = Proxy.revocable([], {});
    revoke();
    expect(told(() => readPlan(proxy))).toEqual(UNSEEN);
    expect(told(() => readPlan(planOf(stepOf({ depends_on: proxy }))))).toEqual(UNSEEN);
  });

  // Whoever looks at each of its entries is busy for minutes.
  it("counts an endless list without walking along it", () => {
    const steps = new Array(4_294_967_295);
    expect(told(() => readPlan({ goal: "x", steps }))).toEqual([
      "steps: a list of 4294967295 → at most 1000 entries",
    ]);
  });

  it("tells a thousand of a million unknown dependencies at most", () => {
    const depends_on = Array.from({ length: 1_000 }, (_, n) => `ghost${n}`);
    const steps = Array.from({ length: 1_000 }, (_, n) => stepOf({ id: `s${n}`, depends_on }));
    expect(refusal(() => readPlan(planOf(...steps))).details).toMatchObject({ count: 1_000 });
  });
});
