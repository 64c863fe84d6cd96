import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import Database from "better-sqlite3";
import { expect, it, vi } from "vitest";
import { agentOf, gatedProject, personOf, SESSION } from "../../helpers/gated.js";

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

it("a run in which nobody has said whether something happened is not pruned, and named, until a person has", async () => {
  const { open, clock } = await gatedProject(PLAIN);
  const app = await open();
  const agent = app.gate(agentOf(app));
  const ada = app.gate(personOf(app));
  const asked = { destination: "salesforce.import", payload: "Ada", policy: "crm-low-risk", recordCount: 1 };
  const { runId, intentId } = await agent.propose(asked);
  await agent.execute({ intentId });
  await agent.failRun({ runId });
  const recording = (await agent.startRun({ agentId: "importer", intentSummary: "Pay" })).runId;
  const payment = { sideEffectClass: "payment", sideEffectKey: "pay-1" } as const;
  await agent.recordEvent({ runId: recording, eventType: "tool_call_started", ...payment });
  await agent.completeRun({ runId: recording });
  clock.aheadMs = 48 * HOUR_MS;
  const pruned = async () => (await app.prune({ keep: 0 })).runs.map((run) => run.runId).sort();
  const named = async () => (await app.examine()).find(({ check }) => check === "in doubt")?.message;
  expect(await pruned()).toEqual([]);
  expect(await named()).toContain(`${runId} (${intentId})`);
  expect(await named()).toContain(`${recording} (pay-1)`);
  await ada.report({ intentId, status: "failed" });
  const told = { eventType: "tool_call_finished", ...payment, happened: false } as const;
  await app
    .gate(app.issue({ name: "ada", role: "human", sessionKey: SESSION }))
    .recordEvent({ runId: recording, ...told });
  expect(await named()).toBeUndefined();
  clock.aheadMs = 96 * HOUR_MS;
  expect(await pruned()).toEqual([runId, recording].sort());
});

it("a copy of another ledger's run is pruned whatever is in doubt there, but not what was begun here since", async () => {
  const [there, here] = [await gatedProject(PLAIN), await gatedProject(PLAIN)];
  const [former, app] = [await there.open(), await here.open()];
  const begin = { eventType: "tool_call_started", sideEffectClass: "payment" } as const;
  const theirs = former.gate(agentOf(former));
  const runIds = await Promise.all(
    ["one", "other"].map((intentSummary) => theirs.startRun({ agentId: "importer", intentSummary })),
  );
  for (const { runId } of runIds) {
    await theirs.recordEvent({ runId, ...begin, sideEffectKey: `there-${runId}` });
    const chunks = former.exportRun(runId);
    await app.importRun(
      personOf(app),
      Readable.from(chunks).map((line: string) => Buffer.from(line)),
    );
  }
  const [{ runId: left } = { runId: "" }, { runId: goneOn } = { runId: "" }] = runIds;
  const ours = app.gate(agentOf(app));
  for (const runId of [left, goneOn]) await ours.resumeRun({ runId });
  await ours.recordEvent({ runId: goneOn, ...begin, sideEffectKey: "pay-1" });
  for (const runId of [left, goneOn]) await ours.failRun({ runId });
  here.clock.aheadMs = 48 * HOUR_MS;
  const named = (await app.examine()).filter(({ check }) => check === "in doubt");
  expect(named).toMatchObject([{ message: expect.stringContaining(`: ${goneOn} (pay-1).`) }]);
  expect((await app.prune({ keep: 0 })).runs.map((run) => run.runId)).toEqual([left]);
});

it("a damaged journal of a run that is over keeps nobody from being told all the rest, and runs at work are not read", async () => {
  const { open } = await gatedProject(PLAIN);
  const app = await open();
  const agent = app.gate(agentOf(app));
  const begun = async (goal: string) => {
    const { runId } = await agent.startRun({ agentId: "importer", intentSummary: goal });
    const payment = { sideEffectClass: "payment", sideEffectKey: goal } as const;
    await agent.recordEvent({ runId, eventType: "tool_call_started", ...payment });
    return runId;
  };
  const [atWork, damaged, whole] = [await begun("pay-0"), await begun("pay-1"), await begun("pay-2")];
  for (const runId of [damaged, whole]) await agent.completeRun({ runId });
  const { dataDir } = app;
  await app.close();
  const sqlite = new Database(join(dataDir, "ledger.db"));
  const triggers = sqlite.prepare("SELECT name FROM sqlite_schema WHERE type = 'trigger'").pluck().all();
  for (const name of triggers) sqlite.exec(`DROP TRIGGER ${name}`);
  sqlite
    .prepare("UPDATE events SET payload = replace(payload, 'pay-1', 'pay-9') WHERE run_id = ?")
    .run(damaged);
  sqlite.exec("DELETE FROM snapshots");
  sqlite.close();
  const later = await open();
  const loads = vi.spyOn(later.ledger, "load");
  const found = await later.examine();
  expect(found.filter(({ check }) => check === "in doubt")).toMatchObject([
    { status: "fail", message: expect.stringContaining(damaged) },
    { status: "warn", message: expect.stringContaining(`${whole} (pay-2)`) },
  ]);
  expect(found.map(({ check }) => check)).toEqual(expect.arrayContaining(["node", "journals", "privacy"]));
  expect(loads.mock.calls.flat()).not.toContain(atWork);
});

it("an erased run leaves nothing of what its intents were worth, and the day's money counts as spent", async () => {
  const { open, clock } = await gatedProject(SEALED);
  const app = await open();
  const lifetimeMs = 3 * 24 * HOUR_MS;
  await app.approveStanding(personOf(app), { agent: "importer", lifetimeMs, perDayUsd: 9_000 });
  const agent = app.gate(agentOf(app));
  const asked = { destination: "bank", payload: "pay", policy: "ask-first", valueUsd: 4_242.42 };
  const { runId, status } = await agent.propose(asked);
  expect(status).toBe("approved");
  await agent.completeRun({ runId });
  const told = async () => (await app.ledger.store.word("mandates")) ?? "";
  expect(await told()).toContain("4242.42");
  await app.erase(personOf(app), runId);
  expect(await told()).not.toContain("4242.42");
  expect((await agent.propose({ ...asked, valueUsd: 1 })).status).toBe("pending_approval");
  clock.aheadMs = 25 * HOUR_MS;
  expect((await agent.propose(asked)).status).toBe("approved");
});
