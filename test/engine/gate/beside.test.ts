import { once } from "node:events";
import { expect, it } from "vitest";
import { gateFaces } from "../../../src/engine/gate/faces.js";
import { listIntents } from "../../../src/engine/gate/listing.js";
import type { RunLedger } from "../../../src/index.js";
import { agentOf, gatedProject, personOf } from "../../helpers/gated.js";

const asked = { destination: "crm.import", payload: "name\nAda\n" };
const started = async (app: RunLedger): Promise<string> =>
  (await app.trackedRuns(agentOf(app)).startRun({ agentId: "importer", intentSummary: "Import" })).runId;

it("a client's run has its checkpoint behind each boundary that the gate brings it to, and waits for no event", async () => {
  const app = await (await gatedProject()).open();
  const runId = await started(app);
  const reasons = async () =>
    (await app.trackedRuns(agentOf(app)).getRun({ runId })).checkpoints.map(({ reason }) => reason);
  const agent = app.gate(agentOf(app));
  const { intentId, contentHash } = await agent.propose({ ...asked, runId, policy: "ask-first" });
  expect(await reasons()).toEqual(["approval_requested"]);
  await app.gate(personOf(app)).approve({ intentId, contentHash });
  const { executionToken } = await agent.execute({ intentId });
  expect(await reasons()).toEqual(["approval_requested", "risky_boundary"]);
  await agent.report({ intentId, executionToken: executionToken ?? "", status: "succeeded" });
  expect(await reasons()).toEqual(["approval_requested", "risky_boundary", "risky_boundary"]);
});

it("an order is answered with its token also where the checkpoint behind it cannot be kept, which a warning says", async () => {
  const app = await (await gatedProject()).open();
  const { gate } = gateFaces({
    ledger: app.ledger,
    intents: (caller) => app.gate(caller),
    trackedRuns: (caller) => app.trackedRuns(caller),
    policies: () => ({ folder: "gate-policies", environment: null, policies: [] }),
    signIfDue: () => Promise.reject(new Error("no room on the disk")),
    interrupted: new AbortController().signal,
  });
  const warned = once(process, "warning");
  const runId = await started(app);
  const { intentId, contentHash } = await gate(agentOf(app)).propose({
    ...asked,
    runId,
    policy: "ask-first",
  });
  await gate(personOf(app)).approve({ intentId, contentHash });
  expect(await gate(agentOf(app)).execute({ intentId })).toMatchObject({
    executionToken: expect.any(String),
  });
  expect(await warned).toMatchObject([{ message: expect.stringContaining("no room on the disk") }]);
});

it("an intent in doubt is listed also when its run is over, for whoever may see that, until somebody has said", async () => {
  const app = await (await gatedProject()).open();
  const [runId, other] = [await started(app), await started(app)];
  const agent = app.gate(agentOf(app));
  const { intentId, contentHash } = await agent.propose({ ...asked, runId, policy: "ask-first" });
  const ada = app.gate(personOf(app));
  await ada.approve({ intentId, contentHash });
  const { executionToken } = await agent.execute({ intentId });
  await agent.propose({ ...asked, runId, policy: "ask-first", idempotencyKey: "b" });
  for (const each of [runId, other]) await app.trackedRuns(agentOf(app)).failRun({ runId: each });
  const ids = async (gate = ada, statuses?: readonly ("ordered" | "unknown" | "denied")[]) =>
    (await gate.listIntents(statuses === undefined ? {} : { statuses: [...statuses] })).map(
      (one) => one.intentId,
    );
  expect(await ids()).toEqual([intentId]);
  expect(await ids(ada, ["ordered", "unknown"])).toEqual([intentId]);
  expect(await ids(ada, ["denied"])).toEqual([]);
  expect(await ids(app.gate(app.issue({ name: "x", role: "executor", sessionKey: "else" })))).toEqual([]);
  await agent.report({ intentId, executionToken: executionToken ?? "", status: "unknown" });
  expect(await ids()).toEqual([intentId]);
  await ada.report({ intentId, status: "failed" });
  expect(await ids()).toEqual([]);
});

it("of the runs that are over only those in doubt are read again for a list, and those that are new", async () => {
  const app = await (await gatedProject()).open();
  const agent = app.gate(agentOf(app));
  const ada = app.gate(personOf(app));
  const ended = async (status: "succeeded" | "unknown") => {
    const runId = await started(app);
    const { intentId, contentHash } = await agent.propose({ ...asked, runId, policy: "ask-first" });
    await ada.approve({ intentId, contentHash });
    const { executionToken } = await agent.execute({ intentId });
    await agent.report({ intentId, executionToken: executionToken ?? "", status });
    await app.trackedRuns(agentOf(app)).failRun({ runId });
    return { runId, intentId };
  };
  const loads: string[] = [];
  const load = (runId: string) => {
    loads.push(runId);
    return app.ledger.load(runId);
  };
  const positions: number[] = [];
  const feedOf: RunLedger["ledger"]["store"]["feedOf"] = (types, after, limit) => {
    positions.push(after);
    return app.ledger.store.feedOf(types, after, limit);
  };
  const store = { ...app.ledger.store, feedOf };
  const listed = async () => {
    loads.length = 0;
    const found = await listIntents({ ...app.ledger, store, load }, personOf(app), { opens: undefined });
    return found.map(({ intentId }) => intentId);
  };
  const [settled, doubt] = [await ended("succeeded"), await ended("unknown")];
  expect(await listed()).toEqual([doubt.intentId]);
  expect(loads).toEqual([doubt.runId, settled.runId]);
  expect(await listed()).toEqual([doubt.intentId]);
  expect(loads).toEqual([doubt.runId]);
  const later = await ended("unknown");
  expect(await listed()).toEqual([later.intentId, doubt.intentId]);
  expect(loads).toEqual([later.runId, doubt.runId]);
  expect(positions.at(0)).toBe(0);
  expect(positions.slice(1).every((after) => after > 0)).toBe(true);
  await ada.report({ intentId: doubt.intentId, status: "failed" });
  expect(await listed()).toEqual([later.intentId]);
  expect(await listed()).toEqual([later.intentId]);
  expect(loads).toEqual([later.runId]);
});
