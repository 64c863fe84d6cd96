import { writeFile } from "node:fs/promises";
import { request as plainRequest } from "node:http";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { type Gate, isLedgerError, type RunLedger } from "../../../src/index.js";
import { eventually } from "../../helpers/driving.js";
import { type GateServer, openGateServer } from "../../helpers/gate-server.js";
import { person } from "../../helpers/project.js";

/** The gate through real routes and real sockets; processes of their own are in test/scenarios/gate-story.test.ts. */

let at: GateServer;
let app: RunLedger;
beforeEach(async () => {
  at = await openGateServer();
  ({ app } = at);
});

const refusalOf = async (asked: Promise<unknown>): Promise<string> => {
  try {
    await asked;
  } catch (error) {
    if (!isLedgerError(error)) throw error;
    expect(error.hint ?? error.message).toBeTruthy();
    return error.code;
  }
  return expect.unreachable("it was not refused");
};

const started = async (gate: Gate, agentId = "importer"): Promise<string> =>
  (await gate.startRun({ agentId, intentSummary: "Import leads" })).runId;

const LEADS = "name,mail\nAda,ada@example.org\n";
const leads = (runId: string, more: object = {}) => ({
  ...{ runId, payload: LEADS, destination: "salesforce.import", policy: "crm-low-risk", recordCount: 847 },
  ...more,
});

describe("an agent elsewhere", () => {
  it("proposes what a policy lets through, executes it once, and finds its key blocked when it goes on", async () => {
    const gate = await at.gateOf("importer");
    const runId = await started(gate);
    const file = join(at.shop.place, "leads.csv");
    await writeFile(file, LEADS);
    const intent = await gate.propose(leads(runId, { payload: file, idempotency_key: "batch-1" }));
    expect(intent).toMatchObject({
      ...{ status: "approved", executed: false, sideEffectKey: "salesforce.import:batch-1" },
      payload: { type: "csv", bytes: LEADS.length },
      proposedBy: { name: "importer", role: "executor" },
    });
    expect((await gate.resumeRun({ runId })).blockedSideEffectKeys).toEqual(new Set());
    const order = await gate.execute({ intentId: intent.intentId });
    expect(order).toMatchObject({
      inDoubt: false,
      payload: { text: LEADS },
      executionToken: expect.any(String),
    });
    const done = await gate.report({
      intentId: intent.intentId,
      executionToken: order.executionToken,
      status: "succeeded",
      result: { imported: 847 },
    });
    expect(done).toMatchObject({ status: "succeeded", executed: true, result: { imported: 847 } });
    const { blockedSideEffectKeys } = await gate.resumeRun({ runId });
    expect(blockedSideEffectKeys).toBeInstanceOf(Set);
    expect(blockedSideEffectKeys.has("salesforce.import:batch-1")).toBe(true);
    expect(await gate.execute({ intentId: intent.intentId })).toMatchObject({
      ...{ status: "succeeded", executed: true, payload: null, executionToken: null },
      result: { imported: 847 },
    });
    await expect(
      gate.report({ intentId: intent.intentId, executionToken: null, status: "succeeded" }),
    ).rejects.toMatchObject({
      code: "execution_refused",
      message: expect.stringContaining("its token is null"),
    });
  });

  it("waits for people, and hears of their decision when it is made", async () => {
    const gate = await at.gateOf("importer");
    const desk = await at.gateOf("desk", { kind: "approver", sessionKey: "desk" });
    const runId = await started(gate);
    const { intentId, status } = await gate.propose(leads(runId, { policy: "asks" }));
    expect(status).toBe("pending_approval");
    expect((await gate.waitForDecision({ intentId, waitMs: 0 })).status).toBe("pending_approval");
    const decided = gate.waitForDecision({ intentId, waitMs: 60_000 });
    const [asked] = await desk.listIntents({ statuses: ["pending_approval"] });
    await desk.approve({ intentId, contentHash: asked?.contentHash ?? "" });
    expect(await decided).toMatchObject({ status: "approved", votes: [{ by: { name: "desk" } }] });
  });

  it("has the same calls as whoever opens the ledger here", async () => {
    const gate = await at.gateOf("importer");
    const here = app.gate(person(app));
    const callsOf = (object: object) => {
      const own = Object.getPrototypeOf(object) === Object.prototype ? object : Object.getPrototypeOf(object);
      return Object.getOwnPropertyNames(own)
        .filter((name) => name !== "constructor")
        .sort();
    };
    expect(callsOf(gate)).toEqual(callsOf(here));
  });
});

describe("policies over HTTP", () => {
  it("are those of the project as they are now, and of those what the key opens", async () => {
    const gate = await at.gateOf("importer");
    const told = await gate.listPolicies();
    expect(told).toEqual(await app.gate(person(app)).listPolicies());
    expect(told).toMatchObject({
      ...{ folder: "gate-policies", environment: null },
      policies: [
        { name: "asks", readable: true, digest: expect.stringMatching(/^[0-9a-f]{64}$/), problem: null },
        { name: "crm-low-risk", file: "gate-policies/crm-low-risk.yaml" },
      ],
    });
    await writeFile(
      join(at.shop.repo, "gate-policies/asks.yaml"),
      "description: Asks\nrequire_approval: often\n",
    );
    const desk = await at.gateOf("desk", { kind: "approver", policies: ["a*"] });
    expect((await desk.listPolicies()).policies).toMatchObject([
      { name: "asks", readable: false, digest: null, problem: expect.stringContaining("require_approval") },
    ]);
  });
});

describe("a wait over HTTP", () => {
  const pending = async (gate: Gate): Promise<string> =>
    (await gate.propose(leads(await started(gate), { policy: "asks" }))).intentId;
  const waits = () =>
    at.questions.filter((one) => one.kind === "gate" && one.method === "waitForDecision").length;
  const waiting = async (name: string, intentId: string, waitMs = 3_600_000) => {
    const gone = new AbortController();
    const response = fetch(`${at.endpoint}/v1/intents/${intentId}/decision?waitMs=${waitMs}`, {
      headers: { authorization: `Bearer ${await at.keyOf(name)}` },
      signal: gone.signal,
    });
    response.catch(() => undefined);
    return { response, hangUp: () => gone.abort() };
  };

  it("is over when its client hangs up, and never longer than one request may take", async () => {
    const intentId = await pending(await at.gateOf("importer"));
    const { response, hangUp } = await waiting("importer", intentId);
    await eventually("it waits", () => waits() === 1);
    expect(at.questions.at(-1)).toMatchObject({ input: { intentId, waitMs: 25_000 } });
    hangUp();
    await expect(response).rejects.toThrow();
    await eventually("the ledger is told", () => at.dropped() === 1);
    const longer = await waiting("importer", intentId, 3_600_001);
    expect((await longer.response).status).toBe(400);
  });

  it("is over in the ledger as soon as that hears that nobody waits any more", async () => {
    const intentId = await pending(await at.gateOf("importer"));
    const gone = new AbortController();
    const input = { intentId, waitMs: 3_600_000 };
    const question = { kind: "gate", method: "waitForDecision", input, callKey: "k" } as const;
    const answer = at.ask({ sdkKey: await at.keyOf("importer") }, question, { gone: gone.signal });
    gone.abort();
    expect(await answer).toMatchObject({ status: "pending_approval" });
  });
});

describe("a call that was lost on its way", () => {
  const post = async (path: string, apiKey: string, callKey: string, body: object) => {
    const response = await fetch(`${at.endpoint}${path}`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${apiKey}`,
        "content-type": "application/json",
        "idempotency-key": callKey,
      },
      body: JSON.stringify(body),
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };

  it("is answered again under its key, call by call, and nothing doubles", async () => {
    const apiKey = await at.keyOf("importer");
    const twice = async (path: string, key: string, body: object) => {
      const [first, second] = [await post(path, apiKey, key, body), await post(path, apiKey, key, body)];
      expect(second).toEqual(first);
      expect(first.status).toBe(200);
      return first.body;
    };
    const { runId } = await twice("/v1/runs", "k1", { agentId: "importer", intentSummary: "Import" });
    const of = `/v1/runs/${runId}`;
    await twice(`${of}/events`, "k2", { eventType: "plan_locked", payload: { steps: ["a"] } });
    await twice(`${of}/artifacts`, "k3", { artifactType: "csv", uri: "a.csv", content: "YQ==" });
    const sent = { payload: { type: "text", text: LEADS } };
    const { intentId } = await twice("/v1/intents", "k4", { ...leads(String(runId)), ...sent });
    const { executionToken } = await twice(`/v1/intents/${intentId}/execute`, "k5", {});
    await twice(`/v1/intents/${intentId}/report`, "k6", { executionToken, status: "succeeded" });
    const types = (await app.ledger.events(String(runId), 0, 99)).map(({ type }) => type);
    for (const type of ["run_created", "intent_proposed", "execution_ordered", "intent_reported"])
      expect([type, types.filter((one) => one === type).length]).toEqual([type, 1]);
    expect(types.filter((one) => one === "event_recorded")).toHaveLength(2);
  });

  it("meets what the first one did, where the call takes no key", async () => {
    const apiKey = await at.keyOf("importer");
    const run = { agentId: "importer", intentSummary: "Import" };
    const { runId } = (await post("/v1/runs", apiKey, "k", run)).body;
    const twice = async (path: string, body: object) => {
      const asked = () => post(`/v1/runs/${runId}${path}`, apiKey, "k", body);
      return [await asked(), await asked()];
    };
    for (const path of ["/checkpoints", "/resume"])
      expect(await twice(path, {})).toMatchObject([{ status: 200 }, { status: 200 }]);
    const handoffs = await twice("/handoffs", { toActor: "b", summary: "Go on" });
    const [one, other] = handoffs.map(({ body }) => body.handoffId);
    expect(one).not.toBe(other);
    expect(await twice(`/handoffs/${one}/complete`, {})).toMatchObject([
      { status: 200 },
      { status: 400, body: { error: { code: "invalid_input" } } },
    ]);
    expect(await twice("/complete", {})).toMatchObject([{ status: 200 }, { status: 200 }]);
    const types = (await app.ledger.events(String(runId), 0, 99)).map(({ type }) => type);
    for (const [type, times] of [
      ["tracking_resumed", 2],
      ["handoff_opened", 2],
      ["run_completed", 1],
    ])
      expect([type, types.filter((each) => each === type).length]).toEqual([type, times]);
  });

  it("is refused where another call comes under its key", async () => {
    const apiKey = await at.keyOf("importer");
    await post("/v1/runs", apiKey, "k", { agentId: "importer", intentSummary: "Import" });
    const other = await post("/v1/runs", apiKey, "k", { agentId: "importer", intentSummary: "Export" });
    expect(other).toMatchObject({ status: 409, body: { error: { code: "idempotency_key_reused" } } });
  });
});

describe("a key", () => {
  it.each([
    ["no key at all", async () => "", 401],
    ["a key of another ledger", async () => `rl_sk_0123456789abcdef_${"a".repeat(43)}`, 401],
    ["a credential of the tools", () => credential(), 401],
  ])("that is %s opens nothing", async (_what, keyOf, status) => {
    const response = await fetch(`${at.endpoint}/v1/key`, {
      headers: { authorization: `Bearer ${await keyOf()}` },
    });
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({
      error: { code: "credential_invalid", hint: expect.stringContaining("sdk-key create") },
    });
    expect(response.headers.get("www-authenticate")).toContain("Bearer");
  });

  const credential = async (): Promise<string> =>
    (await app.signCredential({ name: "coder", role: "executor", sessionKey: "s", lifetimeMs: 60_000 }))
      .credential;

  it("tells whom it is of, and nothing that opens it", async () => {
    const apiKey = await at.keyOf("importer", { destinations: ["crm.*"] });
    const response = await fetch(`${at.endpoint}/v1/key`, { headers: { authorization: `Bearer ${apiKey}` } });
    const text = await response.text();
    expect(JSON.parse(text)).toMatchObject({ name: "importer", kind: "agent", destinations: ["crm.*"] });
    expect(text).not.toContain(apiKey.slice(-43));
  });

  it("is none of the tools", async () => {
    const response = await fetch(`${at.endpoint}/mcp`, {
      method: "POST",
      headers: { authorization: `Bearer ${await at.keyOf("importer")}`, "content-type": "application/json" },
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list", params: {} }),
    });
    expect([response.status, await response.json()]).toMatchObject([
      401,
      { error: { code: "credential_invalid" } },
    ]);
  });

  it("opens nothing from the moment on that it is revoked, also what waits", async () => {
    const gate = await at.gateOf("importer");
    const desk = await at.gateOf("desk", { kind: "approver" });
    const { intentId, contentHash } = await gate.propose(leads(await started(gate), { policy: "asks" }));
    const waiting = refusalOf(gate.waitForDecision({ intentId, waitMs: 60_000 }));
    await eventually("it waits", () =>
      at.questions.some((one) => one.kind === "gate" && one.method === "waitForDecision"),
    );
    // Whoever asks later is answered later: by now its key was found good.
    await gate.getIntent({ intentId });
    await app.revokeSdkKey(person(app), "importer");
    expect(await refusalOf(gate.getIntent({ intentId }))).toBe("credential_invalid");
    await desk.approve({ intentId, contentHash });
    expect(await waiting).toBe("credential_invalid");
  });

  it("of an agent approves nothing, of an approver does nothing else, and both are told in the journal", async () => {
    const gate = await at.gateOf("importer");
    const desk = await at.gateOf("desk", { kind: "approver" });
    const runId = await started(gate);
    const { intentId, contentHash } = await gate.propose(leads(runId, { policy: "asks" }));
    const reason = "no";
    for (const ask of [
      () => gate.approve({ intentId, contentHash }),
      () => gate.reject({ intentId, reason }),
      () => desk.startRun({ agentId: "desk", intentSummary: "Mine" }),
      () => desk.propose(leads(runId)),
      () => desk.execute({ intentId }),
      () => desk.cancel({ intentId, reason }),
      () => desk.report({ intentId, executionToken: "0".repeat(64), status: "succeeded" }),
      () => desk.recordEvent({ runId, eventType: "plan_locked" }),
      () => desk.resumeRun({ runId }),
      () => desk.getRun({ runId }),
    ])
      expect(await refusalOf(ask())).toBe("access_denied");
    expect((await gate.getIntent({ intentId })).status).toBe("pending_approval");
    const told = (await app.ledger.events(runId, 0, 99)).flatMap((event) =>
      event.type === "access_refused" ? [`${event.payload.by?.name} ${event.payload.tool}`] : [],
    );
    expect(told.sort()).toEqual([
      ...["cancel", "execute", "getRun", "propose", "recordEvent", "report", "resumeRun"].map(
        (one) => `desk ${one}`,
      ),
      ...["importer approve", "importer reject"],
    ]);
  });

  it("of an approver settles what nobody could tell of, as a person at the terminal does, and nothing else", async () => {
    const gate = await at.gateOf("importer");
    const desk = await at.gateOf("desk", { kind: "approver", destinations: ["salesforce.*"] });
    const narrow = await at.gateOf("crm-desk", { kind: "approver", destinations: ["hubspot.*"] });
    const { intentId } = await gate.propose(leads(await started(gate)));
    const settled = { intentId, status: "failed", error: "it never arrived" } as const;
    expect(await refusalOf(desk.report(settled))).toBe("intent_not_pending");
    const { executionToken } = await gate.execute({ intentId });
    await gate.report({ intentId, executionToken: executionToken ?? "", status: "unknown" });
    expect(await refusalOf(gate.report(settled))).toBe("access_denied");
    expect(await refusalOf(narrow.report(settled))).toBe("access_denied");
    expect(await desk.report(settled)).toMatchObject({
      ...{ status: "failed", executed: false },
      report: { by: { name: "desk", role: "human" }, error: "it never arrived" },
    });
    expect(await desk.report(settled)).toMatchObject({ status: "failed" });
    expect(await refusalOf(desk.report({ intentId, status: "succeeded" }))).toBe("intent_not_pending");
  });

  it("is told an order to the letter, also what somebody cut off in it", async () => {
    const gate = await at.gateOf("importer");
    const text = `Who printed ghp_${"a1B2".repeat(5)}… here?`;
    const { intentId } = await gate.propose(leads(await started(gate), { payload: { text } }));
    expect(await gate.execute({ intentId })).toMatchObject({ payload: { text } });
  });

  it("opens nothing of other agents' runs and intents, whatever it calls itself", async () => {
    const [gate, other] = [await at.gateOf("importer"), await at.gateOf("other")];
    const runId = await started(gate);
    const { intentId } = await gate.propose(leads(runId, { idempotencyKey: "k" }));
    const { executionToken } = await gate.execute({ intentId });
    for (const [ask, code] of [
      [() => other.getRun({ runId }), "session_mismatch"],
      [() => other.getRunEvents({ runId }), "session_mismatch"],
      [() => other.resumeRun({ runId }), "session_mismatch"],
      [() => other.recordEvent({ runId, eventType: "plan_locked", actorId: "importer" }), "session_mismatch"],
      [() => other.createCheckpoint({ runId }), "session_mismatch"],
      [() => other.propose(leads(runId)), "session_mismatch"],
      [() => other.getIntent({ intentId }), "session_mismatch"],
      [() => other.execute({ intentId }), "session_mismatch"],
      [() => other.cancel({ intentId, reason: "no" }), "session_mismatch"],
      [
        () => other.report({ intentId, executionToken: executionToken ?? "", status: "failed" }),
        "session_mismatch",
      ],
      [
        () => other.report({ intentId, executionToken: "0".repeat(64), status: "failed" }),
        "execution_refused",
      ],
    ] as const)
      expect(await refusalOf(ask())).toBe(code);
    expect(await other.listIntents()).toEqual([]);
    expect((await gate.getIntent({ intentId })).status).toBe("ordered");
  });

  it("with limits opens those destinations and policies alone, also of intents that are there", async () => {
    const whole = await at.gateOf("importer");
    const narrow = await at.gateOf("importer", { destinations: ["hubspot.*"], policies: ["crm-*"] });
    const runId = await started(whole);
    const allowed = await narrow.propose(leads(runId, { destination: "hubspot.import" }));
    const theirs = await whole.propose(leads(runId));
    for (const ask of [
      () => narrow.propose(leads(runId)),
      () => narrow.propose(leads(runId, { destination: "hubspot.import", policy: "asks" })),
      () => narrow.propose(leads(runId, { destination: "HUBSPOT.import" })),
      () => narrow.propose(leads(runId, { destination: ["hubspot.import"] })),
      () => narrow.execute({ intentId: theirs.intentId }),
      () => narrow.getIntent({ intentId: theirs.intentId }),
      () => narrow.waitForDecision({ intentId: theirs.intentId, waitMs: 0 }),
    ])
      expect(await refusalOf(ask())).toBe("access_denied");
    expect((await narrow.listIntents({ runId })).map(({ intentId }) => intentId)).toEqual([allowed.intentId]);
    expect((await narrow.execute({ intentId: allowed.intentId })).executionToken).not.toBeNull();
  });

  it("with limits records no side effect of another destination, which nobody could propose any more", async () => {
    const [whole, other] = [await at.gateOf("importer"), await at.gateOf("other")];
    const narrow = await at.gateOf("importer", { destinations: ["hubspot.import", "crm.*"] });
    const runId = await started(whole);
    const record = (sideEffectKey: string) => {
      const done = { eventType: "tool_call_finished", sideEffectClass: "external_mutation" } as const;
      return narrow.recordEvent({ runId, ...done, sideEffectKey });
    };
    for (const key of [
      "salesforce.import:k",
      "hubspot.import.eu:k",
      ":k",
      "salesforce.import:hubspot.import:k",
    ])
      expect(await refusalOf(record(key))).toBe("access_denied");
    const asked = leads(await started(other, "other"), { idempotencyKey: "k" });
    expect(await other.propose(asked)).toMatchObject({ status: "approved" });
    for (const key of ["hubspot.import:k", "crm.leads:eu:k", "hubspot.import:eu:k", "order-17"])
      expect(await record(key)).toMatchObject({ status: "recorded" });
  });

  it("with limits says that what its run has begun is done, and neither begins anything so nor gives its key back", async () => {
    const whole = await at.gateOf("importer");
    const narrow = await at.gateOf("importer", { destinations: ["hubspot.import"] });
    const runId = await started(whole);
    const said = { sideEffectClass: "payment", sideEffectKey: "invoice:2024-1" } as const;
    const begin = { ...said, runId, eventType: "tool_call_started" } as const;
    const done = { ...said, runId, eventType: "tool_call_finished" } as const;
    for (const early of [begin, done])
      expect(await refusalOf(narrow.recordEvent(early))).toBe("access_denied");
    await whole.recordEvent(begin);
    // As who resumed it, it would answer for what was begun, under a key that opens that destination.
    await narrow.resumeRun({ runId });
    for (const other of [begin, { ...done, happened: false }])
      expect(await refusalOf(narrow.recordEvent(other))).toBe("access_denied");
    const { runId: next } = await whole.startRun({ agentId: "importer", intentSummary: "Import again" });
    expect(await whole.recordEvent({ ...begin, runId: next })).toMatchObject({ status: "skipped" });
    expect(await narrow.recordEvent(done)).toMatchObject({ status: "recorded" });
    expect((await whole.getRun({ runId })).run.begunSideEffects).toEqual([]);
    expect(await refusalOf(narrow.recordEvent(done))).toBe("access_denied");
  });

  it("with limits is answered again when the end that it recorded is sent again, and only what is new is refused and noted", async () => {
    const whole = await at.gateOf("importer");
    const narrow = await at.gateOf("importer", { destinations: ["hubspot.import"] });
    const runId = await started(whole);
    const said = { runId, sideEffectClass: "payment", sideEffectKey: "salesforce.import:k-7" } as const;
    await whole.recordEvent({ ...said, eventType: "tool_call_started" });
    const done = { ...said, eventType: "tool_call_finished", idempotencyKey: "end-1" } as const;
    const first = await narrow.recordEvent(done);
    expect(first).toMatchObject({ status: "recorded" });
    expect(await narrow.recordEvent(done)).toEqual(first);
    expect(await refusalOf(narrow.recordEvent({ ...done, idempotencyKey: "end-2" }))).toBe("access_denied");
    const refused = (await app.ledger.events(runId, 0, 99)).filter(({ type }) => type === "access_refused");
    expect(refused).toHaveLength(1);
  });

  it("of a session that several share opens each other's runs, and of the other's intents what is there to see", async () => {
    const [one, two] = [
      await at.gateOf("one", { sessionKey: "team" }),
      await at.gateOf("two", { sessionKey: "team" }),
    ];
    const start = (gate: Gate, agentId: string) =>
      gate.startRun({ agentId, intentSummary: "Import", idempotencyKey: "start-1" });
    const { runId } = await start(two, "two");
    const { intentId } = await two.propose(leads(runId));
    expect((await one.listIntents()).map((intent) => intent.intentId)).toEqual([intentId]);
    for (const ask of [() => one.execute({ intentId }), () => one.cancel({ intentId, reason: "no" })])
      expect(await refusalOf(ask())).toBe("access_denied");
    expect(await refusalOf(start(one, "one"))).toBe("idempotency_key_reused");
    expect((await start(two, "two")).runId).toBe(runId);
    expect(await one.recordEvent({ runId, eventType: "plan_locked" })).toMatchObject({ status: "recorded" });
    expect(await one.failRun({ runId })).toMatchObject({ runId });
  });

  it("with limits is told as many of its own intents as it asks for, however many of others there are", async () => {
    const whole = await at.gateOf("importer");
    const desk = await at.gateOf("desk", {
      kind: "approver",
      destinations: ["hubspot.*"],
      policies: ["as*"],
    });
    const runId = await started(whole);
    const { intentId } = await whole.propose(leads(runId, { destination: "hubspot.import", policy: "asks" }));
    await whole.propose(leads(runId, { destination: "hubspot.import" }));
    for (let more = 0; more < 2; more += 1) await whole.propose(leads(runId, { policy: "asks" }));
    for (const asked of [{ limit: 1 }, {}, { runId, limit: 1 }])
      expect((await desk.listIntents(asked)).map((one) => one.intentId)).toEqual([intentId]);
  });
});

describe("a request", () => {
  const post = async (init: RequestInit, path = "/v1/runs") => {
    const response = await fetch(`${at.endpoint}${path}`, {
      method: "POST",
      ...init,
      headers: { authorization: `Bearer ${await at.keyOf("importer")}`, ...init.headers },
    });
    const { error } = (await response.json()) as { error: { code: string } };
    return `${response.status} ${error.code}`;
  };
  const json = { "content-type": "application/json" };
  const run = JSON.stringify({ agentId: "importer", intentSummary: "Import" });

  it.each([
    ["has no type", { body: Buffer.from(run) }, "415 media_type_unknown"],
    ["is a form's", { body: new URLSearchParams({ agentId: "a" }) }, "415 media_type_unknown"],
    [
      "is text that a page may send",
      { body: run, headers: { "content-type": "text/plain" } },
      "415 media_type_unknown",
    ],
    ["is packed", { body: run, headers: { ...json, "content-encoding": "gzip" } }, "415 media_type_unknown"],
    ["is no JSON", { body: "{", headers: json }, "400 parse_failed"],
    ["is empty", { body: "", headers: json }, "400 parse_failed"],
    ["is a list", { body: "[]", headers: json }, "400 parse_failed"],
    ["is null", { body: "null", headers: json }, "400 parse_failed"],
    [
      "says more than is known",
      { body: JSON.stringify({ ...JSON.parse(run), role: "human" }), headers: json },
      "400 invalid_input",
    ],
    ["says too little", { body: "{}", headers: json }, "400 invalid_input"],
    [
      "has a key that is none",
      { body: run, headers: { ...json, "idempotency-key": "a b" } },
      "400 invalid_input",
    ],
    [
      "has a key that is too long",
      { body: run, headers: { ...json, "idempotency-key": "k".repeat(201) } },
      "400 invalid_input",
    ],
  ])("that %s is refused", async (_what, init, answer) => {
    expect(await post(init)).toBe(answer);
    expect(await app.list({ limit: 9 })).toEqual([]);
  });

  it("that is too long is refused before it is read, and nothing is asked for it", async () => {
    const body = JSON.stringify({ agentId: "x".repeat(12 * 1024 * 1024) });
    const inPieces = { body: new Blob([body]).stream(), duplex: "half" } as RequestInit;
    for (const init of [{ body }, inPieces])
      expect(await post({ ...init, headers: json })).toBe("413 limit_exceeded");
    expect(at.questions.map(({ kind }) => kind)).toEqual(["who", "who"]);
  });

  it.each([
    ["/v1/runs/..%2f..%2fetc%2fpasswd", 404],
    ["/v1/runs/%2e%2e/%2e%2e/etc/passwd", 404],
    ["/v1/runs/run_0%00", 404],
    ["/v1/runs/run_%ff", 404],
    ["/v1/intents/..%2frun_1.1", 404],
    ["/v1/intents/run_1.1%2fexecute", 404],
    [`/v1/runs/${"a".repeat(5_000)}`, 400],
    ["/v1/intents?statuses=nonsense", 400],
    ["/v1/intents?limit=-1", 400],
    ["/v1/policies?folder=/etc", 400],
    ["/v1/policies/..%2fREADME.md", 404],
    ["/v1/intents?limit=1&limit=2", 400],
    ["/v1/intents?__proto__=1", 400],
    ["/v1/runs/run_1?runId=run_2", 400],
    ["/v1", 404],
    ["/v1/constructor", 404],
  ])("for %s finds nothing that it should not: %i", async (path, status) => {
    const { port } = new URL(at.endpoint);
    const authorization = `Bearer ${await at.keyOf("importer")}`;
    const answered = await new Promise<number | undefined>((resolve, reject) => {
      plainRequest({ host: "127.0.0.1", port, path, headers: { authorization } }, (response) => {
        response.resume();
        resolve(response.statusCode);
      })
        .once("error", reject)
        .end();
    });
    expect(answered).toBe(status);
    expect(at.remarks).toEqual([]);
  });

  it("that names its run twice is refused, whichever it means", async () => {
    const gate = await at.gateOf("importer");
    const runId = await started(gate);
    const init = { headers: json, body: JSON.stringify({ runId: "run_2", eventType: "plan_locked" }) };
    expect(await post(init, `/v1/runs/${runId}/events`)).toBe("400 invalid_input");
  });

  it("that proposes a path gets no file of the ledger's machine", async () => {
    const gate = await at.gateOf("importer");
    const runId = await started(gate);
    const secret = join(at.shop.repo, "README.md");
    const { payload: _payload, ...terms } = leads(runId);
    for (const payload of [
      secret,
      "./README.md",
      { path: secret },
      { type: "md", path: secret },
      [secret],
      null,
    ])
      expect(await post({ headers: json, body: JSON.stringify({ ...terms, payload }) }, "/v1/intents")).toBe(
        "400 invalid_input",
      );
    const sent = { ...terms, payload: { type: "text", text: secret } };
    const apiKey = await at.keyOf("importer");
    const response = await fetch(`${at.endpoint}/v1/intents`, {
      ...{ method: "POST", body: JSON.stringify(sent) },
      headers: { ...json, authorization: `Bearer ${apiKey}` },
    });
    expect(await response.json()).toMatchObject({ payload: { type: "text", bytes: secret.length } });
  });

  it("that brings what is to be executed here is refused", async () => {
    const gate = await at.gateOf("importer");
    const runId = await started(gate);
    const body = { ...leads(runId), payload: { type: "text", text: "a" }, execute: "rm -rf ~" };
    expect(await post({ headers: json, body: JSON.stringify(body) }, "/v1/intents")).toBe(
      "400 invalid_input",
    );
  });

  it("by a name that was made to lead here, or of a page of another site, is refused first of all", async () => {
    const { port } = new URL(at.endpoint);
    const ask = (headers: Record<string, string>) =>
      new Promise<number | undefined>((resolve, reject) => {
        const asked = plainRequest({ host: "127.0.0.1", port, path: "/v1/intents", headers }, (response) => {
          response.resume();
          resolve(response.statusCode);
        });
        asked.once("error", reject).end();
      });
    const authorization = `Bearer ${await at.keyOf("importer")}`;
    expect(await ask({ authorization, host: "attacker.example" })).toBe(403);
    expect(await ask({ authorization, origin: "https://attacker.example" })).toBe(403);
    expect(await ask({ authorization, origin: "null" })).toBe(403);
    expect(at.questions).toEqual([]);
    expect(await ask({ authorization })).toBe(200);
  });
});
