import { afterEach, expect, it, vi } from "vitest";
import { judgeCriterion } from "../../src/pev/judging.js";
import { openBench, planOfSteps, stepBy } from "../helpers/bench.js";

afterEach(() => vi.restoreAllMocks());

it("a judgement takes no less than no time, though somebody sets the clock back meanwhile", async () => {
  const { pev, create } = await openBench();
  const criterion = { description: "it is well", validator: { type: "command_pass", target: "true" } };
  const run = await create({ ...planOfSteps(stepBy("one", "true")), acceptance_criteria: [criterion] });
  let clock = Date.now();
  vi.spyOn(Date, "now").mockImplementation(() => {
    clock -= 1_000;
    return clock;
  });
  const verdict = await judgeCriterion(pev.project, run, 0, new AbortController().signal);
  expect(verdict.outcome).toBe("passed");
  expect(verdict.durationMs).toBeGreaterThanOrEqual(0);
});
