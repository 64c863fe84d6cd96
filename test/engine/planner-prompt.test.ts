import { expect, it } from "vitest";
import { PLANNING_STEP, planningStep } from "../../src/core/planning.js";
import type { AgentTask } from "../../src/engine/agents/agent.js";
import { promptFor } from "../../src/engine/agents/subprocess/prompt.js";

const { goal, validator, mayChange, toolProfile } = planningStep("sums add up", "lead");
const task: AgentTask = {
  ...{ runId: "run_1", stepId: PLANNING_STEP, attempt: 1, candidate: null, agent: "lead", goal },
  ...{ runGoal: goal, feedback: null, judgedBy: validator, mayChange, notes: {}, toolProfile },
  ...{ workspace: "/w", place: "/p", timeoutMs: 1_000, signal: new AbortController().signal },
};

it("an agent CLI that plans is told how, by whom steps may be done, and how the plan is handed in", () => {
  const prompt = promptFor(task, ["coder", "fixer"]);
  for (const word of [
    "sums add up",
    "- coder\n- fixer",
    "run_propose_step_result",
    'run_id "run_1"',
    '"acceptance_criteria"',
  ])
    expect(prompt).toContain(word);
  expect(prompt).not.toContain("Answer, without calling a tool");
  expect(promptFor({ ...task, stepId: "a" }, ["coder"])).not.toContain("You plan");
});
