import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, type LanguageModel, stepCountIs, tool } from "ai";
import { expect, expectTypeOf, it } from "vitest";
import * as z from "zod";
import { openRunLedger } from "../../src/index.js";
import { aiSdkTools } from "../../tools/ai-sdk.js";
import { sample } from "../helpers/bench.js";
import { modelServer, type Scripted } from "../helpers/model-server.js";
import { FIXED_SUM, SESSION } from "../helpers/project.js";

const providers: Readonly<Record<string, (url: string) => LanguageModel>> = {
  "openai-compatible": (baseURL) => createOpenAICompatible({ name: "mock", baseURL })("scripted"),
  "OpenAI, Responses": (baseURL) => createOpenAI({ baseURL, apiKey: "none" }).responses("scripted"),
  "Anthropic, Messages": (baseURL) => createAnthropic({ baseURL, apiKey: "none" })("scripted"),
};

/** Calls whose inputs are known only when the model is asked. */
const calling = (name: string, input: () => unknown): Scripted => {
  const calls: [string, unknown][] = [];
  return { calls, before: () => void calls.splice(0, 1, [name, input()]) };
};

const plan = (validator: string) =>
  JSON.stringify({
    goal: "Make the sum right",
    steps: [{ id: "fix", goal: "Add the prices up", owner_agent: "coder", validator: { type: validator } }],
  });

it.each(Object.keys(providers))("a whole run of two roles over generateText and %s", async (provider) => {
  const shop = await sample();
  const app = await openRunLedger({ projectDir: shop.repo, env: shop.env, toolAgents: ["coder"] });
  const known = { runId: "", workspace: "" };
  const step = () => ({ run_id: known.runId, step_id: "fix" });
  const create = (validator: string) =>
    calling("run_create", () => ({ plan_json: plan(validator), original_request: "the sum is wrong" }));
  const server = await modelServer([
    create("trust_me"),
    create("test_pass"),
    { text: "created" },
    calling("run_start_step", step),
    calling("run_propose_step_result", () => ({ ...step(), result: "done, tests pass", note: "trust me" })),
    calling("run_propose_step_result", () => ({ ...step(), result: "done, tests pass" })),
    calling("run_create", () => ({ plan_json: plan("artifact_exists"), original_request: "an easier plan" })),
    { text: "it was refused" },
    calling("run_apply_policy", () => ({ ...step(), action: "retry", reason: "the test still fails" })),
    { text: "again" },
    calling("run_start_step", step),
    calling("write_sum", () => ({ text: FIXED_SUM })),
    calling("run_propose_step_result", () => ({ ...step(), result: "fixed" })),
    { text: "verified" },
  ]);
  const model = (providers[provider] ?? expect.unreachable())(server.url);
  const bounds = { stopWhen: stepCountIs(8), maxRetries: 0, maxOutputTokens: 1_000 };
  const lead = aiSdkTools(
    app.toolKit(app.issue({ name: "lead", role: "orchestrator", sessionKey: SESSION })),
  );
  const ask = (prompt: string) => generateText({ model, tools: lead, prompt, ...bounds });
  const coder = app.issue({ name: "coder", role: "executor", sessionKey: SESSION });
  const work = () =>
    generateText({
      model,
      prompt: "Work on the step.",
      ...bounds,
      tools: {
        ...aiSdkTools(app.toolKit(coder)),
        write_sum: tool({
          inputSchema: z.object({ text: z.string() }),
          execute: ({ text }) => writeFile(join(known.workspace, "src/sum.mjs"), text),
        }),
      },
      onStepFinish: ({ toolResults }) => {
        for (const result of toolResults)
          if (!result.dynamic && result.toolName === "run_start_step")
            known.workspace = result.output.workspace;
      },
    });

  const created = await ask("The sum is wrong.");
  const made = created.steps.flatMap(({ toolResults }) => toolResults);
  for (const result of made)
    if (!result.dynamic && result.toolName === "run_create") {
      expectTypeOf(result.output.run_id).toEqualTypeOf<string>();
      known.runId = result.output.run_id;
    }
  expect(server.asked[1]?.text).toContain("validator");
  expect(server.asked[1]?.text).toContain("error [");

  const lied = await work();
  const [, unknownKey, refused, notIts] = lied.steps.flatMap(({ content }) =>
    content.filter(({ type }) => type === "tool-result" || type === "tool-error"),
  );
  expect(unknownKey).toMatchObject({
    type: "tool-error",
    error: {
      message: expect.stringContaining("note: found an unknown key"),
      cause: { code: "invalid_input" },
    },
  });
  expect(refused).toMatchObject({ type: "tool-result", output: { status: "verification_failed" } });
  // Not offered, and so not done; there is still one run alone.
  expect(notIts).toMatchObject({ type: "tool-error", toolName: "run_create" });
  expect(await app.list({ limit: 5 })).toHaveLength(1);
  expect(server.asked[3]?.tools).not.toContain("run_create");
  expect(server.asked[0]?.tools).not.toContain("run_propose_step_result");

  await ask("Step fix was refused.");
  await work();
  expect((await app.ledger.load(known.runId)).state.status).toBe("completed");
  expect(server.answered).toHaveLength(14);
  await app.close();
});
