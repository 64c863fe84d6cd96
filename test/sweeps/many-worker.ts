import { appendFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { openRunLedger } from "../../src/index.js";
import { person, SESSION } from "../helpers/project.js";

// Started by many.test.ts as a process of its own: creates its share of the runs, then races the others for all of them.
const [projectDir = "", effects = "", runs = "", maxRuns = ""] = process.argv.slice(2);

const app = await openRunLedger({
  projectDir,
  agents: {
    coder: async ({ runId, stepId, attempt, workspace }) => {
      await appendFile(effects, `${JSON.stringify({ runId, stepId, attempt, pid: process.pid })}\n`);
      await writeFile(join(workspace, `${stepId}.txt`), stepId);
      return "written";
    },
  },
});

const step = (id: string, more: object = {}) => ({
  id,
  goal: `Do ${id}`,
  owner_agent: "coder",
  validator: { type: "artifact_exists", target: `${id}.txt` },
  ...more,
});
const plan = {
  goal: "Ship it",
  steps: [
    step("first"),
    step("signed", { depends_on: ["first"], validator: { type: "orchestrator_approval" } }),
    step("last", { depends_on: ["signed"] }),
  ],
};
for (let count = 0; count < Number(runs); count += 1)
  await app.createRun(person(app), { plan, sessionKey: SESSION, originalRequest: "please" });

const onTrouble = (runId: string, error: unknown): void => {
  process.exitCode = 1;
  console.error(runId, error);
};
const stop = new AbortController();
const lines = createInterface({ input: process.stdin });
lines.once("close", () => stop.abort());
console.log("ready");
await new Promise((go) => lines.once("line", go));
await app.worker({ maxRuns: Number(maxRuns), onTrouble }).run(stop.signal);
await app.close();
