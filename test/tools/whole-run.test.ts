import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import type { RunLedger } from "../../src/index.js";
import { sample } from "../helpers/bench.js";
import { buggySum, FIXED_SUM, orchestrator, SESSION } from "../helpers/project.js";

const toolbox = (app: RunLedger, caller: Parameters<RunLedger["toolsFor"]>[0]) => {
  const tools = new Map(app.toolsFor(caller).map((tool) => [tool.name, tool]));
  return (name: string, input: unknown) => {
    const tool = tools.get(name) ?? expect.unreachable(`${caller.name} is not shown ${name}`);
    return tool.call(input);
  };
};

it("goes from plan to completion by nothing but the tools that callers are shown (W01, W02)", async () => {
  const shop = await sample();
  const app = await shop.open();
  const boss = toolbox(app, orchestrator(app));
  const coder = toolbox(app, app.issue({ name: "coder", role: "executor", sessionKey: SESSION }));
  const reviewer = toolbox(app, app.issue({ name: "reviewer", role: "executor", sessionKey: SESSION }));

  const plan = {
    goal: "Make the sum right",
    steps: [
      { id: "fix", goal: "Make prices add up", owner_agent: "coder", validator: { type: "test_pass" } },
      {
        id: "review",
        goal: "Say whether it is good",
        owner_agent: "reviewer",
        depends_on: ["fix"],
        validator: { type: "orchestrator_approval" },
      },
    ],
    acceptance_criteria: [{ description: "all tests pass", validator: { type: "test_pass" } }],
  };
  const created = await boss("run_create", {
    plan_json: JSON.stringify(plan),
    session_key: SESSION,
    original_request: "prices are wrong",
  });
  const run_id = String(created.run_id);
  expect(await coder("run_active", { run_id })).toMatchObject({ ready: [{ step_id: "fix" }], active: [] });

  const fix = { run_id, step_id: "fix" };
  const first = await coder("run_start_step", fix);
  expect(await coder("run_propose_step_result", { ...fix, result: "done!" })).toMatchObject({
    status: "verification_failed",
  });
  await boss("run_apply_policy", { ...fix, action: "retry", reason: "the test still fails" });
  const second = await coder("run_start_step", fix);
  expect(second).toMatchObject({ attempt: 2, workspace: first.workspace, feedback: { outcome: "failed" } });
  await writeFile(join(String(second.workspace), "src/sum.mjs"), FIXED_SUM);
  await coder("run_note", { run_id, key: "cause", value: "it counted instead of adding" });
  expect(await coder("run_propose_step_result", { ...fix, result: "fixed" })).toMatchObject({
    status: "verified",
  });

  const review = { run_id, step_id: "review" };
  const seen = await reviewer("run_start_step", review);
  expect(await reviewer("run_note", { run_id, key: "cause" })).toMatchObject({
    value: "it counted instead of adding",
  });
  expect(String(seen.workspace)).not.toBe(first.workspace);
  expect(await reviewer("run_propose_step_result", { ...review, result: "good" })).toMatchObject({
    status: "awaiting_approval",
  });
  expect(await boss("run_approve_step", review)).toMatchObject({
    status: "approved",
    run_status: "completed",
    next: expect.stringContaining("1 step verified, 1 step approved, 1 criterion met"),
  });
  expect(await boss("run_read", { run_id })).toMatchObject({
    status: "completed",
    acceptance_state: [{ met: true }],
    waivers: [],
  });

  await app.apply(run_id);
  expect(shop.git("show", "HEAD:src/sum.mjs")).toBe(FIXED_SUM);
  expect(shop.git("show", "HEAD:test/sum.test.mjs")).toBe(buggySum["test/sum.test.mjs"]);
  expect(shop.git("status", "--porcelain")).toBe("");
});
