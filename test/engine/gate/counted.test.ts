import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { agentOf, gatedProject, personOf } from "../../helpers/gated.js";

const HOUR_MS = 3_600_000;
const PLAIN = "runLedger: { workspaceIsolation: false }\n";
const SEALED = "runLedger: { workspaceIsolation: false }\ndurable: { encryption: true }\n";

it.each([
  ["pruned", PLAIN],
  ["erased and pruned", SEALED],
])(
  "a limit of a day counts what was proposed in runs that are over, and would be %s",
  async (gone, settings) => {
    const { open, folder, clock } = await gatedProject(settings);
    await writeFile(join(folder, "gate-policies", "daily.yaml"), "rate_limits: { per_agent_per_day: 1 }\n");
    const app = await open();
    const agent = app.gate(agentOf(app));
    const asked = { destination: "crm.import", payload: "name\nAda\n", policy: "daily" };
    const propose = async () => (await agent.propose(asked)).status;
    const { runId, status, intentId } = await agent.propose(asked);
    expect(status).toBe("pending_approval");
    await agent.cancel({ intentId, reason: "not needed" });
    await agent.completeRun({ runId });
    if (gone !== "pruned") await app.erase(personOf(app), runId);
    clock.aheadMs = 23 * HOUR_MS;
    expect(await propose()).toBe("blocked");
    const prunedRuns = async (dryRun: boolean) =>
      (await app.prune({ keep: 0, dryRun })).runs.map((run) => run.runId);
    expect(await prunedRuns(true)).not.toContain(runId);
    expect(await prunedRuns(false)).not.toContain(runId);
    expect(await propose()).toBe("blocked");
    clock.aheadMs = 25 * HOUR_MS;
    expect(await prunedRuns(false)).toContain(runId);
    expect(await propose()).toBe("pending_approval");
  },
);

it.each([
  ...(["denied", "succeeded"] as const).flatMap((outcome) => [
    { outcome, gone: "pruned", settings: PLAIN },
    { outcome, gone: "pruned", settings: SEALED },
    { outcome, gone: "erased", settings: SEALED },
  ]),
])("a key whose own run was $gone after it was $outcome can be proposed again", async (trial) => {
  const { open, clock } = await gatedProject(trial.settings);
  const app = await open();
  const agent = app.gate(agentOf(app));
  const ada = app.gate(personOf(app));
  const asked = { destination: "crm", payload: "Ada", policy: "ask-first", idempotencyKey: "lead-1" };
  const { runId, intentId, contentHash } = await agent.propose(asked);
  if (trial.outcome === "denied") await ada.reject({ intentId, reason: "not now" });
  else {
    await ada.approve({ intentId, contentHash });
    const { executionToken } = await agent.execute({ intentId });
    await agent.report({ intentId, executionToken: executionToken ?? "", status: "succeeded" });
  }
  await agent.completeRun({ runId });
  clock.aheadMs = 48 * HOUR_MS;
  if (trial.gone === "erased") await app.erase(personOf(app), runId);
  else await app.prune({ keep: 0 });
  const again = await agent.propose(asked);
  expect(again.status).toBe(trial.outcome === "denied" ? "pending_approval" : "skipped");
  expect(again.runId).not.toBe(runId);
  expect(await agent.propose(asked)).toMatchObject({ intentId: again.intentId });
});
