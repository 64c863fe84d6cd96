import { afterEach, describe, expect, it } from "vitest";
import type { Step } from "../../../../src/index.js";
import { stepShown } from "../../../../src/ui/tui/browser/words.js";
import { openStory, RUNS, type Story, tellAll } from "../../../helpers/browsing.js";

let story: Story | undefined;
afterEach(async () => story?.dispose());

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
