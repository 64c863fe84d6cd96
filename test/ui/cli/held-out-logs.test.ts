import { expect, it, onTestFinished } from "vitest";
import { openDesk, planOf } from "../../helpers/cli.js";
import { buggySum } from "../../helpers/project.js";

const SECRET =
  'import assert from "node:assert/strict";\nimport { test } from "node:test";\nimport { sum } from "../src/sum.mjs";\ntest("nothing costs nothing", () => assert.equal(sum([]), 0));\n';

/** It fits the visible test alone. */
const OVERFIT = "echo 'export const sum = () => 5;' > src/sum.mjs; echo made it";

it("the logs of held-out tests and of each run are shown to people, also with --json", async () => {
  const desk = await openDesk({
    ...buggySum,
    ".gitignore": "held-out/\n",
    "runledger.yaml": `agents: { coder: { kind: command, run: [sh, -c, ${JSON.stringify(OVERFIT)}] } }\n`,
  });
  onTestFinished(() => desk.dispose());
  await desk.write({ "held-out/test/secret.test.mjs": SECRET });
  const validator = { type: "test_pass", params: { held_out: "held-out", repeat: 2 } };
  const step = { id: "sum", goal: "Sum", owner_agent: "coder", max_retries: 0, validator };
  const runId = (await desk.type("run", await planOf(desk, "plan.json", [step]))).out.trim();
  const logs = await desk.json("logs", runId, "sum");
  expect(logs).toMatchObject({
    agent: "made it\n",
    runs: [expect.stringContaining("prices add up"), expect.stringContaining("prices add up")],
    heldOut: expect.stringContaining("nothing costs nothing"),
  });
  expect(JSON.stringify([logs.agent, logs.judge, logs.runs])).not.toContain("nothing costs nothing");
  const { out } = await desk.type("logs", runId, "sum");
  const [judged = "", ofRuns = "", heldOut = ""] = out.split(/^— (?:run 1 of 2|held-out tests) —$/m);
  expect(judged).toContain("made it");
  expect(ofRuns).toContain("prices add up");
  expect(heldOut).toContain("nothing costs nothing");
});
