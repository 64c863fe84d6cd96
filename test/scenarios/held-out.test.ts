import { readdir } from "node:fs/promises";
import { afterEach, describe, expect, it } from "vitest";
import type { AgentTask, RunLedger } from "../../src/index.js";
import {
  buggySum,
  FIXED_SUM,
  makeSample,
  onePlan,
  orchestrator,
  type Sample,
  SESSION,
} from "../helpers/project.js";

let sample: Sample | undefined;
afterEach(async () => sample?.dispose());

const SECRET =
  'import assert from "node:assert/strict";\nimport { test } from "node:test";\nimport { sum } from "../src/sum.mjs";\ntest("nothing costs nothing", () => assert.equal(sum([]), 0));\ntest("one price is the sum", () => assert.equal(sum([7]), 7));\n';
const OVERFIT = "export const sum = () => 5;\n";
const plan = onePlan({ validator: { type: "test_pass", params: { held_out: "held-out" } } });
const project = { ...buggySum, ".gitignore": "held-out/\n" };

const readRun = (app: RunLedger, runId: string): Promise<unknown> => {
  const tool = app.toolsFor(orchestrator(app)).find(({ name }) => name === "run_read");
  if (tool === undefined) throw new Error("there is no run_read");
  return tool.call({ run_id: runId });
};

describe("tests that agents never see", () => {
  it("refuse what fits the visible tests alone, and tell agents how many and not which", async () => {
    sample = await makeSample(project);
    await sample.write({ "held-out/test/secret.test.mjs": SECRET });
    const seen: { readonly files: readonly string[]; readonly task: string }[] = [];
    const coder = async (task: AgentTask) => {
      const { feedback } = task;
      seen.push({
        files: await readdir(task.workspace, { recursive: true }),
        task: JSON.stringify(feedback),
      });
      const { writeFile } = await import("node:fs/promises");
      await writeFile(`${task.workspace}/src/sum.mjs`, feedback === null ? OVERFIT : FIXED_SUM);
      return { kind: "proposed" as const, result: "done", evidence: [] };
    };
    const app = await sample.open({ coder });
    const caller = orchestrator(app);
    const run = await app.createRun(caller, { plan, sessionKey: SESSION, originalRequest: "Please" });
    await app.drive(run.runId);
    const { run: done } = await app.view(run.runId);
    expect(done.state.status).toBe("completed");
    expect(seen).toHaveLength(2);
    for (const { files, task } of seen) {
      expect(files.filter((path) => /secret|held-out/.test(path))).toEqual([]);
      expect(task).not.toMatch(/secret|nothing costs nothing|one price/);
    }
    expect(seen[1]?.task).toContain("2 held-out tests did not");
    const { feedback, state } = done.steps[0] ?? {};
    const refused = feedback?.kind === "verdict" ? feedback.verdict.tests?.heldOut : null;
    expect(refused?.wrong).toMatchObject({ count: 2 });
    expect(refused?.wrong.names[0]).toContain("nothing costs nothing");
    expect(refused?.log).toMatch(/^[0-9a-f]{64}$/);
    for (const { task } of seen) expect(task).not.toContain(refused?.log);
    const passed = state?.status === "completed" ? state.verdict?.tests?.heldOut : null;
    expect(passed).toMatchObject({
      folder: "held-out",
      files: 1,
      counts: { passed: 2 },
      digest: refused?.digest,
    });
    // What agents may read with a tool says no more.
    const read = JSON.stringify(await readRun(app, run.runId));
    expect(read).not.toMatch(/nothing costs nothing|one price/);
    expect(read).not.toContain(refused?.log);
    expect(read).toContain('"held_out"');
  });

  it("are asked for when a run is made, and nothing is recorded without them", async () => {
    sample = await makeSample(project);
    const app = await sample.open({});
    const caller = orchestrator(app);
    const making = app.createRun(caller, { plan, sessionKey: SESSION, originalRequest: "Please" });
    await expect(making).rejects.toMatchObject({ code: "held_out_unfit" });
    expect(await app.list({ limit: 5 })).toEqual([]);
  });
});
