import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { stateWord } from "../../src/core/state-word.js";
import type { NewIntent, RunLedger } from "../../src/index.js";
import { look } from "../helpers/browsing.js";
import { type Desk, openDesk, planOf, shop, step } from "../helpers/cli.js";
import { agentOf } from "../helpers/gated.js";
import { orchestrator } from "../helpers/project.js";

let desk: Desk;
let app: RunLedger;
/** One run for each word, by the word. */
const runs: Record<string, string> = {};

const ASKS = { validator: { type: "orchestrator_approval" } };
const INTENT: NewIntent = { destination: "crm.import", policy: "small", payload: { text: "Ada" } };
const proposed = async (over: Partial<NewIntent> = {}) =>
  app.gate(agentOf(app)).propose({ ...INTENT, ...over });

beforeAll(async () => {
  desk = await openDesk({
    ...shop,
    // One after the other: what asks has asked before the other one is refused.
    "runledger.yaml": `${shop["runledger.yaml"]}maxParallelSteps: 1\n`,
    "gate-policies/small.yaml": "auto_approve_under: 10\n",
    "gate-policies/ask.yaml": "require_approval: always\n",
  });
  const run = async (name: string, steps: readonly object[], ...more: string[]) =>
    (await desk.type("run", await planOf(desk, name, steps), "--quiet", ...more)).out.trim();
  app = await desk.open();
  runs.undriven = await run("new.json", [step("a", "maker")], "--no-drive");
  runs["asks you"] = await run("asks.json", [step("a", "maker", ASKS)]);
  runs.paused = await run("both.json", [step("b", "maker", ASKS), step("a", "liar")]);
  const over = await proposed({ policy: "nowhere" });
  runs.active = over.runId;
  const asked = await proposed({ policy: "ask" });
  runs.blocked = asked.runId;
  const tracked = app.trackedRuns(orchestrator(app));
  runs.interrupted = (await tracked.startRun({ agentId: "enricher", intentSummary: "Enrich" })).runId;
  await tracked.createCheckpoint({ runId: runs.interrupted, reason: "interruption" });
  // What ends is over, whatever cut it off before.
  runs.failed = (await tracked.startRun({ agentId: "enricher", intentSummary: "Enrich" })).runId;
  await tracked.createCheckpoint({ runId: runs.failed, reason: "failure" });
  await tracked.failRun({ runId: runs.failed, message: "no more" });
});
afterAll(() => desk.dispose());

const words = ["undriven", "asks you", "paused", "active", "blocked", "interrupted", "failed"] as const;

describe("one word for one state", () => {
  it("in lists", async () => {
    const { out } = await desk.type("list");
    const listed = (await desk.json("list")).runs;
    const screen = await look({ app }, { columns: 120, rows: 30 }, { now: Date.now });
    for (const word of words) {
      const id = runs[word] ?? expect.unreachable();
      expect(out).toMatch(new RegExp(`^${id} +${word} `, "m"));
      expect(listed).toContainEqual(expect.objectContaining({ runId: id, stateWord: word }));
      await screen.shows(new RegExp(`${id.slice(-6)} .* ${word}`));
    }
    await screen.press("ctrl+c");
  });

  it.each(words)("%s: on pages", async (word) => {
    const id = runs[word] ?? expect.unreachable();
    const { out } = await desk.type("show", id);
    expect(out).toMatch(new RegExp(`^${id} +${word} +started`, "m"));
    expect(await app.view(id)).toMatchObject({ stateWord: word });
    const page = await look({ app }, { columns: 120, rows: 30 }, { runId: id, now: Date.now });
    await page.shows(new RegExp(`\\S ${word} +\\d of`));
    await page.press("ctrl+c");
  });

  it.each(["active", "blocked", "interrupted"])("%s is what its client is told too", async (word) => {
    expect((await desk.type("runs", "inspect", runs[word] ?? "")).out).toContain(`Status: ${word}\n`);
  });

  it("of a run that its client records is not undriven, when a time has come and nobody was there", () => {
    const standing = { status: "running", stepsTotal: 0, undriven: "worker", isCutOff: false } as const;
    expect([true, false].map((asks) => stateWord({ ...standing, asks }))).toEqual(["blocked", "active"]);
  });

  it("a step that asks is told so by show and the browser, and an approval says what is left to do", async () => {
    const id = runs["asks you"] ?? "";
    expect((await desk.type("show", id)).out).toMatch(/^a +asks you +maker/m);
    const { out, err } = await desk.type("approve", id);
    expect(out).toBe(`${id} undriven\n`);
    expect(err).toMatch(/^It is undriven: 1 action is due and no worker drives it\.\n {2}runledger resume/);
    expect((await desk.type("show", id)).out).toMatch(/^a +proposed +maker/m);
    expect((await desk.type("resume", id)).code).toBe(0);
  });
});

describe("a run that was begun for an intent", () => {
  it("is not called running when nothing is open in it, and says what was", async () => {
    const id = runs.active ?? "";
    expect((await desk.type("why", id)).out).toContain("Nothing is open in it. It stays for what its client");
    const { out, err } = await desk.type("show", id);
    expect(out).toMatch(/^intents +1 blocked$/m);
    expect(err).toContain("It has no steps: its client records what it does.");
    expect((await desk.type("status")).out).toMatch(/^runs +0 planning, \d running, 2 active,/m);
    const screen = await look({ app }, { columns: 120, rows: 30 }, { now: Date.now });
    await screen.shows(/running 1 +active 2 /);
    await screen.press("ctrl+c");
  });

  it("and that waits for an answer names the command", async () => {
    const { out } = await desk.type("why", runs.blocked ?? "");
    expect(out).toMatch(
      /^It waits for the approval of intent .*\n {2}runledger intents approve\|deny run_\w+\.\d+\n/,
    );
  });
});

describe("a run that stopped for one step while another one asks", () => {
  it("says both, in words and among the questions", async () => {
    const id = runs.paused ?? "";
    const { out } = await desk.type("why", id);
    expect(out).toMatch(
      /^It is paused because step "a" was refused in attempt 1 .* Step "b" waits for approval\.\n/,
    );
    expect(out).toMatch(/^ {2}runledger approve \S+ b --proposal \d+, then: runledger policy \S+ a /m);
    const screen = await look({ app }, { columns: 120, rows: 30 }, { now: Date.now });
    await screen.press("w");
    await screen.shows(new RegExp(`approve\\? .*${id.slice(-6)}  .*b `));
    await screen.shows(new RegExp(`refused .*${id.slice(-6)}  .*a `));
    await screen.press("ctrl+c");
  });
});
