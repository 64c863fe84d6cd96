import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { generateText, stepCountIs, tool } from "ai";
import { openRunLedger } from "runledger";
import { aiSdkTools } from "runledger/ai-sdk";
import * as z from "zod";
import { scriptedModel } from "./scripted-model.mjs";

const STEPS_MAX = 8;
const sessionKey = "example";
const app = await openRunLedger({ projectDir: process.argv[2], toolAgents: ["coder"] });

const loop = async (model, tools, prompt) => {
  const { steps, text } = await generateText({ model, tools, prompt, stopWhen: stepCountIs(STEPS_MAX) });
  for (const part of steps.flatMap(({ content }) => content)) {
    if (part.type === "tool-error") console.log(`  ${part.toolName}: ${part.error.message.split("\n")[0]}`);
    if (part.type === "tool-result") console.log(`  ${part.toolName}: ${part.output.status ?? "done"}`);
  }
  return text;
};

// The orchestrator's model sees the tools of its role and no others.
const lead = aiSdkTools(app.toolKit(app.issue({ name: "orchestrator", role: "orchestrator", sessionKey })));
const plan = (validator) => ({
  goal: "Make the sum right",
  steps: [{ id: "sum", goal: "Make prices add up", owner_agent: "coder", validator: { type: validator } }],
});
const create = (validator) => ({
  tool: "run_create",
  input: { plan_json: JSON.stringify(plan(validator)), original_request: "the sum is wrong" },
});
console.log("orchestrator plans");
const run_id = await loop(
  // Its first plan trusts the agent's word, and is refused with all of its defects.
  scriptedModel([() => create("trust_me"), () => create("test_pass"), ({ run_id }) => run_id]),
  lead,
  "The sum is wrong. Make a run of it and answer with its id.",
);

/** One attempt: the ledger gives a workspace, the model works in it, the ledger judges what it finds there. */
const attempt = async (turns) => {
  const step = { run_id, step_id: "sum" };
  const kit = app.toolKit(
    app.issue({ name: "coder", role: "executor", sessionKey, runId: run_id, stepId: "sum" }),
  );
  const started = await kit.call("run_start_step", step);
  assert(started.ok, started.text);
  const { goal, workspace, attempt } = started.value;
  console.log(`coder, attempt ${attempt}`);
  const write_sum = tool({
    description: "Write src/sum.mjs.",
    inputSchema: z.object({ text: z.string() }),
    execute: ({ text }) =>
      writeFile(join(workspace, "src", "sum.mjs"), text).then(() => ({ status: "written" })),
  });
  const { run_propose_step_result, run_read } = aiSdkTools(kit);
  return loop(
    scriptedModel(turns),
    { run_propose_step_result, run_read, write_sum },
    `${goal}: ${started.text}`,
  );
};
const propose = (result) => ({ tool: "run_propose_step_result", input: { run_id, step_id: "sum", result } });

const lied = await attempt([() => propose("All done, tests pass!"), ({ message }) => message]);
console.log(`coder is told: ${lied}`);

console.log("orchestrator answers");
const retry = { run_id, step_id: "sum", action: "retry", reason: "the test still fails" };
await loop(
  scriptedModel([() => ({ tool: "run_apply_policy", input: retry }), ({ next }) => next]),
  lead,
  `Step sum was refused: ${lied}`,
);

const repaired = "export const sum = (prices) => prices.reduce((total, price) => total + price, 0);\n";
const done = await attempt([
  () => ({ tool: "write_sum", input: { text: repaired } }),
  () => propose("It adds now."),
  ({ next }) => next,
]);
console.log(done);

const { state } = await app.ledger.load(run_id);
assert.equal(state.status, "completed");
await app.apply(run_id);
await app.close();
