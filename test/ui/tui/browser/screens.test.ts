import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { look, openStory, RUNS, type Story, tellAll } from "../../../helpers/browsing.js";
import { DARK, LIGHT } from "../../../helpers/screens.js";

/** How each screen is come to, and what it must say before it is looked at. */
const SCREENS: Readonly<
  Record<string, { readonly keys: readonly string[]; readonly says: RegExp; readonly runId?: string }>
> = {
  runs: { keys: [], says: /Ship the new shop/ },
  "runs-filter": { keys: ["tab"], says: /Write the newsletter/ },
  "runs-search": { keys: ["/", "s", "h", "o", "p"], says: /“shop” 2/ },
  "run-done": { keys: [], runId: RUNS.done, says: /the wiki has them/ },
  "run-refused": { keys: [], runId: RUNS.refused, says: /✘ fix/ },
  "run-asks": { keys: ["k"], runId: RUNS.asks, says: /pictures/ },
  "step-proposal": { keys: ["w", "j", "enter"], says: /Dear customers/ },
  "step-diff": { keys: ["w", "j", "enter", "tab"], says: /prices.reduce/ },
  "step-verdict": { keys: ["enter"], runId: RUNS.refused, says: /Protected/ },
  "step-log": { keys: ["enter"], runId: RUNS.asks, says: /picture 40/ },
  journal: { keys: ["e"], runId: RUNS.refused, says: /run_paused|paused:/ },
  "journal-types": { keys: ["e", "t"], runId: RUNS.refused, says: /every type/ },
  event: { keys: ["e", "k", "k", "enter"], runId: RUNS.refused, says: /protectedPaths|"verdict"/ },
  questions: { keys: ["w"], says: /approve\?/ },
  approve: { keys: ["w", "j", "a"], says: /approve it/ },
  deny: { keys: ["w", "j", "d", "n", "o", "enter"], says: /✔ runledger deny/ },
  retry: { keys: ["t"], runId: RUNS.refused, says: /Try again/ },
  agents: { keys: ["c"], runId: RUNS.refused, says: /reviewer/ },
  resume: { keys: ["R"], runId: RUNS.refused, says: /resume it/ },
  cancel: { keys: ["x"], runId: RUNS.interrupted, says: /cancel it/ },
  note: { keys: ["m"], runId: RUNS.interrupted, says: /Name/ },
  refusal: { keys: ["p", "enter"], runId: RUNS.done, says: /\[run_terminal\]/ },
  help: { keys: ["?"], says: /Keys/ },
};
/** Screens on which something is done, after which the next one needs a story of its own. */
const CHANGES: ReadonlySet<string> = new Set(["deny"]);
const SIZES = [
  { columns: 60, rows: 20 },
  { columns: 80, rows: 24 },
  { columns: 200, rows: 60 },
];

const readable = (styled: string): string => styled.replaceAll("\u001b", "␛");

const shot = async (story: Story, name: string, size: (typeof SIZES)[number], palette = DARK) => {
  const { keys, says, runId } = SCREENS[name] ?? { keys: [], says: /./ };
  const screen = await look(story, size, { palette, ...(runId === undefined ? {} : { runId }) });
  for (const key of keys) {
    await screen.press(key);
    await screen.text();
  }
  await screen.shows(says);
  const both = { text: await screen.text(), styled: readable(await screen.styled()) };
  await screen.press("ctrl+c");
  return both;
};

const told = async (): Promise<Story> => {
  const story = await openStory();
  await tellAll(story);
  return story;
};

describe.each(SIZES)("at $columns×$rows", (size) => {
  let story: Story;
  // What is done on one screen must not be there on the next.
  beforeEach(async () => {
    story ??= await told();
  });
  afterAll(() => story.dispose());

  it.each(Object.keys(SCREENS))("%s looks as it should, dark and light", async (name) => {
    const dark = await shot(story, name, size);
    if (CHANGES.has(name)) story = await told();
    const light = await shot(story, name, size, LIGHT);
    if (CHANGES.has(name)) story = await told();
    for (const line of dark.text.split("\n")) expect([...line].length).toBeLessThanOrEqual(size.columns);
    const whole = [dark.text, "", "── dark ──", dark.styled, "", "── light ──", light.styled, ""].join("\n");
    await expect(whole).toMatchFileSnapshot(`screens/${name}.${size.columns}x${size.rows}.txt`);
  });
});
