import { afterEach, describe, expect, it } from "vitest";
import type { Step, StoredEvent } from "../../../../src/index.js";
import { openBrowser } from "../../../../src/ui/tui/browser/browser.js";
import { eventText, stepShown } from "../../../../src/ui/tui/browser/words.js";
import { NOW, openStory, RUNS, type Story, tellAll } from "../../../helpers/browsing.js";
import { person } from "../../../helpers/project.js";

let story: Story | undefined;
afterEach(async () => story?.dispose());

it("an intent is named by its number in the journal of its run", () => {
  const told = (intentId: string) => {
    const payload = { intentId, first: { intentId: "run_2.4" } };
    return eventText({ type: "intent_skipped", runId: "run_1", payload } as StoredEvent);
  };
  expect(told("run_1.3")).toBe("intent 3: skipped: run_2.4 has its key");
});

it("a page that was not read yet says so", async () => {
  story = await openStory();
  const { app } = story;
  let redraw = (): void => undefined;
  const stage = { redraw: () => redraw(), end: () => undefined, tell: () => undefined };
  const browser = openBrowser({ app, caller: person(app), project: "shop", now: () => NOW }, stage);
  const drawn = () =>
    browser
      .draw({ columns: 80, rows: 24 })
      .map((line) => line.map(({ text }) => text).join(""))
      .join("\n");
  expect(drawn()).toContain("Reading…");
  while (drawn().includes("Reading…"))
    await new Promise<void>((resolve) => {
      redraw = resolve;
    });
  expect(drawn()).toContain("No runs yet.");
  browser.stop();
});

describe("a step is said to be", () => {
  it("worked on and verified only where somebody does it", async () => {
    story = await openStory();
    await tellAll(story);
    const { run } = await story.app.view(RUNS.asks);
    const proposed = run.steps.find(({ state }) => state.status === "verify_pending");
    if (proposed === undefined) throw new Error("no step is proposed");
    const judged: Step = {
      ...proposed,
      spec: { ...proposed.spec, validator: { type: "test_pass", target: "", params: {} } },
    };
    const working: Step = { ...judged, state: { status: "in_progress", startedAt: run.createdAt } };
    const paused = await story.app.view(RUNS.refused);
    const word = (step: Step, at: Parameters<typeof stepShown>[1]) => stepShown(step, at).word;
    expect(word(judged, { run, interrupted: false })).toBe("verifying");
    expect(word(judged, { run, interrupted: true })).toBe("proposed");
    expect(word(judged, paused)).toBe("proposed");
    expect(word(working, { run, interrupted: false })).toBe("working");
    expect(word(working, { run, interrupted: true })).toBe("begun");
  });
});
