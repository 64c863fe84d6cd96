import { expect, it, onTestFinished } from "vitest";
import { planOfSteps, stepBy } from "../helpers/bench.js";
import { began, stateOf } from "../helpers/driving.js";
import { makeSample, orchestrator, SESSION } from "../helpers/project.js";

const opened = async (agents: string) => {
  const shop = await makeSample({ "runledger.yaml": `agents: ${agents}\nisolation: { maximum: 1 }\n` });
  onTestFinished(() => shop.dispose());
  return shop.open();
};

it("an agent that works through tools is named beside programs, and nobody is started for its steps", async () => {
  const app = await opened('{ reviewer: { kind: tools }, coder: { kind: command, run: ["true"] } }');
  const plan = planOfSteps(
    stepBy("a", "true"),
    stepBy("b", "true", { owner_agent: "reviewer", depends_on: ["a"] }),
  );
  const runId = await began(app, plan);
  expect((await app.view(runId)).interrupted).toBe(true);
  const { run, end } = await app.drive(runId);
  expect([end, stateOf(run, "a")?.status, stateOf(run, "b")?.status]).toEqual([
    "no_agent",
    "completed",
    "pending",
  ]);
  expect(await app.view(runId)).toMatchObject({
    interrupted: false,
    // What a person would have to settle: nothing.
    currentBlocker: null,
    waiting: {
      for: "agent",
      sentence: expect.stringContaining(
        'agent "reviewer", which comes by itself and works through its tools',
      ),
      hint: "runledger mcp --role executor --agent reviewer",
    },
  });

  const kit = app.toolKit(app.issue({ name: "reviewer", role: "executor", sessionKey: SESSION }));
  const step = { run_id: runId, step_id: "b" };
  expect(await kit.call("run_start_step", step)).toMatchObject({ ok: true });
  expect(await kit.call("run_propose_step_result", { ...step, result: "looked" })).toMatchObject({
    value: { status: "verified", run_status: "completed" },
  });
});

it("a plan may give steps to it and to no other that the settings do not name", async () => {
  const app = await opened("{ reviewer: { kind: tools } }");
  const kit = app.toolKit(orchestrator(app));
  const create = (owner_agent: string) =>
    kit.call("run_create", {
      plan_json: JSON.stringify(planOfSteps(stepBy("a", "true", { owner_agent }))),
      original_request: "please",
    });
  expect((await create("stranger")).text).toContain("owner_agent");
  expect((await create("reviewer")).ok).toBe(true);
  expect(await app.examine()).toContainEqual(
    expect.objectContaining({ check: "agent reviewer", message: expect.stringContaining("runledger mcp") }),
  );
});
