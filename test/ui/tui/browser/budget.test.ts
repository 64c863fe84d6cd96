import { afterEach, expect, it } from "vitest";
import { look, openStory, type Story } from "../../../helpers/browsing.js";
import * as cast from "../../../helpers/cast.js";

const RUN = "run_01a20000000070008000000000b0d9e4";

let story: Story | undefined;
afterEach(async () => story?.dispose());

const stopped = async (): Promise<Story> => {
  story = await openStory();
  const plan = { ...cast.planOf([cast.stepSpec("sum"), cast.stepSpec("tell")]), goal: "Count the apples" };
  const limits = cast.setBudget({ tokens: 1_000_000, attempts: 1 });
  await story.tell(9, RUN, cast.create(plan), limits, cast.start("sum"), cast.stopAtBudget("tell"));
  return story;
};

it("A run that stopped at its budget says so on its page, and a person raises it there", async () => {
  const { app } = await stopped();
  for (const size of [
    { columns: 80, rows: 24 },
    { columns: 200, rows: 60 },
  ]) {
    const screen = await look({ app }, size, { runId: RUN });
    await screen.shows(/‖ paused/);
    await screen.shows(/runledger budget/);
    await screen.shows(/budget +0 tokens of 1000000 tokens; 1 attempt of 1 attempt/);
    await screen.shows(/ b budget /);
    await screen.press("b");
    await screen.shows("attempts: 1 attempt used or held of 1 attempt");
    // The limit that is reached is asked first, and the whole question fits the screen.
    await screen.shows(/› attempts[\s\S]*enter next/);
    await screen.press("escape", "ctrl+c");
  }
  const screen = await look({ app }, { columns: 110, rows: 24 }, { runId: RUN });
  await screen.shows(/‖ paused/);
  await screen.press("b");
  await screen.shows("Set its budget");
  await screen.press("enter", ..."3", "enter", ..."one more", "enter");
  await screen.shows(`✔ runledger budget ${RUN} --attempts 3 --reason 'one more'`);
  await screen.shows(/attempts: 1 attempt used or held of 3 attempts\n.*It stays paused until it is resumed/);
  expect((await app.ledger.load(RUN)).budget.set).toEqual({ tokens: 1_000_000, attempts: 3 });
  await screen.press("ctrl+c");
});

it("What is no limit is refused as the command refuses it, and nothing is recorded", async () => {
  const { app } = await stopped();
  const { seq } = await app.ledger.load(RUN);
  const screen = await look({ app }, { columns: 100, rows: 30 }, { runId: RUN });
  await screen.shows(/‖ paused/);
  for (const [typed, told] of [
    ["0", /\[invalid_input\] "0" is no limit of attempts/],
    ["1.5", /\[invalid_input\] "1.5" is no limit of attempts/],
    ["999999999", /✘ runledger budget[\s\S]*\[invalid_input\]/],
  ] as const) {
    await screen.press("b");
    await screen.shows("Set its budget");
    await screen.press("enter", ...typed, "enter", "enter");
    await screen.shows(told);
    await screen.press("escape");
  }
  expect((await app.ledger.load(RUN)).seq).toBe(seq);
  await screen.press("ctrl+c");
});

it("Each limit is kept in its unit, by the same words as at the terminal", async () => {
  const { app } = await stopped();
  const screen = await look({ app }, { columns: 100, rows: 30 }, { runId: RUN });
  await screen.shows(/‖ paused/);
  for (const [letter, typed, option] of [
    ["c", "2.50", "--usd 2.50"],
    ["t", "7000", "--tokens 7000"],
  ] as const) {
    await screen.press("b");
    await screen.shows("Set its budget");
    await screen.press(letter, "enter", ...typed, "enter", "enter");
    await screen.shows(`✔ runledger budget ${RUN} ${option}`);
    await screen.press("escape");
  }
  expect((await app.ledger.load(RUN)).budget.set).toEqual({
    tokens: 7_000,
    nanoUsd: 2_500_000_000,
    attempts: 1,
  });
  await screen.press("ctrl+c");
});
