import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { type IntentView, openRunLedger } from "../../../../src/index.js";
import { agentOf, personOf } from "../../../helpers/gated.js";
import { type GatedScreen, openGated, SIZES } from "../../../helpers/gated-browsing.js";
import { DARK, LIGHT } from "../../../helpers/screens.js";

/** One of each kind that a person meets, over an hour. */
const proposeAll = async ({ app, clock, propose }: GatedScreen): Promise<IntentView> => {
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

/** All that is only looked at is asked for once. */
let gated: GatedScreen;

const readable = (styled: string): string => styled.replaceAll("\u001b", "␛");
/** From one screen to the next: its key, and what it must say before it is looked at. */
const SCREENS = {
  intents: ["I", /4 intents/],
  intent: ["enter", /› intent \d+/],
  "intent-payload": ["G", /│ status {2}approved/],
  "intent-approve": ["a", /enter approve it/],
} as const;

const shots = async (size: (typeof SIZES)[number], palette: typeof DARK) => {
  const screen = await gated.open(size, { palette });
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

describe("what somebody asks to send", () => {
  let asked: IntentView;
  beforeAll(async () => {
    gated = await openGated();
    asked = await proposeAll(gated);
  });
  afterAll(() => gated.close());

  describe.each(SIZES)("the intents of a run at $columns×$rows", (size) => {
    it("look as they should, dark and light", async () => {
      const light = await shots(size, LIGHT);
      for (const [at, { name, ...dark }] of (await shots(size, DARK)).entries()) {
        for (const line of dark.text.split("\n")) expect([...line].length).toBeLessThanOrEqual(size.columns);
        const whole = [
          dark.text,
          "",
          "── dark ──",
          dark.styled,
          "",
          "── light ──",
          light[at]?.styled,
          "",
        ].join("\n");
        await expect(whole).toMatchFileSnapshot(`screens/${name}.${size.columns}x${size.rows}.txt`);
      }
    });
  });

  it("is shown whole, with its payload as text that no terminal obeys", async () => {
    const screen = await gated.open({ columns: 120, rows: 60 });
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

  it("is drawn on terminals of any size", async () => {
    for (const size of [
      { columns: 20, rows: 5 },
      { columns: 5, rows: 3 },
      { columns: 1, rows: 1 },
    ]) {
      const screen = await gated.open({ columns: 80, rows: 24 });
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

  it("is redacted where it holds what has become a secret since, as by intents show", async () => {
    const [secret, { projectDir }] = ["Tr0ub4dor-and-3-horses", gated.app];
    const env = { ...process.env, XDG_DATA_HOME: join(projectDir, "data"), DB_PASSWORD: secret };
    const payload = { text: `login ${secret}` };
    await gated.propose({ payload, idempotencyKey: "login", metadata: { password: secret } });
    const app = await openRunLedger({ projectDir, env, now: gated.clock.now });
    onTestFinished(() => app.close());
    const screen = await gated.open({ columns: 120, rows: 60 }, {}, app);
    await screen.press("I");
    await screen.shows(/5 intents/);
    await screen.press("enter");
    await screen.shows(/│ login \[redacted:DB_PASSWORD\]/);
    await screen.press("a");
    await screen.shows(/bytes: login \[redacted:DB_PASSWORD\]/);
    expect(screen.written()).not.toContain(secret);
    await screen.press("ctrl+c");
  });
});
