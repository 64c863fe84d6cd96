import { it, onTestFinished } from "vitest";
import { look, openStory } from "../../../helpers/browsing.js";
import * as cast from "../../../helpers/cast.js";

const RUN = "run_01a20000000070008000000000ace001";

it("the judge's log ends with those of the other runs and of the held-out tests, each below its name", async () => {
  const story = await openStory();
  onTestFinished(() => story.dispose());
  const put = (text: string) => story.app.ledger.store.putBlob(Buffer.from(text));
  const [first, last, held] = [
    await put("first words\n"),
    await put("last words\n"),
    await put("secret words\n"),
  ];
  const run = (log: string) => ({ exitCode: 1, counts: null, durationMs: 9, log });
  const heldOut = {
    folder: "held-out",
    digest: "d",
    files: 1,
    counts: null,
    turnedGreen: null,
    wrong: { count: 1, names: ["nothing costs nothing"] },
    log: held,
  };
  const found = { turnedGreen: null, retried: { count: 0, names: [] }, canary: null, heldOut };
  await story.tell(
    10,
    RUN,
    cast.create(cast.planOf([cast.stepSpec("fix")])),
    cast.start("fix"),
    cast.propose("fix"),
    cast.fail("fix", { log: last, tests: { runs: [run(first), run(last)], ...found } }),
  );
  const screen = await look(story, { columns: 80, rows: 30 }, { runId: RUN });
  await screen.press("enter");
  await screen.shows("nothing costs nothing");
  await screen.press("tab");
  await screen.press("tab");
  await screen.shows(/last words\s+— run 1 of 2 —\s+first words\s+— held-out tests —\s+secret words/);
  await screen.press("ctrl+c");
});
