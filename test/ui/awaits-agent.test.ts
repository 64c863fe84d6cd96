import { afterAll, beforeAll, expect, it } from "vitest";
import type { RunLedger } from "../../src/index.js";
import { look } from "../helpers/browsing.js";
import { type Desk, openDesk, planOf, step } from "../helpers/cli.js";

const SETTINGS = `agents:
  client: { kind: tools }
  maker: { kind: command, run: [sh, -c, 'mkdir -p out && echo made > out/b.txt'] }
`;

let desk: Desk;
let app: RunLedger;
/** Only a client that comes by itself can go on with it. */
let expected: string;
/** An agent that is started here could, and nobody starts it. */
let left: string;
beforeAll(async () => {
  desk = await openDesk({ "README.md": "# A shop\n", "runledger.yaml": SETTINGS });
  const begun = async (name: string, agent: string) =>
    (await desk.type("run", await planOf(desk, name, [step("b", agent)]), "--no-drive")).out.trim();
  expected = await begun("expected.json", "client");
  left = await begun("left.json", "maker");
  app = await desk.open();
});
afterAll(() => desk.dispose());

const SENTENCE =
  'It waits for agent "client", which comes by itself and works through its tools, to take step "b".';

it("A run whose next step is for a client that comes by itself waits for it, and is not interrupted", async () => {
  const { out } = await desk.type("list");
  expect(out).toMatch(new RegExp(`${expected} +awaits agent .*The plan expected.json — ${SENTENCE}`));
  expect(out).toMatch(new RegExp(`${left} +undriven .*The plan left.json\n`));
  expect((await desk.json("list")).runs).toMatchObject([
    { runId: left, interrupted: true, blocker: null, waiting: { for: "worker" } },
    { runId: expected, interrupted: false, blocker: null, waiting: { for: "agent", sentence: SENTENCE } },
  ]);
  expect(await desk.json("show", expected)).toMatchObject({ interrupted: false, currentBlocker: null });
  expect(await desk.json("why", expected)).toMatchObject({ for: "agent", sentence: SENTENCE });
  expect((await desk.json("status")).runs).toMatchObject({ running: 2, interrupted: 1 });
});

it("The browser says so in its list and on the page of the run", async () => {
  const screen = await look({ app }, { columns: 80, rows: 24 }, { now: Date.now });
  await screen.shows(/◌ .*expected\.json .*awaits agent/);
  await screen.shows(/! .*left\.json .*undriven/);
  await screen.press("j", "enter");
  await screen.shows(/◌ awaits agent/);
  await screen.shows(/It waits for agent "client"/);
  await screen.press("ctrl+c");
});

it("An agent that the settings do not name is told as what a person must see to", async () => {
  await desk.write({ "runledger.yaml": "agents:\n  other: { kind: tools }\n" });
  const { runs } = await desk.json("list");
  expect(runs).toMatchObject([
    { runId: left, interrupted: false, blocker: 'Step "b" waits for agent "maker", which is not there.' },
    { runId: expected, interrupted: false },
  ]);
});
