import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { describe, expect, it, vi } from "vitest";
import { sha256 } from "../../../src/core/canonical.js";
import type { EffectCall } from "../../../src/core/effects.js";
import { findKnown } from "../../../src/engine/effects/known.js";
import { NotExecuted, type RunLedger } from "../../../src/index.js";
import { collectGarbage } from "../../helpers/garbage.js";
import { agentOf, gatedProject, openRun, personOf, SESSION } from "../../helpers/gated.js";

const ORDER_MS = 900_000;

/** Whoever does it, and how often it was done. */
const counted = (value: unknown = { imported: 847 }) => {
  const calls: unknown[] = [];
  return {
    calls,
    execute: (given: unknown) => {
      calls.push(given);
      return value;
    },
  };
};

const signal = () => {
  let give = (): void => undefined;
  const given = new Promise<void>((resolve) => {
    give = resolve;
  });
  return { given, give: () => give() };
};

const scene = async () => {
  const project = await gatedProject();
  const app = await project.open();
  const runId = await openRun(app);
  await writeFile(join(project.folder, "leads.csv"), "name\nAda\n");
  const terms = {
    runId,
    destination: "salesforce.import",
    payload: join(project.folder, "leads.csv"),
    recordCount: 847,
    idempotency_key: "batch-2026-03-22",
  };
  return { ...project, app, runId, terms, agent: app.gate(agentOf(app)), ada: app.gate(personOf(app)) };
};

describe("an intent in process", () => {
  it("is proposed, approved by a person, done once and reported; asked for again it is not done again", async () => {
    const { app, runId, terms, agent, ada } = await scene();
    const { calls, execute } = counted();
    const asked = await agent.propose({ ...terms, policy: "ask-first", execute });
    expect(asked).toMatchObject({ status: "pending_approval", executed: false, approvalsNeeded: 1 });
    expect(asked.message).toContain("NOT executed");
    expect(asked.payload).toEqual({ type: "csv", bytes: 9, digest: sha256("name\nAda\n") });
    await expect(agent.execute({ intentId: asked.intentId })).rejects.toMatchObject({
      code: "intent_not_approved",
    });
    await expect(
      agent.approve({ intentId: asked.intentId, contentHash: asked.contentHash }),
    ).rejects.toMatchObject({
      code: "access_denied",
    });
    const { intentId, contentHash } = asked;
    expect(await ada.approve({ intentId, contentHash })).toMatchObject({ status: "approved" });
    const [first, second] = await Promise.all([agent.execute({ intentId }), agent.execute({ intentId })]);
    expect(first).toMatchObject({ status: "succeeded", executed: true, result: { imported: 847 } });
    expect(second).toEqual(first);
    expect(await agent.execute({ intentId })).toMatchObject({ status: "succeeded", executionToken: null });
    const again = await agent.propose({ ...terms, policy: "ask-first", execute });
    expect(again).toMatchObject({
      status: "skipped",
      executed: false,
      result: { imported: 847 },
      first: { intentId, status: "succeeded", samePayload: true },
    });
    await agent.execute({ intentId: again.intentId });
    expect(calls).toHaveLength(1);
    expect(calls).toMatchObject([
      { key: "salesforce.import:batch-2026-03-22", payload: { text: "name\nAda\n" } },
    ]);
    expect((await app.ledger.events(runId, 1, 100)).map(({ type }) => type)).toEqual([
      ...["intent_proposed", "policy_checked", "approval_requested", "intent_approved"],
      ...["execution_ordered", "intent_reported", "intent_proposed", "intent_skipped"],
    ]);
  });

  it("that its policy lets through needs nobody; another run under the same key is skipped", async () => {
    const { app, terms, agent } = await scene();
    const { calls, execute } = counted();
    const { intentId } = await agent.propose({ ...terms, policy: "crm-low-risk", execute });
    await agent.execute({ intentId });
    const other = await agent.propose({
      ...terms,
      runId: await openRun(app),
      policy: "crm-low-risk",
      execute,
    });
    expect(other).toMatchObject({ status: "skipped", result: { imported: 847 }, first: { intentId } });
    expect(calls).toHaveLength(1);
  });

  it("that never happens any more is let go of with its function, by a host that goes on", async () => {
    const { terms, agent, ada } = await scene();
    let execute: (() => number) | undefined = () => 1;
    const held = new WeakRef(execute);
    const { intentId } = await agent.propose({ ...terms, policy: "ask-first", execute });
    execute = undefined;
    collectGarbage();
    expect(held.deref()).toBeDefined();
    expect(await ada.reject({ intentId, reason: "no" })).toMatchObject({ status: "denied" });
    await new Promise(setImmediate);
    collectGarbage();
    expect(held.deref()).toBeUndefined();
  });

  it("that throws leaves open whether it happened, and nobody does it again before a person has said", async () => {
    const { terms, agent, ada } = await scene();
    let calls = 0;
    const execute = () => {
      calls += 1;
      throw new Error("socket hang up");
    };
    const { intentId } = await agent.propose({ ...terms, policy: "crm-low-risk", execute });
    expect(await agent.execute({ intentId })).toMatchObject({
      status: "unknown",
      executed: false,
      inDoubt: true,
    });
    expect(await agent.execute({ intentId })).toMatchObject({ status: "unknown" });
    expect(await agent.propose({ ...terms, policy: "crm-low-risk", execute })).toMatchObject({ intentId });
    expect(calls).toBe(1);
    const found = { intentId, status: "failed", error: "they have nothing" } as const;
    await expect(agent.report(found)).rejects.toMatchObject({ code: "access_denied" });
    expect(await ada.report(found)).toMatchObject({ status: "failed" });
    const anew = await agent.propose({ ...terms, policy: "crm-low-risk" });
    expect(anew).toMatchObject({ status: "approved" });
    expect(anew.intentId).not.toBe(intentId);
  });

  it("that is known not to have happened gives its key back", async () => {
    const { terms, agent } = await scene();
    const execute = () => {
      throw new NotExecuted("the card was declined");
    };
    const { intentId } = await agent.propose({ ...terms, policy: "crm-low-risk", execute });
    expect(await agent.execute({ intentId })).toMatchObject({
      status: "failed",
      message: expect.stringContaining("NOT"),
    });
    expect(await agent.propose({ ...terms, policy: "crm-low-risk" })).toMatchObject({ status: "approved" });
  });

  it("gives its key back when it is blocked, denied, cancelled, or nobody answers", async () => {
    const { clock, terms, agent, ada } = await scene();
    const propose = (policy: string) => agent.propose({ ...terms, policy });
    expect(await propose("no-such-policy")).toMatchObject({ status: "blocked" });
    const denied = await propose("ask-first");
    expect(await ada.reject({ intentId: denied.intentId, reason: "not now" })).toMatchObject({
      status: "denied",
    });
    const cancelled = await propose("ask-first");
    await agent.cancel({ intentId: cancelled.intentId, reason: "wrong file" });
    const expiring = await propose("ask-first");
    clock.aheadMs = 3_600_000;
    expect(await agent.getIntent({ intentId: expiring.intentId })).toMatchObject({ status: "expired" });
    const ids = [denied, cancelled, expiring].map(({ intentId }) => intentId);
    const last = await propose("ask-first");
    expect(last.status).toBe("pending_approval");
    expect(ids).not.toContain(last.intentId);
  });
});

it("that is refused leaves nothing behind: its payload holds a secret, or its run is over", async () => {
  const { app, runId, terms, agent } = await scene();
  const refused = (payload: { text: string } | Uint8Array) =>
    agent.propose({ ...terms, policy: "crm-low-risk", payload });
  const token = `ghp_${"a1B2".repeat(9)}`;
  await expect(refused({ text: `key,${token}` })).rejects.toMatchObject({ code: "invalid_input" });
  const bytes = Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(token)]);
  await expect(refused(bytes)).rejects.toMatchObject({
    code: "invalid_input",
  });
  await app.ledger.submit(runId, { type: "cancel_run", reason: "enough" }, personOf(app));
  await expect(refused({ text: "too late" })).rejects.toMatchObject({ code: "run_terminal" });
  expect(await app.ledger.store.listBlobs()).toEqual([]);
});

it("is proposed and ordered to the letter when it quotes what was cut off elsewhere: no whole secret is in it", async () => {
  const { terms, agent } = await scene();
  const text = `Who printed ghp_${"a1B2".repeat(5)}… here?`;
  const asked = { ...terms, policy: "crm-low-risk", action: `ghp_${"a1B2".repeat(4)}…` };
  const { intentId } = await agent.propose({ ...asked, payload: { text } });
  expect(await agent.execute({ intentId })).toMatchObject({ action: asked.action, payload: { text } });
});

it("without a run goes on in another one when its own is over, and in the same one whenever it is asked again", async () => {
  const { terms, agent } = await scene();
  const { runId: _, ...asked } = { ...terms, policy: "crm-low-risk" };
  const { calls, execute } = counted();
  const first = await agent.propose({ ...asked, execute });
  await agent.execute({ intentId: first.intentId });
  await agent.completeRun({ runId: first.runId });
  const second = await agent.propose({ ...asked, execute });
  expect(second).toMatchObject({ status: "skipped", first: { intentId: first.intentId } });
  expect(second.runId).not.toBe(first.runId);
  expect(await agent.propose(asked)).toEqual(second);
  await agent.completeRun({ runId: second.runId });
  const other = await agent.propose({ ...asked, payload: { text: "other" } });
  expect([first.runId, second.runId]).not.toContain(other.runId);
  expect(calls).toHaveLength(1);
});

it("that starts its run takes the call's key in that run where it has one of its own, and else in the session", async () => {
  const { app, terms } = await scene();
  const under = (callKey: string) => app.gate(agentOf(app), { callKey });
  const { destination, payload } = terms;
  const asked = { destination, payload, policy: "ask-first" };
  const { runId } = await under("k").propose({ ...asked, idempotencyKey: "a" });
  expect((await under("k").propose({ ...asked, idempotencyKey: "b" })).runId).not.toBe(runId);
  await under("free").propose(asked);
  for (const [callKey, other] of [
    ["k", { runId, idempotencyKey: "c" }],
    ["free", { recordCount: 1 }],
    ["free", { destination: "crm.import" }],
  ] as const)
    await expect(under(callKey).propose({ ...asked, ...other })).rejects.toMatchObject({
      code: "idempotency_key_reused",
    });
});

describe("two processes that have the function of one intent", () => {
  it.each([
    ["", {}],
    [", asked under one key", { callKey: "call-1" }],
  ])("do it once, also when both were about to%s", async (_, options) => {
    const { app, open, terms } = await scene();
    const elsewhere = await open();
    const asked = { ...terms, policy: "crm-low-risk" };
    const first = counted();
    const second = counted();
    const { intentId } = await app.gate(agentOf(app)).propose(asked);
    await elsewhere.gate(agentOf(elsewhere)).propose({ ...asked, execute: second.execute });
    const { ledger } = elsewhere;
    const submit = ledger.submit.bind(ledger);
    const isThere = signal();
    const goOn = signal();
    vi.spyOn(ledger, "submit").mockImplementation(async (runId, command, ...more) => {
      if (command.type === "order_intent") {
        isThere.give();
        await goOn.given;
      }
      return submit(runId, command, ...more);
    });
    const late = elsewhere.gate(agentOf(elsewhere), options).execute({ intentId });
    await isThere.given;
    let told: unknown;
    const execute = async () => {
      goOn.give();
      told = await late;
      return first.execute({});
    };
    await app.gate(agentOf(app)).propose({ ...asked, execute });
    expect(await app.gate(agentOf(app), options).execute({ intentId })).toMatchObject({
      status: "succeeded",
      attempt: 1,
    });
    expect(told).toMatchObject({ status: "ordered", inDoubt: true, executed: false, attempt: 1 });
    expect([first.calls.length, second.calls.length]).toEqual([1, 0]);
  });
});

describe("an order", () => {
  it("is done by a worker elsewhere, who may fetch it again, and reports with its last token", async () => {
    const { open, terms, agent } = await scene();
    const { intentId } = await agent.propose({ ...terms, policy: "crm-low-risk" });
    const order = await agent.execute({ intentId });
    expect(order).toMatchObject({
      status: "ordered",
      executed: false,
      inDoubt: false,
      payload: { text: "name\nAda\n" },
    });
    const elsewhere = await open();
    const again = await elsewhere.gate(agentOf(elsewhere)).execute({ intentId });
    expect(again).toMatchObject({ attempt: 2, inDoubt: true });
    expect(again.executionToken).not.toBe(order.executionToken);
    const other = elsewhere.gate(agentOf(elsewhere, "another"));
    await expect(other.execute({ intentId })).rejects.toMatchObject({ code: "access_denied" });
    const said = { intentId, status: "succeeded", result: { imported: 1 } } as const;
    await expect(agent.report({ ...said, executionToken: order.executionToken ?? "" })).rejects.toMatchObject(
      {
        code: "execution_refused",
      },
    );
    await expect(agent.report({ ...said, executionToken: null })).rejects.toMatchObject({
      code: "execution_refused",
      message: expect.stringContaining("its token is null"),
    });
    // Whatever execute answers can be reported with, as it came.
    const { executionToken: token } = again;
    expect(await agent.report({ ...said, executionToken: token })).toMatchObject({
      status: "succeeded",
      executed: true,
    });
    expect(await agent.report({ ...said, executionToken: token })).toMatchObject({ status: "succeeded" });
    await expect(agent.report({ ...said, status: "failed", executionToken: token })).rejects.toMatchObject({
      code: "execution_reported",
    });
  });

  it("whose worker was lost is in doubt, or done again where that does no harm", async () => {
    const { clock, open, terms, agent } = await scene();
    const { calls, execute } = counted();
    const once = await agent.propose({ ...terms, policy: "crm-low-risk" });
    const twice = await agent.propose({
      ...terms,
      idempotencyKey: "other",
      policy: "crm-low-risk",
      idempotent: true,
    });
    for (const { intentId } of [once, twice]) await agent.execute({ intentId });
    const later = await open();
    const back = later.gate(agentOf(later));
    for (const one of [terms, { ...terms, idempotency_key: "other", idempotent: true }])
      await back.propose({ ...one, policy: "crm-low-risk", execute });
    expect(await back.execute({ intentId: once.intentId })).toMatchObject({
      status: "ordered",
      inDoubt: true,
    });
    clock.aheadMs = ORDER_MS;
    expect(await back.execute({ intentId: once.intentId })).toMatchObject({
      status: "unknown",
      executed: false,
    });
    expect(await back.execute({ intentId: twice.intentId })).toMatchObject({
      status: "succeeded",
      executed: true,
    });
    expect(calls).toMatchObject([{ attempt: 2 }]);
  });
});

it("that has happened is not done again where its run is imported, nor what its client recorded there", async () => {
  const there = await (await gatedProject()).open();
  const lead = (app: RunLedger) => app.issue({ name: "lead", role: "orchestrator", sessionKey: SESSION });
  const { runId } = await there
    .trackedRuns(lead(there))
    .startRun({ agentId: "importer", intentSummary: "Import leads" });
  const { calls, execute } = counted();
  const terms = { runId, destination: "salesforce.import", policy: "crm-low-risk", recordCount: 1, execute };
  const asked = { ...terms, payload: { text: "name\nAda\n" }, idempotency_key: "batch-1" };
  const { intentId } = await there.gate(agentOf(there)).propose(asked);
  await there.gate(agentOf(there)).execute({ intentId });
  const done = { runId, eventType: "tool_call_finished", sideEffectClass: "external_mutation" } as const;
  await there.trackedRuns(lead(there)).recordEvent({ ...done, sideEffectKey: "salesforce.import:batch-2" });
  const lines: Uint8Array[] = [];
  for await (const line of there.exportRun(runId)) lines.push(Buffer.from(line));
  const here = await (await gatedProject()).open();
  await here.importRun(personOf(here), Readable.from(lines));
  await here.trackedRuns(lead(here)).resumeRun({ runId });
  const again = await here.gate(agentOf(here)).propose(asked);
  expect(again).toMatchObject({ status: "skipped", result: { imported: 847 }, first: { intentId } });
  expect(await here.gate(agentOf(here)).propose({ ...asked, idempotency_key: "batch-2" })).toMatchObject({
    status: "skipped",
    first: { status: null },
  });
  expect(await here.gate(agentOf(here)).propose({ ...asked, idempotency_key: "batch-3" })).toMatchObject({
    status: "approved",
  });
  expect(calls).toHaveLength(1);
});

it("has a key that no effect of an agent comes under", async () => {
  const { app, terms, agent } = await scene();
  const { status } = await agent.propose({ ...terms, policy: "crm-low-risk" });
  expect(status).toBe("approved");
  const call: EffectCall = {
    ...{ position: 0, name: "import", class: "guarded", risk: "money", onAmbiguous: "fail" },
    ...{ key: "salesforce.import:batch-2026-03-22", input: null },
  };
  await expect(findKnown(app.ledger, call)).rejects.toMatchObject({ code: "effect_key_used" });
  expect(await findKnown(app.ledger, { ...call, key: "salesforce.import:other" })).toBeUndefined();
});

describe("a limit of a policy", () => {
  it("counts what an agent was let through with in all runs, also of two at the same moment", async () => {
    const { app, terms, agent } = await scene();
    const runs = await Promise.all([openRun(app), openRun(app), openRun(app), openRun(app)]);
    const proposed = await Promise.all(
      runs.map((runId) =>
        agent.propose({ ...terms, runId, policy: "seldom", destination: "mail", idempotency_key: runId }),
      ),
    );
    expect(proposed.map(({ status }) => status).sort()).toEqual([
      "approved",
      "approved",
      "blocked",
      "blocked",
    ]);
    const other = app.gate(agentOf(app, "somebody else"));
    expect(await other.propose({ ...terms, policy: "seldom", idempotency_key: "k" })).toMatchObject({
      status: "approved",
    });
  });
});

it("of a sealed run is sealed with it, and happens once all the same", async () => {
  const project = await gatedProject(
    "runLedger: { workspaceIsolation: false }\ndurable: { encryption: true }\n",
  );
  const app = await project.open();
  const runId = await openRun(app);
  const { calls, execute } = counted();
  const agent = app.gate(agentOf(app));
  const payload = { text: "a phrase that nobody else may read" };
  const terms = { runId, payload, destination: "salesforce.import", policy: "crm-low-risk", execute };
  const asked = { ...terms, recordCount: 1, idempotency_key: "sealed" };
  const { intentId } = await agent.propose(asked);
  expect(await agent.execute({ intentId })).toMatchObject({ status: "succeeded" });
  expect(await agent.propose(asked)).toMatchObject({ status: "skipped", result: { imported: 847 } });
  expect(calls).toMatchObject([{ payload: { text: payload.text } }]);
  for (const { payload: kept } of await app.ledger.store.read(runId, 0, 100)) expect(kept).toMatch(/^s1\./);
});
