import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { LEVEL_HERE } from "../helpers/isolation.js";
import {
  buggySum,
  FIXED_SUM,
  fingerprint,
  makeSample,
  onePlan,
  person,
  type Sample,
  SESSION,
} from "../helpers/project.js";

const samples: Sample[] = [];
const sample = async (files = buggySum): Promise<Sample> => {
  const made = await makeSample(files);
  samples.push(made);
  return made;
};
afterEach(async () => {
  for (const made of samples.splice(0)) await made.dispose();
});

describe("an agent that says it is done", () => {
  it("and did nothing is refused at each attempt, escalated, and the run waits for a person", async () => {
    const shop = await sample();
    const app = await shop.open({ coder: () => "All done, tests pass!" });
    const run = await app.createRun(person(app), {
      plan: onePlan(),
      sessionKey: SESSION,
      originalRequest: "fix it",
    });
    const { run: driven, end } = await app.drive(run.runId);
    expect(end).toBe("idle");
    expect(driven.state).toMatchObject({ status: "paused", reason: "escalated", stepId: "sum" });
    const types = (await app.ledger.events(run.runId, 0, 100)).map(({ type }) => type);
    expect(types).toEqual([
      "run_created",
      "plan_attached",
      "step_started",
      "step_result_proposed",
      "step_validation_failed",
      "policy_decision_applied",
      "step_started",
      "step_result_proposed",
      "step_validation_failed",
      "policy_decision_applied",
      "run_paused",
    ]);
    const { waiting } = await app.view(run.runId);
    expect(waiting).toMatchObject({ for: "person", stepId: "sum" });
    expect(waiting.sentence).toContain("was refused in attempt 2");
  });

  it("and really repaired it completes the step, and the user's checkout and .git stay byte-identical", async () => {
    const shop = await sample();
    const app = await shop.open({
      coder: async ({ workspace }) => {
        await writeFile(join(workspace, "src/sum.mjs"), FIXED_SUM);
        return "fixed";
      },
    });
    const before = await fingerprint(shop.repo);
    const run = await app.createRun(person(app), {
      plan: onePlan(),
      sessionKey: SESSION,
      originalRequest: "fix it",
    });
    const { run: driven } = await app.drive(run.runId);
    expect(driven.state.status).toBe("completed");
    expect(driven.steps[0]?.state).toMatchObject({
      status: "completed",
      how: "verified",
      verdict: {
        outcome: "passed",
        counts: { passed: 1, failed: 0, skipped: 0 },
        isolationLevel: LEVEL_HERE,
      },
    });
    expect(await fingerprint(shop.repo)).toEqual(before);
    await app.apply(run.runId);
    expect(shop.git("show", "HEAD:src/sum.mjs")).toBe(FIXED_SUM);
  });
});
