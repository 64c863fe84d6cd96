import { afterAll, beforeAll, expect, it } from "vitest";
import type { RunLedger } from "../../../../src/index.js";
import { planOfSteps, sample, stepBy } from "../../../helpers/bench.js";
import { look } from "../../../helpers/browsing.js";
import { clockAt } from "../../../helpers/driving.js";
import type { Sample } from "../../../helpers/project.js";

let shop: Sample;
beforeAll(async () => {
  shop = await sample({
    "a.txt": "1\n",
    "plan.json": JSON.stringify(planOfSteps(stepBy("a", "true"))),
    "runledger.yaml": `schedules:
  nightly: { cron: "30 2 * * *", plan: plan.json }
  paused: { cron: "@daily", plan: plan.json, enabled: false }
  sick: { cron: "0 5 * * *", plan: none.json }
`,
  });
});
afterAll(() => shop.dispose());

it("What begins by the clock is a page: when it is due, the run that it began last, and what keeps it from beginning", async () => {
  const clock = clockAt("2026-03-01T02:20:00.000Z");
  const app: RunLedger = await shop.open({ coder: () => "done" }, clock.now);
  const worker = app.worker({ maxRuns: 1, onTrouble: () => undefined });
  await worker.drain(new AbortController().signal);
  clock.move(10 * 60_000);
  await worker.drain(new AbortController().signal);
  const [begun] = await app.list({ limit: 1 });
  clock.move(60 * 60_000);
  for (const columns of [80, 120]) {
    const screen = await look({ app }, { columns, rows: 24 }, { now: () => Date.parse(clock.now()) });
    await screen.shows(/1\/1 +completed/);
    await screen.press("S");
    await screen.shows(/3 schedules/);
    const last = begun?.runId.slice(-6) ?? "none";
    await screen.shows(new RegExp(`◷ nightly +next in 23h .*✔ ${last} completed, 1h ago`));
    await screen.shows(/– paused +not enabled .*no run yet/);
    await screen.shows(/✘ sick +next in 1h .*no run yet/);
    for (const line of (await screen.text()).split("\n"))
      expect([...line].length).toBeLessThanOrEqual(columns);
    await screen.press("enter");
    await screen.shows(/what it waits for|completed/);
    await screen.press("ctrl+c");
  }
  await app.close();
});
