import { join } from "node:path";
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import {
  type IntentView,
  type NewIntent,
  type OpenOptions,
  openRunLedger,
  type RunLedger,
} from "../../../../src/index.js";
import { look } from "../../../helpers/browsing.js";
import { clockAt } from "../../../helpers/driving.js";
import { agentOf, gatedProject, openRun, personOf } from "../../../helpers/gated.js";
import { DARK, LIGHT } from "../../../helpers/screens.js";

const RUN = "run_01a2000000007000800000000001e471";
const HOSTILE = "name,mail\n\u001b[2J\u001b]0;owned\u0007Ada,ada\u202e@example.org\nstatus  approved\n";
const SIZES = [
  { columns: 60, rows: 20 },
  { columns: 80, rows: 24 },
  { columns: 200, rows: 60 },
];

let app: RunLedger;
let clock: ReturnType<typeof clockAt>;
beforeEach(async () => {
  clock = clockAt("2026-03-01T10:00:00.000Z");
  const { folder } = await gatedProject("gate: { environment: staging }\n");
  const env: OpenOptions["env"] = { ...process.env, XDG_DATA_HOME: join(folder, "data") };
  app = await openRunLedger({ projectDir: folder, env, now: clock.now });
  onTestFinished(() => app.close());
  await openRun(app, RUN);
});

const propose = (over: Partial<NewIntent> = {}): Promise<IntentView> =>
  app.gate(agentOf(app)).propose({
    ...{ runId: RUN, destination: "salesforce.import", policy: "two-people", payload: { text: HOSTILE } },
    ...{ recordCount: 40, valueUsd: 12.5, idempotencyKey: "batch-1", metadata: { list: "spring" } },
    ...over,
  });
const now = (intent: IntentView): Promise<IntentView> =>
  app.gate(personOf(app)).getIntent({ intentId: intent.intentId });
const open = (size = SIZES[1], over: Partial<Parameters<typeof look>[2]> = {}, shown = app) =>
  look({ app: shown }, size ?? { columns: 80, rows: 24 }, {
    runId: RUN,
    now: () => Date.parse(clock.now()),
    ...over,
  });

/** One of each kind that a person meets, over an hour. */
const proposeAll = async (): Promise<IntentView> => {
  const gate = app.gate(agentOf(app));
  const done = await propose({ policy: "crm-low-risk", recordCount: 3, idempotencyKey: "small-1" });
  const { executionToken } = await gate.execute({ intentId: done.intentId });
  const said = executionToken === null ? {} : { executionToken };
  await gate.report({ intentId: done.intentId, ...said, status: "succeeded", result: { imported: 3 } });
  await propose({ policy: "nowhere", destination: "mail.send", idempotencyKey: null });
  const denied = await propose({ policy: "ask-first", idempotencyKey: "batch-0" });
  const { intentId } = denied;
  await app.gate(personOf(app, "bob")).reject({ intentId, reason: "the list of last year" });
  clock.move(40 * 60_000);
  const asked = await propose();
  await app
    .gate(personOf(app, "bob"))
    .approve({ intentId: asked.intentId, contentHash: asked.contentHash, reason: "ticket 7" });
  clock.move(20 * 60_000);
  return asked;
};

const readable = (styled: string): string => styled.replaceAll("\u001b", "␛");
/** From one screen to the next: its key, and what it must say before it is looked at. */
const SCREENS = {
  intents: ["I", /4 intents/],
  intent: ["enter", /› intent \d+/],
  "intent-payload": ["G", /│ status {2}approved/],
  "intent-approve": ["a", /enter approve it/],
} as const;

const shots = async (size: (typeof SIZES)[number], palette: typeof DARK) => {
  const screen = await open(size, { palette });
  await screen.shows(/◆ 1[\s\S]*Import what was approved|Import what was approved.*◆ 1/);
  const made: { name: string; text: string; styled: string }[] = [];
  for (const [name, [key, says]] of Object.entries(SCREENS)) {
    await screen.press(key);
    await screen.shows(says);
    made.push({ name, text: await screen.text(), styled: readable(await screen.styled()) });
  }
  await screen.press("ctrl+c");
  return made;
};

describe.each(SIZES)("the intents of a run at $columns×$rows", (size) => {
  it("look as they should, dark and light", async () => {
    await proposeAll();
    const light = await shots(size, LIGHT);
    for (const [at, { name, ...dark }] of (await shots(size, DARK)).entries()) {
      for (const line of dark.text.split("\n")) expect([...line].length).toBeLessThanOrEqual(size.columns);
      const whole = [dark.text, "", "── dark ──", dark.styled, "", "── light ──", light[at]?.styled, ""].join(
        "\n",
      );
      await expect(whole).toMatchFileSnapshot(`screens/${name}.${size.columns}x${size.rows}.txt`);
    }
  });
});

describe("an intent in the browser", () => {
  it("is shown whole, with its payload as text that no terminal obeys", async () => {
    const asked = await proposeAll();
    const screen = await open({ columns: 120, rows: 60 });
    await screen.shows(/It waits for the approval of intent/);
    await screen.press("I");
    await screen.shows(/4 intents +1 approve\?/);
    await screen.shows(/◆ +\d+ approve\? +salesforce\.import +40 \$12\.5 +1\/2 +40m +importer +batch-1/);
    await screen.press("enter");
    for (const told of [asked.contentHash, asked.payload.digest, asked.policy.digest ?? "none", "1 of 2"])
      await screen.shows(told);
    await screen.shows(/approve +bob at .*: ticket 7/);
    await screen.shows(/│ status {2}approved/);
    expect(await screen.text()).not.toMatch(/^ *status {2}approved/m);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there.
    expect(screen.written()).not.toMatch(/\u001b\[2J\u001b\]0;|\u202e/);
    await screen.press("escape", "j", "j", "j", "enter");
    await screen.shows(/report +succeeded, by importer/);
    await screen.shows(/result +\{"imported":3\}/);
    await screen.press("ctrl+c");
  });

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

  it("of which nobody knows whether it happened is asked about, with the command that says so", async () => {
    const gate = app.gate(agentOf(app));
    const { intentId } = await propose({ policy: "crm-low-risk", recordCount: 3 });
    const { executionToken } = await gate.execute({ intentId });
    const said = executionToken === null ? {} : { executionToken };
    await gate.report({ intentId, ...said, status: "unknown", error: "the line went dead" });
    const screen = await open();
    await screen.press("w");
    await screen.shows(/in doubt.*intent of importer: \d+ bytes to salesforce\.import/);
    await screen.press("a");
    await screen.shows(/Nobody is asked about intent/);
    await screen.press("escape", "enter");
    await screen.shows(`runledger intents report ${intentId}`);
    await screen.shows(/the line went dead/);
    await screen.press("ctrl+c");
  });

  it("is drawn on terminals of any size", async () => {
    await proposeAll();
    for (const size of [
      { columns: 20, rows: 5 },
      { columns: 5, rows: 3 },
      { columns: 1, rows: 1 },
    ]) {
      const screen = await open({ columns: 80, rows: 24 });
      await screen.press("I");
      await screen.shows(/4 intents/);
      await screen.resize(size);
      await screen.press("enter", "j", "G");
      expect((await screen.text()).split("\n").length).toBeLessThanOrEqual(size.rows);
      await screen.resize({ columns: 80, rows: 24 });
      await screen.shows(/› intent \d+/);
      await screen.press("G");
      await screen.shows(/│ status {2}approved/);
      await screen.press("ctrl+c");
    }
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
