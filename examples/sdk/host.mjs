import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { openRunLedger } from "runledger";

const sessionKey = "example";
const app = await openRunLedger({
  projectDir: process.argv[2],
  agents: {
    // An agent as a function: what it answers is a claim, the files of its workspace are the proposal.
    coder: async ({ stepId, workspace, feedback }) => {
      if (stepId === "notes") {
        await writeFile(join(workspace, "NOTES.md"), "# Prices add up now\n");
        return "Wrote the notes.";
      }
      if (feedback === null) return "All done, tests pass!";
      console.log(`coder is told: ${feedback.verdict.message}`);
      const repaired = "(prices) => prices.reduce((total, price) => total + price, 0)";
      await writeFile(join(workspace, "src", "sum.mjs"), `export const sum = ${repaired};\n`);
      return "It adds now.";
    },
  },
});
app.ledger.observe((events) => {
  for (const { type, payload } of events)
    if (payload.stepId) console.log(`${type} ${payload.stepId} ${payload.verdict?.message ?? ""}`);
});

/** The tools of a caller by name; a host would hand a model their `description` and `input` as well. */
const toolsOf = (caller) => new Map(app.toolsFor(caller).map((tool) => [tool.name, tool]));

// The orchestrator is a model or a program: it plans, reads, and answers, but completes nothing by its own word.
const orchestrator = toolsOf(app.issue({ name: "orchestrator", role: "orchestrator", sessionKey }));
const call = (name, input) => orchestrator.get(name).call(input);

const plan = {
  goal: "Make the sum right",
  steps: [
    {
      id: "sum",
      goal: "Make prices add up",
      owner_agent: "coder",
      max_retries: 1,
      validator: { type: "test_pass" },
    },
    {
      id: "notes",
      goal: "Tell people",
      owner_agent: "coder",
      depends_on: ["sum"],
      validator: { type: "orchestrator_approval" },
    },
  ],
};
const { run_id } = await call("run_create", {
  plan_json: JSON.stringify(plan),
  session_key: sessionKey,
  original_request: "the sum is wrong",
});

await app.drive(run_id);
const { waiting } = await call("run_active", { run_id });
console.log(`waits for an answer: ${waiting.map((step) => step.step_id).join(", ")}`);
assert.deepEqual(
  waiting.map((step) => step.step_id),
  ["notes"],
);

// Nobody certifies their own work: the agent of the step has no such tool.
const executor = toolsOf(
  app.issue({ name: "coder", role: "executor", sessionKey, runId: run_id, stepId: "notes" }),
);
assert.equal(executor.has("run_approve_step"), false);
console.log(`tools of an executor: ${[...executor.keys()].join(", ")}`);

await call("run_note", { run_id, key: "reviewed", value: "by the orchestrator" });
await call("run_approve_step", { run_id, step_id: "notes", reason: "the notes say what changed" });
const { run } = await app.drive(run_id);
console.log(`${run.state.status}: ${run.state.summary}`);
assert.equal(run.state.status, "completed");

const { applied } = await app.apply(run_id);
console.log(`applied: ${applied.join(", ")}`);
await app.close();
