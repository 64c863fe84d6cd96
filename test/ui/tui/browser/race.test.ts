import { mkdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { look, openStory, type Story } from "../../../helpers/browsing.js";
import * as cast from "../../../helpers/cast.js";

const RUN = "run_01a20000000070008000000000ace000";
const stories: Story[] = [];
afterEach(async () => {
  for (const story of stories.splice(0)) await story.dispose();
});

/** Three race: one was refused, one has proposed, one is at work. */
const racing = async (): Promise<Story> => {
  const story = await openStory();
  stories.push(story);
  const race = { agents: ["coder", "coder", "reviewer"], pick: "first" as const };
  await story.tell(
    10,
    RUN,
    cast.create(cast.planOf([cast.stepSpec("fix", { race })])),
    ...[1, 2, 3].map((one) => cast.of(one, cast.start("fix"))),
    cast.of(1, cast.propose("fix", "The first is sure.")),
    cast.of(1, cast.fail("fix", { message: "2 of 3 tests failed." })),
    cast.of(2, cast.propose("fix", "The second is sure.")),
  );
  return story;
};

describe("a race in the browser", () => {
  it.each([
    { columns: 60, rows: 20 },
    { columns: 160, rows: 30 },
  ])("is one step with its candidates, looked at one after the other, at $columns×$rows", async (size) => {
    const story = await racing();
    for (const one of [1, 2, 3]) {
      const log = story.app.agentLog(RUN, "fix", 1, one);
      await mkdir(dirname(log), { recursive: true });
      await writeFile(log, `words of candidate ${one}\n`);
    }
    const screen = await look(story, size, { runId: RUN });
    await screen.shows(/fix +racing/);
    await screen.shows(size.columns > 100 ? "1 at work" : "coder ×2");
    await screen.press("enter");
    // Nobody drives it: what was begun is not told as work that is going on.
    await screen.shows(/▸ . 3 reviewer begun +nothing proposed yet/);
    await screen.shows("words of candidate 3");
    await screen.shows(/1 coder failed +2 of 3 tests failed/);
    await screen.press("i");
    await screen.shows("words of candidate 1");
    await screen.press("tab");
    await screen.press("tab");
    await screen.shows("The first is sure.");
    await screen.press("i");
    await screen.shows("The second is sure.");
    expect(await screen.text()).toMatch(/▸ . 2 coder verifying|▸ . 2 coder proposed/);
    for (const line of (await screen.text()).split("\n"))
      expect([...line].length).toBeLessThanOrEqual(size.columns);
    await screen.press("ctrl+c");
  });
});
