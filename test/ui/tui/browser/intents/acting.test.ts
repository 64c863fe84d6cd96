import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ORDER_TTL_MS } from "../../../../../src/core/limits.js";
import type { IntentView, RunLedger } from "../../../../../src/index.js";
import { agentOf, personOf } from "../../../../helpers/gated.js";
import { type GatedScreen, openGated, RUN, SIZES } from "../../../../helpers/gated-browsing.js";

let gated: GatedScreen;
let app: RunLedger;
beforeEach(async () => {
  gated = await openGated();
  app = gated.app;
});
afterEach(() => gated.close());

const propose: GatedScreen["propose"] = (over) => gated.propose(over);
const now: GatedScreen["now"] = (intent) => gated.now(intent);
const open: GatedScreen["open"] = (...of) => gated.open(...of);

describe("an intent in the browser", () => {
  it("is approved and denied as it is on the screen", async () => {
    const [one, other] = [await propose(), await propose({ idempotencyKey: "batch-2" })];
    const screen = await open();
    await screen.press("I");
    await screen.shows(/2 intents/);
    await screen.press("d");
    await screen.shows(/enter deny it/);
    await screen.press("enter");
    await screen.shows(/Reason is missing/);
    await screen.press(..."stale", "enter");
    await screen.shows(/✔ runledger intents deny/);
    expect(await now(other)).toMatchObject({
      status: "denied",
      votes: [{ by: { name: "ada" }, decision: "deny", reason: "stale" }],
    });
    await screen.press("a");
    await screen.shows(/Nobody is asked about intent/);
    await screen.press("j", "enter");
    await screen.shows(/› intent \d+/);
    await screen.press("a");
    await screen.shows(`Approve intent ${one.intentId.split(".")[1]}`);
    await screen.press("enter");
    await screen.shows(/✔ runledger intents approve[\s\S]*It waits for the approval of a person/);
    await screen.press("escape");
    await screen.shows(/approvals +1 of 2/);
    expect(await now(one)).toMatchObject({ votes: [{ by: { name: "ada" }, decision: "approve" }] });
    await screen.press("ctrl+c");
  });

  it("is not approved when what is on the screen is something else: that is told, and nothing is done", async () => {
    const asked = await propose({ policy: "ask-first" });
    const screen = await open(undefined, {}, showing(app, { contentHash: "0".repeat(64) }));
    for (const page of [["I"], ["enter"]]) {
      await screen.press(...page);
      await screen.shows(page[0] === "I" ? /1 intent/ : "0".repeat(64));
      await screen.press("a");
      await screen.shows(/enter approve it/);
      await screen.press("enter");
      await screen.shows(/✘ runledger intents approve[\s\S]*\[intent_changed\]/);
      await screen.press("escape", "d");
      await screen.shows(/enter deny it/);
      await screen.press(..."no", "enter");
      await screen.shows(/✘ runledger intents deny[\s\S]*\[intent_changed\]/);
      await screen.press("escape");
    }
    expect(await now(asked)).toMatchObject({ status: "pending_approval", votes: [] });
    await screen.press("ctrl+c");
  });

  it("is among what waits for a person, and answered there", async () => {
    const asked = await propose({ policy: "ask-first" });
    const screen = await open();
    await screen.press("w");
    await screen.shows(/approve\?.*intent of importer: \d+ bytes to salesforce\.import/);
    await screen.press("a");
    await screen.shows(/enter approve it/);
    await screen.press("enter");
    await screen.shows(/It is allowed/);
    expect(await now(asked)).toMatchObject({ status: "approved" });
    await screen.press("ctrl+c");
  });

  it("of which nobody knows whether it happened is asked about, and settled by a person who found out", async () => {
    const gate = app.gate(agentOf(app));
    const one = await propose({ policy: "crm-low-risk", recordCount: 3 });
    const { intentId } = one;
    const { executionToken } = await gate.execute({ intentId });
    const said = executionToken === null ? {} : { executionToken };
    await gate.report({ intentId, ...said, status: "unknown", error: "the line went dead" });
    const screen = await open({ columns: 120, rows: 30 });
    await screen.press("w");
    await screen.shows(/in doubt.*intent of importer: \d+ bytes to salesforce\.import/);
    await screen.press("a");
    await screen.shows(/Nobody is asked about intent/);
    await screen.press("escape", "enter");
    await screen.shows(`runledger intents report ${intentId}`);
    await screen.shows(/the line went dead/);
    await screen.press("u");
    await screen.shows("Ask salesforce.import whether it has what was to be sent.");
    await screen.press("enter", ..."no json", "enter", "enter");
    await screen.shows(/✘ runledger intents report[\s\S]*\[invalid_input\]/);
    expect(await now(one)).toMatchObject({ status: "unknown" });
    await screen.press("u", "enter", ...'{"imported":3}', "enter", "enter");
    await screen.shows(/✔ runledger intents report .* succeeded --result/);
    expect(await now(one)).toMatchObject({
      status: "succeeded",
      report: { result: { imported: 3 }, by: { name: "ada" } },
    });
    await screen.press("u");
    await screen.shows(/Nobody asks what became of intent/);
    await screen.press("ctrl+c");
  });

  it("whose order has run out is settled by a person too, and not before", async () => {
    const gate = app.gate(agentOf(app));
    const one = await propose({ policy: "crm-low-risk", recordCount: 3, idempotencyKey: "batch-late" });
    await gate.execute({ intentId: one.intentId });
    const screen = await open({ columns: 120, rows: 30 });
    await screen.press("I", "enter");
    await screen.shows(new RegExp(one.intentId));
    await screen.press("u");
    await screen.shows(/Nobody asks what became of intent/);
    gated.clock.move(ORDER_TTL_MS);
    await screen.press("escape", "u");
    await screen.shows("Ask salesforce.import whether it has what was to be sent.");
    await screen.press("enter", "enter", "enter");
    await screen.shows(/✔ runledger intents report .* succeeded/);
    expect(await now(one)).toMatchObject({ status: "succeeded", report: { by: { name: "ada" } } });
    await screen.press("ctrl+c");
  });

  it("is taken back as long as nobody has begun, and the run stays as it is", async () => {
    const asked = await propose({ policy: "ask-first" });
    const screen = await open(SIZES[2]);
    await screen.press("I");
    await screen.shows(/1 intent/);
    await screen.press("x");
    await screen.shows(/Nothing is sent to salesforce\.import/);
    await screen.press(..."wrong list", "enter");
    await screen.shows(/✔ runledger intents cancel .* --reason 'wrong list'/);
    expect(await now(asked)).toMatchObject({ status: "cancelled" });
    expect((await app.ledger.load(RUN)).state.status).toBe("planning");
    await screen.press("x");
    await screen.shows(/cannot be taken back any more/);
    await screen.press("ctrl+c");
  });

  it("is answered for somebody else by their deputy, who says so", async () => {
    await app.delegate(personOf(app, "bob"), { to: "ada", lifetimeMs: 3_600_000 });
    const asked = await propose({ policy: "ask-first" });
    const screen = await open(SIZES[2]);
    await screen.press("I");
    await screen.shows(/1 intent/);
    await screen.press("a");
    await screen.shows(/For whom[\s\S]*myself[\s\S]*bob/);
    await screen.press("j", "enter", "enter");
    await screen.shows(/✔ runledger intents approve .* --for bob/);
    expect(await now(asked)).toMatchObject({
      status: "approved",
      votes: [{ by: { name: "ada" }, onBehalfOf: "bob" }],
    });
    await screen.press("ctrl+c");
  });
});

describe("who answers for whom", () => {
  it("is listed with its limits, all of it told, and taken back", async () => {
    const hour = 3_600_000;
    await app.delegate(personOf(app, "bob"), { to: "ada\u001b[2J", lifetimeMs: 30 * hour });
    await app.approveStanding(personOf(app), {
      ...{ agent: "importer", lifetimeMs: 2 * hour, maxValueUsd: 100, perDay: 20 },
      destinations: ["crm.*"],
    });
    for (const size of SIZES) {
      const screen = await open(size);
      await screen.press("I");
      await screen.shows(/No intent/);
      await screen.press("M");
      await screen.shows(/2 mandates/);
      await screen.shows(/● active +2h left +ada approves what importer asks for/);
      await screen.shows(/● active +1d left +bob|ada.* answers for bob/);
      await screen.shows(/up to \$100 each, 20 a\s+day\s+\(destinations\s+crm\.\*; policies \*\)/);
      expect(screen.written()).not.toContain("ada\u001b[2J");
      await screen.press("ctrl+c");
    }
    const screen = await open(SIZES[2]);
    await screen.press("I");
    await screen.shows(/No intent/);
    await screen.press("M");
    await screen.shows(/2 mandates/);
    await screen.press("x");
    await screen.shows(/From the next answer on it counts no more/);
    await screen.press("enter");
    await screen.shows(/✔ runledger mandate revoke/);
    await screen.shows(/– revoked/);
    expect((await app.mandates()).map(({ state }) => state)).toEqual(["active", "revoked"]);
    await screen.press("x");
    await screen.shows(/Nothing here is to be taken back/);
    await screen.press("ctrl+c");
  });
});

/** The same ledger, of whose intents a screen shows something that is not so. */
const showing = (real: RunLedger, over: Partial<IntentView>): RunLedger => ({
  ...real,
  gate: (caller) => {
    const gate = real.gate(caller);
    return {
      ...gate,
      getIntent: async (call) => ({ ...(await gate.getIntent(call)), ...over }),
      listIntents: async (call) => (await gate.listIntents(call)).map((one) => ({ ...one, ...over })),
    };
  },
});
