import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type RunLedger, verifyAt } from "../../../src/index.js";
import { agentOf, gatedProject, openRun, personOf } from "../../helpers/gated.js";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

const scene = async (policy = "require_approval: always\n") => {
  const project = await gatedProject();
  await writeFile(join(project.folder, "gate-policies", "mine.yaml"), policy);
  const app = await project.open();
  const runId = await openRun(app);
  let count = 0;
  const propose = (over: object = {}) => {
    count += 1;
    const terms = { runId, destination: "bank.pay", policy: "mine", payload: { text: `pay ${count}` } };
    return app.gate(agentOf(app)).propose({ ...terms, ...over });
  };
  const approve = (
    name: string,
    { intentId, contentHash }: { intentId: string; contentHash: string },
    onBehalfOf?: string,
  ) =>
    app.gate(personOf(app, name)).approve({ intentId, contentHash, ...(onBehalfOf ? { onBehalfOf } : {}) });
  return { ...project, app, runId, propose, approve };
};

/** A worker looks once, as one does that is woken by the clock. */
const look = (app: RunLedger) =>
  app
    .worker({ maxRuns: 1, onTrouble: (_, error) => expect.unreachable(String(error)) })
    .drain(new AbortController().signal);

const typesOf = async (app: RunLedger, runId: string) =>
  (await app.ledger.events(runId, 0, 1_000)).map(({ type }) => type).slice(4);

describe("two of three people", () => {
  it("are two people: nobody counts twice, and neither who asks nor in whose name", async () => {
    const { propose, approve } = await scene("require_approval: always\nrequire_approvals: 2\n");
    const asked = await propose({ onBehalfOf: "carol" });
    for (const name of ["importer", "Carol"])
      await expect(approve(name, asked)).rejects.toMatchObject({ code: "access_denied" });
    expect(await approve("ada", asked)).toMatchObject({ status: "pending_approval" });
    expect(await approve("ADA", asked)).toMatchObject({ status: "pending_approval" });
    expect(await approve("bob", asked)).toMatchObject({ status: "approved" });
  });
});

describe("somebody at the terminal", () => {
  it("is who they are by their key: one word of two, and no party to what they answer", async () => {
    const { propose, approve } = await scene("require_approval: always\nrequire_approvals: 2\n");
    const asked = await propose({ onBehalfOf: "carol" });
    await expect(approve("carol@terminal", asked)).rejects.toMatchObject({ code: "access_denied" });
    expect(await approve("alice@terminal", asked)).toMatchObject({ status: "pending_approval" });
    expect(await approve("alice", asked)).toMatchObject({ status: "pending_approval", votes: [{}] });
    expect(await approve("bob@terminal", asked)).toMatchObject({ status: "approved" });
    const other = await propose({ onBehalfOf: "Dan@Terminal" });
    await expect(approve("dan", other)).rejects.toMatchObject({ code: "access_denied" });
  });

  it("is the deputy, and the one who lets them, as they are called elsewhere", async () => {
    const { app, propose, approve } = await scene("require_approval: always\nrequire_approvals: 2\n");
    await app.delegate(personOf(app, "ada@terminal"), { to: "bob", lifetimeMs: DAY_MS });
    const asked = await propose();
    expect(await approve("bob@terminal", asked, "ada")).toMatchObject({ votes: [{ onBehalfOf: "ada" }] });
    for (const name of ["bob", "ada@terminal"])
      await expect(approve(name, asked)).rejects.toMatchObject({ code: "already_voted" });
    const ada = personOf(app, "ada@terminal");
    const toHerself = app.delegate(ada, { to: "Ada", lifetimeMs: DAY_MS });
    await expect(toHerself).rejects.toMatchObject({ code: "invalid_input" });
    expect(await app.revokeMandate(ada, "Bob@terminal")).toMatchObject({ to: "bob", state: "revoked" });
  });
});

describe("a deputy", () => {
  it("answers for whoever let them, for what and until when they said, and never twice", async () => {
    const { app, propose, approve, clock } = await scene("require_approval: always\nrequire_approvals: 2\n");
    const [ada, bob] = [personOf(app, "ada"), personOf(app, "bob")];
    const asked = await propose();
    await expect(approve("bob", asked, "ada")).rejects.toMatchObject({ code: "access_denied" });
    const given = await app.delegate(ada, { to: "bob", destinations: ["bank.*"], lifetimeMs: DAY_MS });
    expect(await approve("bob", asked, "ada")).toMatchObject({
      status: "pending_approval",
      votes: [{ by: { name: "bob" }, onBehalfOf: "ada", mandate: given.id }],
    });
    for (const name of ["bob", "ada"])
      await expect(approve(name, asked)).rejects.toMatchObject({ code: "already_voted" });
    expect(await approve("dan", asked)).toMatchObject({ status: "approved" });
    const other = await propose({ destination: "crm" });
    await expect(approve("bob", other, "ada")).rejects.toMatchObject({ code: "access_denied" });
    await expect(app.delegate(agentOf(app), { to: "eve", lifetimeMs: DAY_MS })).rejects.toMatchObject({
      code: "access_denied",
    });
    clock.aheadMs = DAY_MS;
    await expect(approve("bob", await propose(), "ada")).rejects.toMatchObject({ code: "access_denied" });
    clock.aheadMs = 0;
    await app.revokeMandate(bob, given.id);
    await expect(approve("bob", await propose(), "ada")).rejects.toMatchObject({ code: "access_denied" });
    expect(await app.mandates()).toMatchObject([{ state: "revoked", revokedBy: "bob" }]);
  });
});

describe("a standing approval", () => {
  it("approves what is within its limits, and is one person's word in the journal", async () => {
    const { app, runId, propose } = await scene();
    const given = await app.approveStanding(personOf(app), {
      ...{ agent: "importer", destinations: ["bank.*"], lifetimeMs: DAY_MS },
      ...{ maxValueUsd: 100, perDayUsd: 150 },
    });
    const first = await propose({ valueUsd: 100 });
    expect(first).toMatchObject({ status: "approved", votes: [{ onBehalfOf: "ada", mandate: given.id }] });
    expect(await typesOf(app, runId)).toContain("intent_approved");
    for (const over of [{ valueUsd: 101 }, { valueUsd: 51 }, {}, { valueUsd: 1, destination: "crm" }])
      expect(await propose(over)).toMatchObject({ status: "pending_approval" });
    expect(await propose({ valueUsd: 50 })).toMatchObject({ status: "approved" });
  });

  it("is for what is asked after it was given, and nothing that waited already uses it up", async () => {
    const { app, propose, clock } = await scene();
    const waiting = await propose({ idempotency_key: "first" });
    clock.aheadMs = 1_000;
    await app.approveStanding(personOf(app), { agent: "importer", lifetimeMs: DAY_MS, perDay: 1 });
    expect(await propose({ payload: { text: "pay 1" }, idempotency_key: "first" })).toMatchObject({
      ...{ intentId: waiting.intentId, status: "pending_approval" },
    });
    expect(await app.mandates()).toMatchObject([{ uses: [] }]);
    expect(await propose()).toMatchObject({ status: "approved" });
  });

  it("counts each day anew, is one of two, and ends when it is taken back", async () => {
    const { app, propose, approve, clock } = await scene("require_approval: always\nrequire_approvals: 2\n");
    const of = { agent: "importer", lifetimeMs: 3 * DAY_MS, perDay: 1 };
    const { id } = await app.approveStanding(personOf(app), of);
    const first = await propose();
    expect(first).toMatchObject({ status: "pending_approval", votes: [{ onBehalfOf: "ada" }] });
    await expect(approve("ada", first)).rejects.toMatchObject({ code: "already_voted" });
    expect(await approve("bob", first)).toMatchObject({ status: "approved" });
    expect(await propose()).toMatchObject({ votes: [] });
    clock.aheadMs = DAY_MS;
    expect(await propose()).toMatchObject({ votes: [{ mandate: id }] });
    await app.revokeMandate(personOf(app), id);
    clock.aheadMs = 2 * DAY_MS;
    expect(await propose()).toMatchObject({ votes: [] });
  });

  it("has its last use once, however many ask at the same moment; altered in the file it is none", async () => {
    const { app, open, propose, runId } = await scene();
    await app.approveStanding(personOf(app), { agent: "importer", lifetimeMs: DAY_MS, perDay: 1 });
    const other = await open();
    const there = other.gate(agentOf(other));
    const terms = { runId, destination: "bank.pay", policy: "mine", payload: { text: "there" } };
    const asked = await Promise.all([propose(), there.propose(terms), propose(), there.propose(terms)]);
    expect(asked.filter(({ status }) => status === "approved")).toHaveLength(1);
    const text = (await app.ledger.store.word("mandates")) ?? "";
    await app.ledger.store.swapWord("mandates", text, text.replace('"perDay":1', '"perDay":9'));
    expect(await propose()).toMatchObject({ status: "pending_approval" });
    expect(await app.mandates()).toEqual([]);
  });

  it("altered in the file is named by verify and doctor, and stays for them to see", async () => {
    const { app, folder } = await scene();
    const { store } = app.ledger;
    await app.delegate(personOf(app), { to: "bob", lifetimeMs: DAY_MS });
    const { key } = await app.createSdkKey(personOf(app), { kind: "agent", name: "m", sessionKey: "sdk:m" });
    const found = async () => (await verifyAt({ projectDir: folder })).flaws.map(({ message }) => message);
    const journals = async () => (await app.examine()).find(({ check }) => check === "journals");
    expect(await found()).toEqual([]);
    expect(await journals()).toMatchObject({ status: "ok" });
    const kept = (await store.sdkKey(key.id)) ?? "";
    await store.swapSdkKey(key.id, kept, kept.replace('"name":"m"', '"name":"n"'));
    const said = (await store.word("mandates")) ?? "";
    const altered = said.replace('"bob"', '"eve"');
    await store.swapWord("mandates", said, altered);
    const mandates = "The delegations and standing approvals are not as this ledger wrote them.";
    expect(await found()).toEqual([mandates, `SDK key ${key.id} is not as this ledger wrote it.`]);
    expect(await journals()).toMatchObject({ status: "fail", message: mandates });
    await expect(app.delegate(personOf(app), { to: "dan", lifetimeMs: DAY_MS })).rejects.toMatchObject({
      code: "journal_tampered",
    });
    expect(await store.word("mandates")).toBe(altered);
  });
});

describe("time alone", () => {
  const asking = "require_approval: always\nexpiry_minutes: 120\n";
  it.each([
    ["reject", `${asking}on_no_response: reject\n`, ["intent_expired"]],
    ["escalate", `${asking}on_no_response: escalate\n`, ["approval_extended", "intent_expired"]],
    ["defer", `${asking}on_no_response: defer\n`, ["approval_extended", "approval_extended"]],
    ["reminders", `${asking}remind_after_minutes: 60\n`, ["approval_reminded", "intent_expired"]],
  ])("does what the policy says, though nobody looks: %s", async (_name, policy, expected) => {
    const { app, runId, propose, clock } = await scene(policy);
    await propose();
    const before = (await typesOf(app, runId)).length;
    for (const hours of [1, 2, 4.5]) {
      clock.aheadMs = hours * HOUR_MS + 1_000;
      await look(app);
    }
    expect((await typesOf(app, runId)).slice(before)).toEqual(expected);
  });

  it("lets a deferred one be approved and executed after its first time is over", async () => {
    const { app, propose, approve, clock } = await scene(`${asking}on_no_response: defer\n`);
    const asked = await propose();
    clock.aheadMs = 2 * HOUR_MS;
    expect(await approve("ada", asked)).toMatchObject({ status: "approved" });
    const { intentId } = asked;
    expect(await app.gate(agentOf(app)).execute({ intentId })).toMatchObject({ status: "ordered" });
  });
});
