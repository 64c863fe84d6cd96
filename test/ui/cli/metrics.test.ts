import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { intentStatuses } from "../../../src/core/intents.js";
import type { Metrics } from "../../../src/index.js";
import { metricsText } from "../../../src/ui/metrics-text.js";
import { type Desk, openDesk, planOf, shop, step } from "../../helpers/cli.js";
import { parsed } from "../../helpers/exposition.js";

let desk: Desk;
beforeAll(async () => {
  desk = await openDesk(shop);
  const criterion = { description: "it is there", validator: { type: "command_pass", target: "true" } };
  await desk.type(
    "run",
    await planOf(desk, "good.json", [step("a", "maker")], { acceptance_criteria: [criterion] }),
  );
  await desk.type("run", await planOf(desk, "bad.json", [step("a", "liar")]));
});
afterAll(() => desk.dispose());

const used = {
  ...{ calls: 2, tokensIn: 900, cacheRead: 100, cacheWrite: 7, tokensOut: 60, reasoning: 5 },
  ...{ uncounted: 1, uncountedTokens: 9, uncountedNanoUsd: 8, nanoUsd: 1_234_567_890, unpriced: 3 },
};

const noIntents = Object.fromEntries(intentStatuses.map((status) => [status, 0])) as Metrics["intents"];

const odd: Metrics = {
  ...{ at: "2026-01-01T00:00:00.000Z", events: 7, unattended: 0, unread: 0, workersLost: 2 },
  runs: { planning: 0, running: 0, paused: 0, completed: 1, failed: 0 },
  waiting: { runs: 1, oldestSeconds: 0.5 },
  attempts: [{ agent: 'a "quoted" \\ name\nand more', attempts: 4 }],
  verdicts: [],
  usage: [
    { agent: "a", model: "m", ...used },
    { agent: "a", model: null, ...used, nanoUsd: 1 },
  ],
  intents: { ...noIntents, pending_approval: 2 },
  refusals: [{ code: "access_denied", refusals: 3 }],
};

describe("metrics", () => {
  it("prints what a strict reader of the format takes, and says no more than numbers", async () => {
    const { code, out } = await desk.type("metrics");
    expect(code).toBe(0);
    const { families, samples } = parsed(out);
    expect(Object.fromEntries(samples)).toMatchObject({
      'runledger_runs{status="completed"}': 1,
      'runledger_runs{status="paused"}': 1,
      'runledger_runs{status="running"}': 0,
      runledger_runs_waiting: 1,
      'runledger_attempts{agent="maker"}': 1,
      'runledger_attempts{agent="liar"}': 1,
      'runledger_verdicts{of="criterion",outcome="passed",validator="command_pass"}': 1,
      'runledger_verdicts{of="step",outcome="failed",validator="artifact_exists"}': 1,
      'runledger_verdicts{of="step",outcome="passed",validator="artifact_exists"}': 1,
    });
    expect(families.get("runledger_events_total")?.type).toBe("counter");
    for (const word of ["run_", "The plan", "Make a", "out/a.txt"]) expect(out).not.toContain(word);
  });

  it("says the same numbers as JSON", async () => {
    const [text, json] = [await desk.type("metrics"), (await desk.json("metrics")) as unknown as Metrics];
    const told = parsed(metricsText(json, "0")).samples;
    const still = (samples: ReadonlyMap<string, number>) =>
      [...samples].filter(([name]) => !/oldest_wait|build_info/.test(name));
    expect(still(parsed(text.out).samples)).toEqual(still(told));
    expect(told.get("runledger_events_total")).toBe(json.events);
  });

  it("escapes names, and tells dollars and tokens apart", () => {
    const { samples } = parsed(metricsText(odd, "1.0.0"));
    expect(Object.fromEntries(samples)).toMatchObject({
      'runledger_build_info{version="1.0.0"}': 1,
      'runledger_attempts{agent="a \\"quoted\\" \\\\ name\\nand more"}': 4,
      'runledger_model_tokens{agent="a",direction="in",model="m"}': 900,
      'runledger_model_tokens{agent="a",direction="out",model="m"}': 60,
      'runledger_model_cached_tokens{agent="a",cache="read",model="m"}': 100,
      'runledger_model_cached_tokens{agent="a",cache="write",model="m"}': 7,
      'runledger_model_cost_usd{agent="a",model="m"}': 1.23456789,
      'runledger_model_cost_usd{agent="a",model=""}': 1e-9,
      'runledger_model_calls{agent="a",model="m"}': 2,
      'runledger_model_calls_unpriced{agent="a",model="m"}': 3,
      'runledger_model_calls_uncounted{agent="a",model="m"}': 1,
      'runledger_intents{status="pending_approval"}': 2,
      'runledger_intents{status="approved"}': 0,
      'runledger_refusals{code="access_denied"}': 3,
      runledger_workers_lost: 2,
      runledger_oldest_wait_seconds: 0.5,
    });
  });

  it("is served to this machine alone: an address for others is refused before anything listens", async () => {
    const { code, err } = await desk.type("serve", "--metrics", "--host", "0.0.0.0", "--port", "0");
    expect([code, err]).toEqual([2, expect.stringContaining("--metrics")]);
  });
});
