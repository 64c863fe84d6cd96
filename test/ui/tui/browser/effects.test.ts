import { afterEach, beforeEach, expect, it } from "vitest";
import { look, openStory, type Story } from "../../../helpers/browsing.js";
import * as cast from "../../../helpers/cast.js";

const SIZE = { columns: 140, rows: 30 };
const RUN = "run_01a2000000007000800000000d0ab7f1";
let story: Story;
beforeEach(async () => {
  story = await openStory();
  const look = { position: 1, name: "look", class: "pure", risk: "none", onAmbiguous: null } as const;
  const found = { kind: "done", value: { kind: "inline", json: "7" } } as const;
  await story.tell(
    ...([5, RUN, cast.create(cast.planOf([cast.stepSpec("pay")])), cast.start("pay")] as const),
    ...[cast.intend("pay"), cast.settle("pay", found, look), cast.decideEffect("pay", "fail")],
  );
});
afterEach(() => story.dispose());

it("the effects of a step are a pane of it", async () => {
  const screen = await look(story, SIZE, { runId: RUN });
  await screen.shows(/asks you/);
  await screen.press("enter");
  await screen.shows(/judge log {2}effects/);
  await screen.press("shift+tab", "shift+tab", "shift+tab", "shift+tab");
  await screen.shows(/asked +0 charge card \(guarded money\)/);
  await screen.shows(/done +1 look \(pure\)/);
});

it("one in doubt waits for a person, who says what became of it and sees the command", async () => {
  const screen = await look(story, SIZE);
  await screen.press("w");
  await screen.shows(/in doubt.*effect 0 "charge card" had begun/);
  await screen.press("u");
  await screen.shows(`runledger decide ${RUN} pay 0 rerun --attempt 1`);
  await screen.press("d", "enter", ..."nonsense", "enter", ..."seen", "enter");
  await screen.shows(/\[invalid_input\] The result is no JSON/);
  await screen.press("u");
  await screen.shows("What became of effect 0");
  await screen.press("d", "enter", ..."7", "enter", ..."seen", "enter");
  await screen.shows(/✔ runledger decide .* pay 0 done --value 7 --attempt 1 --reason seen/);
  expect(await story.app.effects(RUN, { values: true })).toMatchObject([
    { status: "done", value: 7, decision: { by: { role: "human" } } },
    { status: "done" },
  ]);
});
