import assert from "node:assert/strict";
import { join } from "node:path";
import {
  createBackgroundAdapter,
  createRollout,
  createTeammateMirror,
  createWorkflowAdapter,
  openMarkdownBoard,
  openRunLedger,
} from "runledger";

// A host with tasks of its own on a board. It is started anew at each stage; which one it is, is not its business: it
// asks the rollout for everything and is told the same things at every stage.
const [projectDir, day] = process.argv.slice(2);
const app = await openRunLedger({ projectDir });
const settings = app.settings.runLedger;
const projection = openMarkdownBoard({ file: join(projectDir, app.settings.rollout.board) });
const rollout = createRollout({ ledger: app, projection, settings });
const workflows = createWorkflowAdapter(rollout);
const tasks = createBackgroundAdapter(rollout);
const teammates = createTeammateMirror({ ledger: app, projection, settings });

const release = await workflows.create({
  id: `release-${day}`,
  name: `Release of day ${day}`,
  sessionKey: "example",
  steps: [
    { id: "build", goal: "Build it", agent: "coder" },
    { id: "ship", goal: "Ship it", agent: "coder", dependsOn: ["build"] },
  ],
});
await workflows.stepStatus(release, "build", "running");

// The coder asks the host for a tool. The host answers; from write-through on the ledger shows who waits for what.
const request = { grantRequestId: `${release}:shell`, agent: "coder", tool: "shell", reason: "to build" };
const blocked = await teammates.tell({ id: release, blocked: [request] });
assert.equal(blocked === null, !settings.writeThrough);
await teammates.tell({ id: release, blocked: [], answered: { [request.grantRequestId]: "granted" } });

await workflows.stepStatus(release, "build", "completed", { result: "built" });
// What a prompt of this session would be told; only where the ledger is what is read.
const summaries = await app.activeRunSummaries("example");
assert.equal(summaries.length, settings.authoritativeRead ? 1 : 0);
await workflows.stepStatus(release, "ship", "completed", { result: "shipped" });
await workflows.complete(release, "completed", { result: "out" });

const task = await tasks.prepare({ id: `greet-${day}`, prompt: "Say hello", sessionKey: "example" });
await tasks.sync({ id: task, status: "running" });
await tasks.sync({ id: task, status: "done", result: "hello" });

const seen = await workflows.list({ limit: 100 });
console.log(
  `day ${day}, ${rollout.stage}: ${seen.length} workflows, ${(await tasks.list({ limit: 100 })).length} tasks`,
);
assert.equal(seen.length, Number(day));
assert.ok(seen.every(({ status, steps }) => status === "completed" && steps.length === 2));
await app.close();
