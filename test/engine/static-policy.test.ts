import { describe, expect, it } from "vitest";
import { findStep } from "../../src/core/run.js";
import { staticPolicy } from "../../src/engine/static-policy.js";
import {
  create,
  error,
  fail,
  interrupt,
  planOf,
  policy,
  propose,
  type Said,
  start,
  stepSpec,
} from "../helpers/cast.js";
import { played } from "../helpers/given.js";

const decided = (maxRetries: number, ...lines: readonly Said[]) => {
  const run = played(create(planOf([stepSpec("a", { maxRetries })])), ...lines);
  const step = findStep(run, "a") ?? expect.unreachable();
  return staticPolicy(step);
};
const refused = [start("a"), propose("a"), fail("a", { message: "1 test failed." })];
const again = policy("a", { action: "retry", fresh: false });

describe("without an orchestrator", () => {
  it("an agent tries again in the same workspace while the plan allows it", () => {
    expect(decided(2, ...refused)).toEqual({
      decision: { action: "retry", fresh: false },
      reason: "Retry 1 of 2: 1 test failed.",
    });
    expect(decided(2, ...refused, again, start("a"), interrupt("a"))).toEqual({
      decision: { action: "retry", fresh: false },
      reason: "Retry 2 of 2: the agent exited with code 1",
    });
  });

  it("a person is asked when the retries are used up, or when there are none", () => {
    expect(decided(0, ...refused)).toMatchObject({
      decision: { action: "escalate" },
      reason: 'Step "a" was refused: 1 test failed.',
    });
    expect(decided(1, ...refused, again, ...refused)).toMatchObject({
      decision: { action: "escalate" },
      reason: 'Step "a" was refused after 1 retry: 1 test failed.',
    });
  });

  it("what nobody has judged is not told as refused", () => {
    expect(decided(0, start("a"), interrupt("a")).reason).toBe(
      'Step "a" was interrupted: the agent exited with code 1',
    );
    const errors = [error("a"), error("a"), error("a")];
    expect(decided(0, start("a"), propose("a"), ...errors).reason).toBe('Step "a" was not judged.');
  });

  it("a verdict that says very much still makes a reason that the journal takes", () => {
    const { reason } = decided(1, start("a"), propose("a"), fail("a", { message: "x".repeat(100_000) }));
    expect(reason.length).toBeLessThan(2_000);
  });
});
