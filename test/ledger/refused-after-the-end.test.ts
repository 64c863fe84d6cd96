import { dirname, join } from "node:path";
import { expect, it } from "vitest";
import { verifyAt } from "../../src/index.js";
import { NOW, openStory } from "../helpers/browsing.js";
import * as cast from "../helpers/cast.js";

const RUN = "run_01a20000000070008000000000ef05ed";
const minutesAgo = (minutes: number): string => new Date(NOW - minutes * 60_000).toISOString();

it("Who is refused at a run that is over makes it no newer in any list", async () => {
  const story = await openStory();
  const { app, tell } = story;
  const listed = async () => (await app.list({ limit: 1 }))[0];
  await tell(50, RUN, cast.create(cast.planOf([cast.stepSpec("a")])));
  await tell(40, RUN, cast.refuseAccess);
  expect(await listed()).toMatchObject({ updatedAt: minutesAgo(40), lastSeq: 3 });
  await tell(30, RUN, cast.cancel("enough"));
  await tell(5, RUN, cast.refuseAccess);
  // It is recorded all the same, and what is kept agrees with what was recorded.
  expect(await listed()).toMatchObject({ updatedAt: minutesAgo(30), status: "failed" });
  const { refusals, updatedAt } = await app.ledger.load(RUN);
  expect([refusals.count, updatedAt]).toEqual([2, minutesAgo(30)]);
  const env = { ...process.env, RUNLEDGER_HOME: join(dirname(app.projectDir), "data") };
  expect((await verifyAt({ projectDir: app.projectDir, env, run: RUN })).flaws).toEqual([]);
  await story.dispose();
});
