import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { agentOf, gatedProject, personOf } from "../../helpers/gated.js";

const HOUR_MS = 3_600_000;
const SEALED = "runLedger: { workspaceIsolation: false }\ndurable: { encryption: true }\n";

it.each([
  ["pruned", "runLedger: { workspaceIsolation: false }\n"],
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
