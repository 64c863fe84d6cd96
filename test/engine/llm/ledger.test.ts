import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, it, onTestFinished } from "vitest";
import type { AgentFunction } from "../../../src/index.js";
import { planOfSteps, stepBy } from "../../helpers/bench.js";
import { began } from "../../helpers/driving.js";
import { modelServer, type Scripted } from "../../helpers/model-server.js";
import { makeSample } from "../../helpers/project.js";

const KEY = "key-of-the-model-0123456789";

/** A project whose `coder` is a model that answers by the script, beside functions of its host. */
const opened = async (script: readonly Scripted[], { agents = {}, settings = "", more = "" } = {}) => {
  const server = await modelServer(script);
  const coder = `kind: llm, provider: openai-compatible, model: scripted, baseUrl: "${server.url}", apiKeyEnv: SHOP_MODEL${more}`;
  const shop = await makeSample(
    {
      "notes.txt": "one\ntwo\n",
      "runledger.yaml": `agents: { coder: { ${coder} } }\nisolation: { maximum: 1 }\n${settings}`,
    },
    { SHOP_MODEL: KEY },
  );
  onTestFinished(() => shop.dispose());
  const app = await shop.open(agents as Readonly<Record<string, AgentFunction>>);
  return { server, shop, app };
};

it("an llm agent at work keeps its tools while the run is paused for a person", async () => {
  let isPaused = async (): Promise<boolean> => false;
  const { server, app } = await opened(
    [
      {
        calls: [["fs_read", { path: "notes.txt" }]],
        before: async () => {
          while (!(await isPaused())) await nextTurn();
        },
      },
      { text: "read" },
    ],
    { agents: { other: () => "a lie" }, settings: "maxParallelSteps: 2\n" },
  );
  const judge = { max_retries: 0 };
  const runId = await began(
    app,
    planOfSteps(stepBy("a", "false", { ...judge, owner_agent: "other" }), stepBy("b", "true", judge)),
  );
  isPaused = async () => (await app.ledger.load(runId)).state.status === "paused";
  const { run } = await app.drive(runId);
  expect(run.state).toMatchObject({ status: "paused", reason: "escalated", stepId: "a" });
  expect(server.asked[1]?.text).toContain("one\\ntwo");
  expect(server.asked[1]?.text).not.toContain("may not use");
  expect(JSON.stringify(await app.effects(runId, { values: true }))).not.toContain("may not use");
});
