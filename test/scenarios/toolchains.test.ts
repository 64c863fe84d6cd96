import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { giveGoSeed } from "../helpers/go-seed.js";
import { makeSample, person, type Sample, SESSION } from "../helpers/project.js";
import { has, toolchainSamples } from "../helpers/toolchain-samples.js";

let shop: Sample | undefined;
afterEach(async () => {
  await shop?.dispose();
  shop = undefined;
});

const plan = {
  goal: "Make the sum right",
  steps: [
    {
      id: "fix",
      goal: "Make prices add up",
      owner_agent: "coder",
      max_retries: 1,
      validator: { type: "test_pass" },
      timeout: "3m",
    },
  ],
  acceptance_criteria: [{ description: "it builds", validator: { type: "build_pass" } }],
};

describe.each(toolchainSamples)("a real $name project", ({ name, programs, files, bug, repaired }) => {
  const missing = programs.filter((program) => !has(program));

  it.skipIf(missing.length > 0)(
    `is tested and built in clean rooms: a lie is refused, then the repair is verified${missing.length > 0 ? ` (skipped: ${missing.join(", ")} not on this machine)` : ""}`,
    async () => {
      shop = await makeSample(files);
      const app = await shop.open({
        coder: async ({ attempt, workspace, feedback }) => {
          if (attempt === 1) return "done, all tests pass";
          expect(feedback).toMatchObject({
            kind: "verdict",
            verdict: { outcome: "failed", reason: "check_failed" },
          });
          await writeFile(join(workspace, bug), repaired);
          return "really done";
        },
      });
      await giveGoSeed(app, files);
      const run = await app.createRun(person(app), { plan, sessionKey: SESSION, originalRequest: name });
      const { run: driven } = await app.drive(run.runId);
      expect(driven.state).toMatchObject({ status: "completed" });
      expect(driven.steps[0]).toMatchObject({
        attempt: 2,
        state: { how: "verified", verdict: { counts: { passed: 1, failed: 0, skipped: 0 } } },
      });
      expect(driven.criteria[0]?.state).toMatchObject({
        status: "met",
        verdict: { outcome: "passed", exitCode: 0 },
      });
    },
    300_000,
  );
});
