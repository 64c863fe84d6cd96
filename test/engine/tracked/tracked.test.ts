import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import type { RunLedger } from "../../../src/index.js";
import { makeSample, orchestrator, person, type Sample } from "../../helpers/project.js";

let shop: Sample;
afterEach(() => shop.dispose());

const opened = async (files: Readonly<Record<string, string>> = {}): Promise<RunLedger> => {
  shop = await makeSample({ "leads.csv": "name\nAda\n", ...files });
  return shop.open();
};
const started = async (app: RunLedger) => {
  const runs = app.trackedRuns(orchestrator(app));
  const { runId } = await runs.startRun({ agentId: "enricher", intentSummary: "Enrich leads" });
  return { runs, runId };
};
const KEY = "salesforce.import:batch-2026-03-22";
const importing = { sideEffectClass: "external_mutation", sideEffectKey: KEY } as const;

describe("A run that its client records", () => {
  it("goes on after an interruption with what must not be done again", async () => {
    const app = await opened();
    const { runs, runId } = await started(app);
    const plan = { runId, eventType: "plan_locked", stepName: "enrich", payload: { steps: 4 } } as const;
    expect(await runs.recordEvent({ ...plan, sideEffectClass: "none" })).toMatchObject({
      status: "recorded",
    });
    const first = await runs.recordEvent({ runId, eventType: "tool_call_finished", ...importing });
    const { checkpointId } = await runs.createCheckpoint({
      runId,
      reason: "interruption",
      suggestedNextAction: "resume_then_execute",
    });
    expect((await runs.getRun({ runId })).run).toMatchObject({ status: "interrupted", resumable: true });

    const again = await shop.open();
    const later = again.trackedRuns(person(again));
    const context = await later.resumeRun({ runId });
    expect(context).toMatchObject({
      checkpointId,
      suggestedNextAction: "resume_then_execute",
      agentId: "enricher",
    });
    expect(context.blockedSideEffectKeys).toEqual(new Set([KEY]));
    expect(context.receipts).toMatchObject([{ sideEffectKey: KEY, status: "recorded", seq: first.seq }]);
    const twice = await later.recordEvent({ runId, eventType: "tool_call_finished", ...importing });
    expect(twice).toMatchObject({ status: "skipped", first: { runId, seq: first.seq } });
    expect((await later.getRun({ runId })).run).toMatchObject({ status: "active", skippedSideEffects: 1 });
    expect(await later.completeRun({ runId })).toEqual({ runId, status: "completed" });
    await expect(later.resumeRun({ runId })).rejects.toMatchObject({ code: "run_terminal" });
  });

  it("records an event whose checkpoint cannot be kept, and takes it with the next one", async () => {
    const app = await opened({ "runledger.yaml": "durable: { checkpoints: file }\n" });
    const { runs, runId } = await started(app);
    const folder = join(app.dataDir, "checkpoints");
    await writeFile(folder, "in the way");
    const recorded = await runs.recordEvent({ runId, eventType: "tool_call_finished", ...importing });
    expect(recorded).toMatchObject({ status: "recorded" });
    await rm(folder);
    await runs.recordEvent({ runId, eventType: "plan_locked", sideEffectClass: "none" });
    expect((await runs.getRun({ runId })).checkpoints).toMatchObject([
      { reason: "risky_boundary", holds: true },
    ]);
  });
});
