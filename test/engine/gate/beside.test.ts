import { once } from "node:events";
import { expect, it } from "vitest";
import type { DecideContext } from "../../../src/core/decide/guards.js";
import { decide } from "../../../src/core/decide/index.js";
import { requireVisible } from "../../../src/core/fit-keys.js";
import type { GateContext } from "../../../src/core/gate-context.js";
import { gateFaces } from "../../../src/engine/gate/faces.js";
import { listIntents } from "../../../src/engine/gate/listing.js";
import type { RunLedger } from "../../../src/index.js";
import { noFacts } from "../../../src/ledger/gate-facts.js";
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

it("what is refused leaves no payload beside the journal, and what is written down does", async () => {
  const app = await (await gatedProject()).open();
  const runId = await started(app);
  const agent = app.gate(agentOf(app));
  const terms = { ...asked, runId, policy: "ask-first", idempotencyKey: "lead-1" };
  await agent.propose(terms);
  const kept = (await app.ledger.store.listBlobs()).length;
  expect(kept).toBe(1);
  const refused = [
    [terms, "idempotency_key_reused"],
    [{ ...terms, idempotencyKey: "lead-2", runId: "run_none" }, "run_not_found"],
  ] as const;
  for (const [call, code] of refused)
    await expect(agent.propose({ ...call, payload: `other\n${code}` })).rejects.toMatchObject({ code });
  await agent.propose(terms);
  expect(await app.ledger.store.listBlobs()).toHaveLength(kept);
  await agent.propose({ ...terms, idempotencyKey: "lead-3", payload: "another" });
  expect(await app.ledger.store.listBlobs()).toHaveLength(kept + 1);
});

it.each([
  "half \ud800",
  "a\u0000b",
  "line\nbreak",
  "pay\u200b-1",
  "pay\u202e1-",
  "pay\u2028-1",
  "\ufeffpay",
  "pay\u3164",
  "pay\ufe00",
  "pay\ufe0f",
  "pay\u034f-1",
])("no key of a store holds %j", async (unfit) => {
  const app = await (await gatedProject()).open();
  const runId = await started(app);
  const before = await app.ledger.store.position();
  const agent = app.gate(agentOf(app));
  const terms = { ...asked, policy: "ask-first", idempotencyKey: "lead-1" };
  const done = { runId, eventType: "tool_call_finished", sideEffectClass: "payment" } as const;
  const code = "invalid_input";
  await expect(agent.propose({ ...terms, destination: unfit })).rejects.toMatchObject({ code });
  await expect(agent.propose({ ...terms, idempotencyKey: unfit })).rejects.toMatchObject({ code });
  await expect(agent.recordEvent({ ...done, sideEffectKey: unfit })).rejects.toMatchObject({ code });
  const noted = { type: "write_note", key: "k", value: "v" } as const;
  await expect(
    app.ledger.submit(runId, noted, personOf(app), { idempotencyKey: unfit }),
  ).rejects.toMatchObject({ code });
  expect(await app.ledger.store.position()).toBe(before);
});

it("a refused key is told by the character in it that nobody sees", () => {
  expect(() => requireVisible("pay\u200b-1")).toThrow(
    "is not made of visible characters: there is U+200B in it.",
  );
  expect(() => requireVisible("café ❤️ 支払い")).not.toThrow();
});

it("no two destinations have one key: one with a colon in it has none", async () => {
  const app = await (await gatedProject()).open();
  const agent = app.gate(agentOf(app));
  const terms = { ...asked, policy: "ask-first" };
  const refused = agent.propose({ ...terms, destination: "bank:eu", idempotencyKey: "pay-1" });
  await expect(refused).rejects.toMatchObject({ code: "invalid_input" });
  const status = "pending_approval";
  expect(await agent.propose({ ...terms, destination: "bank:eu" })).toMatchObject({ status });
  const other = await agent.propose({ ...terms, destination: "bank", idempotencyKey: "eu:pay-1" });
  expect(other).toMatchObject({ status, sideEffectKey: "bank:eu:pay-1" });
});

it("what is held under a destination with a colon is answered, and not sent to another name where it would happen twice", async () => {
  const app = await (await gatedProject()).open();
  const agent = app.gate(agentOf(app));
  const runId = await started(app);
  const done = { runId, eventType: "tool_call_finished", sideEffectClass: "payment" } as const;
  await agent.recordEvent({ ...done, sideEffectKey: "bank:eu:pay-1" });
  const terms = { ...asked, policy: "ask-first", destination: "bank:eu", idempotencyKey: "pay-1" };
  const message = expect.stringContaining("nobody can say any more for which destination");
  expect(await agent.propose(terms)).toMatchObject({ status: "skipped", message });
  const plain = { ...terms, destination: "bank", idempotencyKey: "eu:pay-1" };
  expect(await agent.propose(plain)).toMatchObject({
    status: "skipped",
    message: expect.stringContaining("Another intent"),
  });
  expect(await agent.propose({ ...terms, runId })).toMatchObject({ status: "skipped" });
  // That of another destination is no answer to it.
  await agent.propose({ ...terms, destination: "bank", idempotencyKey: "eu:pay-2" });
  const before = await app.ledger.store.position();
  const other = { ...terms, idempotencyKey: "pay-2" };
  for (const call of [other, { ...other, runId }])
    await expect(agent.propose(call)).rejects.toMatchObject({ code: "invalid_input" });
  expect(await app.ledger.store.position()).toBe(before);
});

it.each([
  ["bank:eu", "pay-1"],
  ["bank", "pay\u0001"],
  ["bank", "pay\u200b"],
])(
  "an intent of before under %j and %j is found again, and nothing new begins so",
  async (destination, idempotencyKey) => {
    const app = await (await gatedProject()).open();
    const agent = app.gate(agentOf(app));
    const runId = await started(app);
    const { intentId } = await agent.propose({ ...asked, runId, policy: "ask-first", idempotencyKey: "x" });
    const run = await app.ledger.load(runId);
    const [fit] = run.intents;
    if (fit === undefined) throw new Error("nothing was proposed");
    // As a ledger holds it whose program let such a name through.
    const content = { ...fit.content, destination, idempotencyKey };
    const intent = { ...fit, content };
    const of = { ...run, intents: [intent] };
    const { rules, now } = app.ledger;
    const decided = (held: GateContext["held"]) => {
      const gate = { ...noFacts(app.ledger.store), held };
      const context = { caller: agentOf(app), at: now(), rules, gate };
      return decide({ type: "propose_intent", content, text: asked.payload }, of, context, runId);
    };
    expect(decided({ runId, seq: intent.seq, intent }).events).toEqual([]);
    expect(() => decided(null)).toThrow(expect.objectContaining({ code: "invalid_input" }));
    expect(intentId).toBe(intent.intentId);
  },
);

it("what was recorded under a key of before is told, and what was begun under it has its end", async () => {
  const app = await (await gatedProject()).open();
  const runId = await started(app);
  await app.gate(agentOf(app)).recordEvent({
    ...{ runId, eventType: "tool_call_started", sideEffectClass: "payment" },
    sideEffectKey: "k",
  });
  const run = await app.ledger.load(runId);
  if (run.tracked === null) throw new Error("it is not tracked");
  const key = "k\u0001";
  const of = {
    ...run,
    tracked: { ...run.tracked, begun: run.tracked.begun.map((one) => ({ ...one, key })) },
  };
  const decided = (
    eventType: "tool_call_started" | "tool_call_finished",
    facts: NonNullable<DecideContext["facts"]>,
  ) => {
    const said = { eventType, actorId: "importer", stepName: null, payload: null, artifact: null } as const;
    const hashes = { inputHash: null, outputHash: null } as const;
    const event = { ...said, ...hashes, sideEffectClass: "payment", sideEffectKey: key } as const;
    const context = { caller: agentOf(app), at: app.ledger.now(), rules: app.ledger.rules, facts };
    return decide({ type: "record_event", event }, of, context, runId).events[0]?.payload;
  };
  const taken = { runId, seq: 3 };
  expect(decided("tool_call_finished", { taken })).toMatchObject({ skipped: null });
  expect(decided("tool_call_started", { taken })).toMatchObject({ skipped: taken });
  expect(() => decided("tool_call_started", {})).toThrow(expect.objectContaining({ code: "invalid_input" }));
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
