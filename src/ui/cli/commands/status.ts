import { formatDuration, type RunLedger, runStatuses, stageOf } from "../../../index.js";
import { EXIT } from "../exit-codes.js";
import { type Output, printJson } from "../output.js";
import { printTable } from "../table.js";

/** Runs counted for each status; more are shown as "1000+". */
const COUNTED_MAX = 1_000;

export const status = async (app: RunLedger, output: Output): Promise<number> => {
  const counts: Record<string, number> = {};
  for (const one of runStatuses)
    counts[one] = (await app.ledger.list({ statuses: [one], limit: COUNTED_MAX })).length;
  const { settings } = app;
  const facts = {
    project: app.projectDir,
    data: app.dataDir,
    ledgerId: app.ledger.store.ledgerId,
    runs: counts,
    agents: Object.keys(settings.agents),
    maxParallelSteps: settings.maxParallelSteps,
    rollout: stageOf(settings.runLedger),
    ...settings.runLedger,
  };
  if (output.json) {
    printJson(output, facts);
    return EXIT.done;
  }
  const counted = runStatuses.map((one) => `${counts[one] === COUNTED_MAX ? "1000+" : counts[one]} ${one}`);
  await printTable(output, {
    rows: [
      ["project", app.projectDir],
      ["ledger", app.dataDir],
      ["runs", counted.join(", ")],
      ["agents", facts.agents.join(", ") || "none (add them to runledger.yaml)"],
      ["workspace isolation", settings.runLedger.workspaceIsolation ? "on (level 1)" : "off (level 0)"],
      ["parallel steps", String(settings.maxParallelSteps)],
      ["validator timeout", formatDuration(settings.runLedger.validatorTimeoutMs)],
      [
        "finished runs kept",
        settings.runLedger.maxRunHistory === 0 ? "all" : String(settings.runLedger.maxRunHistory),
      ],
      ["rollout", facts.rollout],
      ["stale after", formatDuration(settings.runLedger.staleTtlMs)],
    ],
    empty: "",
  });
  return EXIT.done;
};
