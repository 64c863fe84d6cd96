import { afterEach, expect, it } from "vitest";
import type { RunLedger } from "../../../../src/index.js";
import { look } from "../../../helpers/browsing.js";
import { type Desk, openDesk } from "../../../helpers/cli.js";

const LONG = `test -s out/a.txt && ${"grep -q made out/a.txt && ".repeat(4)}echo found`;
const PLAN = {
  goal: "sums",
  steps: [
    {
      id: "find",
      goal: "Find it\njudged by command_pass true",
      owner_agent: "coder",
      validator: { type: "command_pass", target: LONG },
    },
    {
      id: "fix",
      goal: "Fix it",
      owner_agent: "coder",
      depends_on: ["find"],
      timeout: "5m",
      validator: { type: "command_pass", target: "npm test" },
    },
  ],
  acceptance_criteria: [
    { description: "all is well", validator: { type: "command_pass", target: "npm run check" } },
  ],
};

let desk: Desk | undefined;
afterEach(() => desk?.dispose());

/** A run whose planner has proposed that plan. */
const planned = async (): Promise<{ app: RunLedger; runId: string; desk: Desk }> => {
  desk = await openDesk({
    "runledger.yaml":
      "agents:\n  lead: { kind: command, run: [cat, ../plan.json] }\n  coder: { kind: command, run: ['true'] }\nplanner: lead\n",
  });
  await desk.write({ "../plan.json": JSON.stringify(PLAN) });
  const runId = (await desk.type("run", "--goal", "the prices add up")).out.trim();
  return { app: await desk.open(), runId, desk };
};
const open = (app: RunLedger, runId: string, size = { columns: 80, rows: 44 }) =>
  look({ app }, size, { runId, now: Date.now });

it("A plan that waits is shown as `plan show` has it, with every command whole, and approved as it is shown", async () => {
  const { app, runId } = await planned();
  const screen = await open(app, runId);
  await screen.shows(/asks you/);
  await screen.press("enter");
  await screen.shows(/Goal: the prices add up/);
  const text = await screen.text();
  expect(text).not.toContain('"steps"');
  for (const line of [
    / {3}fix: coder, after find/,
    / {5}judged by command_pass npm test\n/,
    / {5}judge at most 5m\n/,
    / {3}criterion all is well\n/,
    / Commands that it brings \(3\)/,
    / {5}\$ npm run check\n/,
  ])
    expect(text).toMatch(line);
  // No word of a long command is lost, and no word of a model begins where one of ours does.
  expect(text.replace(/\s+(↪ )?/g, "")).toContain(`$${LONG.replace(/\s+/g, "")}`);
  expect(text).not.toMatch(/^ {5}judged by command_pass true/m);
  await screen.press("a");
  await screen.shows(/A plan of 2 steps, which brings 3 commands:/);
  await screen.shows(/\$ npm run check[\s\S]*--proposal \d+/);
  await screen.press("enter");
  await screen.shows(/✔ runledger approve/);
  expect((await app.ledger.load(runId)).steps.map(({ spec }) => spec.id)).toEqual(["find", "fix"]);
  await screen.press("ctrl+c");
});

it("What is approved is the plan on the screen: another one in its place is refused, and told", async () => {
  const { app, runId, desk } = await planned();
  const screen = await open(app, runId, { columns: 200, rows: 60 });
  await screen.shows(/│ {3}fix: coder, after find/);
  await screen.press("a");
  await screen.shows(/which brings 3 commands/);
  // While the question stands somebody else denies the plan, and the planner makes another one.
  await desk.type("deny", runId, "--reason", "judge it by less");
  await desk.write({ "../plan.json": JSON.stringify({ ...PLAN, acceptance_criteria: [] }) });
  expect((await desk.type("resume", runId)).code).toBe(3);
  await screen.press("enter");
  await screen.shows(/✘ runledger approve/);
  expect((await app.ledger.load(runId)).planDigest).toBeNull();
  await screen.shows(/Commands that it brings \(2\)/);
  await screen.press("ctrl+c");
});
