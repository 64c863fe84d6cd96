import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import type { RunLedger } from "../../../../src/index.js";
import { type Looking, look, NOW, openStory, RUNS, type Story, tellAll } from "../../../helpers/browsing.js";
import * as cast from "../../../helpers/cast.js";
import { makeSample, type Sample } from "../../../helpers/project.js";

const SIZE = { columns: 100, rows: 30 };
const stories: { dispose(): Promise<void> }[] = [];
afterEach(async () => {
  for (const story of stories.splice(0)) await story.dispose();
});

const told = async (): Promise<Story> => {
  const story = await openStory();
  stories.push(story);
  await tellAll(story);
  return story;
};
const stepOf = async ({ app }: Story, runId: string, stepId: string) =>
  (await app.ledger.load(runId)).steps.find(({ spec }) => spec.id === stepId);

/** Presses one after the other, each when the screen has answered the last one. */
const typing = async (screen: Looking, ...keys: readonly string[]): Promise<void> => {
  for (const key of keys) {
    await screen.press(key);
    await screen.text();
  }
};

describe("acting from the keyboard", () => {
  it("approves the proposal that is on the screen, and shows the command before and after", async () => {
    const story = await told();
    const screen = await look(story, SIZE, { runId: RUNS.asks });
    await screen.shows("sign");
    await typing(screen, "g", "j", "a");
    await screen.shows('Approve "sign"');
    const twin = `runledger approve ${RUNS.asks} sign --proposal 7`;
    await screen.shows(twin);
    await screen.press(..."fine");
    await screen.shows(/--proposal 7 +│\n.*--reason fine/);
    expect((await stepOf(story, RUNS.asks, "sign"))?.state).toMatchObject({ approval: null });
    await screen.press("enter");
    await screen.shows(`✔ ${twin} --reason fine`);
    expect((await stepOf(story, RUNS.asks, "sign"))?.state).toMatchObject({
      approval: { by: { name: "ada", role: "human" }, reason: "fine" },
    });
  });

  it("approves no other proposal that took its place meanwhile", async () => {
    const story = await told();
    const screen = await look(story, SIZE, { runId: RUNS.asks });
    await screen.shows("sign");
    await typing(screen, "g", "j", "a");
    await screen.shows("--proposal 7");
    await story.tell(1, RUNS.asks, cast.reject("sign"), cast.fail("sign"), cast.policy("sign", cast.retry));
    await story.tell(1, RUNS.asks, cast.start("sign"), cast.propose("sign", "something else"));
    await screen.press("enter");
    await screen.shows(/✘ runledger approve .* --proposal 7[\s\S]*\[step_not_waiting\]/);
    expect((await stepOf(story, RUNS.asks, "sign"))?.state).toMatchObject({
      proposal: { result: "something else" },
      approval: null,
    });
  });

  it("denies only with a reason", async () => {
    const story = await told();
    const screen = await look(story, SIZE, { runId: RUNS.asks });
    await screen.shows("sign");
    await typing(screen, "g", "j", "d", "enter");
    await screen.shows("Reason is missing");
    await screen.press(..."too dear", "enter");
    await screen.shows(`✔ runledger deny ${RUNS.asks} sign --proposal 7 --reason 'too dear'`);
    const { events } = { events: await story.app.ledger.events(RUNS.asks, 0, 100) };
    expect(events.find(({ type }) => type === "approval_received")?.payload).toMatchObject({
      decision: "deny",
      reason: "too dear",
    });
  });

  it.each([
    ["t", "again", "retry", { action: "retry", fresh: false }],
    ["s", "never mind", "skip", { action: "skip" }],
  ] as const)("answers a refused step: %s", async (key, reason, word, decision) => {
    const story = await told();
    const screen = await look(story, SIZE, { runId: RUNS.refused });
    await screen.shows("2 of 3 tests failed.");
    await typing(screen, key);
    await screen.press(...reason, "enter");
    const said = reason.includes(" ") ? `'${reason}'` : reason;
    await screen.shows(`✔ runledger policy ${RUNS.refused} fix ${word} --attempt 1 --reason ${said}`);
    await screen.shows("It is paused; every request is answered.");
    expect((await stepOf(story, RUNS.refused, "fix"))?.lastDecision).toMatchObject({ decision, reason });
  });

  it("gives a refused step to another agent, picked from a list", async () => {
    const story = await told();
    const screen = await look(story, SIZE, { runId: RUNS.refused });
    await screen.shows("2 of 3 tests failed.");
    await typing(screen, "c");
    await screen.shows("› reviewer");
    await typing(screen, "enter");
    await screen.press(..."fresh eyes", "enter");
    await screen.shows(`✔ runledger policy ${RUNS.refused} fix change_agent --agent reviewer`);
    expect((await stepOf(story, RUNS.refused, "fix"))?.spec.ownerAgent).toBe("reviewer");
  });

  it("pauses, notes and cancels", async () => {
    const story = await told();
    const screen = await look(story, SIZE, { runId: RUNS.interrupted });
    await screen.shows("Move the database");
    await typing(screen, "m");
    await screen.press(..."who", "enter", ..."Ada's", "enter");
    await screen.shows(`✔ runledger note ${RUNS.interrupted} who 'Ada'\\''s'`);
    await screen.shows("who = Ada's");
    await typing(screen, "p", "enter");
    await screen.shows(`✔ runledger pause ${RUNS.interrupted} --reason 'pause asked for in the browser'`);
    await screen.shows("‖ paused");
    await typing(screen, "x");
    await screen.shows("That cannot be undone.");
    await typing(screen, "escape", "x", "enter");
    await screen.shows(/✔ runledger cancel/);
    expect((await story.app.ledger.load(RUNS.interrupted)).state).toMatchObject({
      status: "failed",
      reason: "cancelled",
    });
  });

  it("does nothing when a question is left, and says why there is nothing to ask", async () => {
    const story = await told();
    const before = await story.app.ledger.store.position();
    const screen = await look(story, SIZE, { runId: RUNS.refused });
    await screen.shows("2 of 3 tests failed.");
    await typing(screen, "t", "x", "escape", "a");
    await screen.shows('Step "fix" does not wait for approval.');
    await typing(screen, "g", "t");
    await screen.shows('Step "find" asks nothing');
    expect(await story.app.ledger.store.position()).toBe(before);
  });

  it("copies an id for the terminal's clipboard, and shows it", async () => {
    const story = await told();
    const screen = await look(story, SIZE, { runId: RUNS.done });
    await screen.shows("setup");
    await screen.press("y");
    await screen.shows(`${RUNS.done} is copied`);
    expect(screen.written()).toContain(`\u001b]52;c;${Buffer.from(RUNS.done).toString("base64")}\u0007`);
  });

  it("shows a refusal to apply with its hint", async () => {
    const story = await told();
    const screen = await look(story, SIZE, { runId: RUNS.done });
    await screen.shows("setup");
    await typing(screen, "A");
    await screen.shows("git am, hooks off");
    await screen.press("enter");
    await screen.shows(/✘ runledger apply[\s\S]*\[\w+\] /);
  });
});

describe("a list that changes while it is looked at", () => {
  const goals = async (screen: Looking) =>
    (await screen.styled()).split("\n").find((line) => line.includes("48;5;238")) ?? "";

  it("stays on the chosen run when others come in above it, and on its state as it is now", async () => {
    const story = await told();
    const screen = await look(story, SIZE);
    await screen.shows("Ship the new shop");
    await typing(screen, "j", "j");
    await expect.poll(() => goals(screen)).toContain("Move the database");
    for (const at of [1, 2, 3])
      await story.tell(1, `run_new${at}`, cast.create(undefined, { goal: `New ${at}` }));
    await screen.browser.tick();
    await screen.shows("New 3");
    await expect.poll(() => goals(screen)).toContain("Move the database");
    await story.tell(1, RUNS.interrupted, cast.pause());
    await screen.browser.tick();
    await expect.poll(() => goals(screen)).toContain("paused");
  });

  it("does not move under who has scrolled down", async () => {
    const story = await openStory();
    stories.push(story);
    const name = (at: number) => String(at).padStart(3, "0");
    for (let at = 0; at < 60; at += 1)
      await story.tell(60 - at, `run_${name(at)}`, cast.create(undefined, { goal: `Goal ${name(at)}` }));
    const screen = await look(story, { columns: 80, rows: 20 });
    await screen.shows("Goal 059");
    await typing(screen, "pagedown", "pagedown", "j");
    const before = await screen.text();
    const list = (text: string) => text.split("\n").filter((line) => line.includes("Goal"));
    for (let at = 60; at < 70; at += 1)
      await story.tell(0, `run_${name(at)}`, cast.create(undefined, { goal: `Goal ${name(at)}` }));
    await screen.browser.tick();
    await screen.shows("70");
    expect(list(await screen.text())).toEqual(list(before));
    await typing(screen, "G");
    await screen.shows("Goal 000");
    await typing(screen, "g");
    await screen.shows("Goal 069");
  });

  it("finds by text, keeps what was found, and forgets it again", async () => {
    const story = await told();
    const screen = await look(story, SIZE);
    await screen.shows("Ship the new shop");
    await screen.press("/", ..."SHOP");
    await screen.shows("“SHOP” 2");
    expect(await screen.text()).not.toContain("Move the database");
    await typing(screen, "enter", "n");
    await expect.poll(() => goals(screen)).toContain("Ship the new shop");
    await typing(screen, "escape");
    await screen.shows("Move the database");
  });

  it("takes what is pasted only where something is typed", async () => {
    const story = await told();
    const screen = await look(story, SIZE);
    await screen.shows("Ship the new shop");
    await screen.press("\u001b[200~x?q\u001b[201~", "/", "\u001b[200~SHOP\u001b[201~");
    await screen.shows("“SHOP” 2");
    await screen.press("enter", "m", "\u001b[200~a name\u001b[201~");
    await screen.shows("› a name");
  });
});

describe("a journal", () => {
  const long = async (): Promise<Story> => {
    const story = await openStory();
    stories.push(story);
    await story.tell(9, "run_long", cast.create(cast.planOf([cast.stepSpec("a")])));
    for (let at = 0; at < 1_200; at += 1) await story.tell(8, "run_long", cast.note("k", `${at}`));
    return story;
  };

  it("is read by window, follows what is recorded, and filters by type and text", async () => {
    const story = await long();
    const screen = await look(story, SIZE, { runId: "run_long" });
    await typing(screen, "e");
    await screen.shows("note k = 1199");
    await screen.shows("following");
    await story.tell(1, "run_long", cast.note("k", "one more"));
    await screen.browser.tick();
    await screen.shows("note k = one more");
    await typing(screen, "g");
    await screen.shows("run_created");
    expect(await screen.text()).not.toContain("following");
    await typing(screen, "t");
    // The next type that begins so, behind plan_requested.
    await screen.press("p", "p", "enter");
    await screen.shows("1 of 1,203 events");
    await screen.shows("plan_attached");
    await typing(screen, "escape", "/");
    await screen.press(..."= 119", "enter");
    await screen.shows("of 11 of 1,203 events");
    await typing(screen, "enter");
    await screen.shows('"value": "119"');
  });
});

describe("driving from here", () => {
  let sample: Sample;
  const waiter = `while [ ! -e "$PLACE/go" ]; do sleep 0.05; done; mkdir -p out; echo made > out/a.txt; echo "made it"`;
  const opened = async () => {
    sample = await makeSample({
      "runledger.yaml": `agents:\n  waiter: { kind: command, run: [sh, -c, '${waiter}'], env: [PLACE] }\n`,
    });
    stories.push(sample);
    const env = { ...sample.env, PLACE: sample.place };
    Object.assign(sample.env, env);
    const app = await sample.open();
    const step = {
      id: "a",
      goal: "a",
      owner_agent: "waiter",
      validator: { type: "artifact_exists", target: "out/a.txt" },
    };
    const me = app.issue({ name: "ada", role: "human", sessionKey: "test" });
    const run = await app.createRun(me, {
      plan: { goal: "Wait", steps: [step] },
      agents: app.agentNames,
      sessionKey: "test",
      originalRequest: "wait",
    } as never);
    return { app, runId: run.runId };
  };

  it("R resumes a run and carries it on, in the background, to its end", async () => {
    const { app, runId } = await opened();
    const screen = await look({ app }, SIZE, { runId, now: Date.now });
    await screen.shows("! undriven");
    await typing(screen, "R", "enter");
    await screen.shows("▶ 1 driven here");
    const looked = async () => {
      await screen.browser.tick();
      return screen.text();
    };
    await expect.poll(looked).toContain("● a");
    // Nothing waits: other screens are looked at meanwhile.
    await typing(screen, "e");
    await screen.shows("step_started");
    await writeFile(join(sample.place, "go"), "");
    await screen.shows(new RegExp(`✔ runledger resume ${runId}[\\s\\S]*It is completed`));
    expect(await screen.text()).not.toContain("driven here");
  });

  it("leaving asks first, and stops gracefully: the run stays resumable", async () => {
    const { app, runId } = await opened();
    const screen = await look({ app }, SIZE, { runId, now: Date.now });
    await screen.shows("! undriven");
    await typing(screen, "R", "enter");
    await screen.shows("▶ 1 driven here");
    await expect.poll(async () => (await app.view(runId)).run.steps[0]?.state.status).toBe("in_progress");
    await typing(screen, "ctrl+c");
    await screen.shows("Leaving stops that gracefully");
    await typing(screen, "escape");
    await screen.shows("▶ 1 driven here");
    await typing(screen, "ctrl+c", "enter");
    await screen.ended;
    expect(await app.view(runId)).toMatchObject({ interrupted: true, run: { state: { status: "running" } } });
  });
});

describe("a refusal that is answered", () => {
  it("is the one on the screen, not one that came while the question stood", async () => {
    const story = await told();
    const screen = await look(story, SIZE, { runId: RUNS.refused });
    await screen.shows("fix");
    await typing(screen, "t");
    await screen.shows(/runledger policy .* retry --attempt 1/);
    await story.tell(1, RUNS.refused, cast.policy("fix", cast.retry), cast.resume(), cast.start("fix"));
    await story.tell(1, RUNS.refused, cast.propose("fix"), cast.fail("fix"));
    await typing(screen, ..."again");
    await screen.press("enter");
    await screen.shows(/✘ runledger policy .* --attempt 1[\s\S]*\[no_policy_request\]/);
  });
});

describe("leaving while something is asked", () => {
  it("waits for the answer, and leaves at once when it is there", async () => {
    const story = await told();
    const { ledger } = story.app;
    let goOn = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    const slow: RunLedger = {
      ...story.app,
      ledger: { ...ledger, submit: (...given) => held.then(() => ledger.submit(...given)) },
    };
    const screen = await look({ ...story, app: slow }, SIZE, { runId: RUNS.asks });
    await screen.shows("sign");
    await typing(screen, "g", "j", "a");
    await screen.shows('Approve "sign"');
    await screen.press("enter");
    let ended = false;
    void screen.ended.then(() => {
      ended = true;
    });
    await typing(screen, "ctrl+c");
    expect(ended).toBe(false);
    goOn();
    await screen.ended;
    const { run } = await story.app.view(RUNS.asks);
    expect(run.steps.find(({ spec }) => spec.id === "sign")?.state).toMatchObject({
      approval: { by: { role: "human" } },
    });
  });
});

describe("whatever happens", () => {
  it("a run that is gone is told, and left", async () => {
    const story = await told();
    const screen = await look(story, SIZE, { runId: RUNS.done, now: () => NOW });
    await screen.shows("setup");
    const row = await story.app.ledger.store.runRow(RUNS.done);
    const removal = { lastHash: row?.lastHash ?? "", removedAt: new Date(NOW).toISOString(), archive: null };
    await story.app.ledger.store.remove(RUNS.done, removal);
    await typing(screen, "r");
    await screen.shows("[run_not_found]");
    await screen.shows("Move the database");
  });

  it.each([
    { columns: 40, rows: 10 },
    { columns: 20, rows: 5 },
    { columns: 8, rows: 2 },
    { columns: 1, rows: 1 },
  ])("every page is drawn at $columns×$rows, and still goes on", async (size) => {
    const story = await told();
    const screen = await look(story, SIZE);
    await screen.shows("Ship the new shop");
    await screen.resize(size);
    await typing(screen, "j", "enter", "enter", "tab", "e", "enter", "?", "escape", "w", "a", "escape");
    await screen.resize(SIZE);
    await screen.shows("waiting for you");
    await typing(screen, "q", "q", "q", "q", "q", "q", "q", "q", "q");
    await screen.ended;
    expect(screen.state.alt()).toBe(false);
  });

  it("text of agents cannot reach the terminal", async () => {
    const story = await told();
    const evil = "\u001b]0;owned\u0007\u001b[2J\u009b31m\u202eevil";
    await story.tell(
      1,
      "run_evil",
      cast.create(cast.planOf([cast.stepSpec("a")]), { goal: "x" }),
      cast.start("a"),
    );
    await story.tell(
      1,
      "run_evil",
      cast.propose("a", evil),
      cast.fail("a", { message: evil, tail: evil }),
      cast.note("n", evil),
    );
    const screen = await look(story, { columns: 200, rows: 50 }, { runId: "run_evil" });
    await screen.shows("evil");
    await typing(screen, "enter", "tab", "tab", "e", "enter", "q", "q", "q", "w");
    for (const sequence of ["\u001b]0;", "\u0007\u001b[2J", "\u009b", "\u202e"])
      expect(screen.written()).not.toContain(sequence);
  });
});
