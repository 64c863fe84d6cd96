import { mkdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { expect, it, onTestFinished } from "vitest";
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

it("what was recorded before anybody knew it for a secret is redacted on every page, whatever is cut off around it", async () => {
  const SECRET = "Tr0ub4dor-and-3-horses";
  const HIDDEN = /\[redacted:DB_PASSWORD\]/;
  const story = await openStory({ DB_PASSWORD: SECRET });
  onTestFinished(() => story.dispose());
  const { store } = story.app.ledger;
  const log = await store.putBlob(Buffer.from(`the judge saw ${SECRET}\n`));
  const patch = await store.putBlob(Buffer.from(`diff --git a/db.env b/db.env\n+PASSWORD=${SECRET}\n`));
  const fix = cast.stepSpec("fix", { goal: `Log in with ${SECRET}` });
  const sign = cast.stepSpec("sign", { validator: cast.approval });
  await story.tell(
    10,
    RUN,
    cast.create({ ...cast.planOf([fix, sign]), goal: `Open the shop with ${SECRET}` }),
    cast.start("fix"),
    cast.propose("fix", `I used ${SECRET}.`, { patch, filesChanged: 1 }),
    cast.fail("fix", { message: `${SECRET} was refused.`, tail: `login ${SECRET}`, log }),
    cast.start("sign"),
    cast.propose("sign", `The password is ${SECRET}`),
    cast.note("password", SECRET),
  );
  // What is shown of a long log begins in the middle of it.
  const shown = `${SECRET.slice(8)} is the word\n`;
  const agentLog = story.app.agentLog(RUN, "fix", 1);
  await mkdir(dirname(agentLog), { recursive: true });
  await writeFile(agentLog, `${"-".repeat(9_999)}${SECRET.slice(0, 8)}${shown.padEnd(256 * 1024, ".\n")}`);
  const screen = await look(story, { columns: 200, rows: 50 });
  const says = async (what: string | RegExp): Promise<void> => {
    await screen.shows(what);
    await screen.shows(HIDDEN);
  };
  const press = async (key: string, what: string | RegExp): Promise<void> => {
    await screen.press(key);
    await says(what);
  };
  await says(/Open the shop with/);
  await press("enter", /Notes|password/);
  await screen.press("g");
  await press("enter", /was refused\./);
  await screen.press("tab");
  await screen.shows(/^ *\.$/m);
  await press("g", /bytes before/);
  await press("tab", /the judge saw/);
  await press("tab", /I used/);
  await press("tab", /PASSWORD=/);
  await press("e", /note_written/);
  await press("enter", /"value": "\[redacted/);
  await press("w", /The password is/);
  await press("a", /Approve "sign"/);
  for (const word of [SECRET, SECRET.slice(8)]) expect(screen.written()).not.toContain(word);
  await screen.press("ctrl+c");
});
