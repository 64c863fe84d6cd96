import { describe, expect, it } from "vitest";
import { figure } from "../helpers/figures.js";
import { SWEEP_MS, sliceOf, sweepSeed, sweepSize } from "../helpers/sweep.js";
import { verified } from "./damaged.js";
import { inLanes, type Life, openLives } from "./lives.js";

/** Its child ends by itself, or it is cancelled while its child waits for something that never comes. */
const scenarios = ["finished", "cancelled"] as const;
type Scenario = (typeof scenarios)[number];
type Kill = { readonly at: number; readonly how: "before" | "within" };
type Case = { readonly scenario: Scenario; readonly kill: Kill };

const { endure, boundariesOf } = openLives();

type Family = {
  readonly due: number;
  readonly runs: readonly {
    readonly runId: string;
    readonly status: string;
    readonly types: readonly string[];
  }[];
};
type Result = { readonly family: Family; readonly flaws: readonly unknown[] };

const lifeOf = (scenario: Scenario): Life => ({ worker: "family-worker.mjs", argv: [scenario] });

const resultOf = async (said: string): Promise<Result> => {
  const { dataDir, ...family } = JSON.parse(said) as Family & { dataDir: string };
  return { family, flaws: (await verified(dataDir)).flaws };
};

const killsOf = async (scenario: Scenario): Promise<readonly Kill[]> => {
  const writes = (await boundariesOf(lifeOf(scenario))).filter(({ act }) => act.startsWith("sql"));
  return writes.flatMap((_, index) => (["before", "within"] as const).map((how) => ({ at: index + 1, how })));
};

/** What is not as it was promised. */
const faultsOf = ({ scenario, kill }: Case, { family, flaws }: Result): string[] => {
  const faults: string[] = [];
  const { due, runs } = family;
  const parent = runs.find(({ types }) => types.includes("child_started")) ?? runs[0];
  const child = runs.find((one) => one !== parent);
  const count = (type: string): number => parent?.types.filter((one) => one === type).length ?? 0;
  const wanted = scenario === "finished" ? "completed" : "failed";
  if (due > 0) faults.push(`${due} runs have something due`);
  if (parent?.status !== wanted) faults.push(`the parent is ${parent?.status}`);
  if (runs.length > 2) faults.push(`there are ${runs.length} runs`);
  if (scenario === "finished" && child?.status !== "completed") faults.push(`the child is ${child?.status}`);
  if (child !== undefined && child.status !== wanted) faults.push(`the child is ${child.status}`);
  if (child !== undefined && !child.types.includes("parent_told")) faults.push("its parent was not told");
  if (count("child_started") !== count("child_finished") || count("child_started") > 1)
    faults.push(`started ${count("child_started")}, finished ${count("child_finished")}`);
  if (flaws.length > 0) faults.push(JSON.stringify(flaws));
  return faults.map((fault) => `${scenario} ${JSON.stringify(kill)}: ${fault}`);
};

describe(`kill -9 of a worker that drives a run and its child (seed ${sweepSeed})`, () => {
  it(
    "at every write: one child, which ends with its parent or before it, and nothing is left to do",
    async () => {
      const cases: Case[] = [];
      for (const scenario of scenarios)
        for (const kill of await killsOf(scenario)) cases.push({ scenario, kill });
      const struck = sliceOf(cases, sweepSize(cases.length, 12));
      const faults: string[] = [];
      let kills = 0;
      await inLanes(struck, async (one) => {
        const life = { ...lifeOf(one.scenario), boundaries: { act: "sql", ...one.kill } };
        const { ended, wasKilled } = await endure(life, resultOf);
        kills += wasKilled ? 1 : 0;
        faults.push(...faultsOf(one, ended));
      });
      figure("children", kills, faults.length, `children (${struck.length} of ${cases.length} cases)`);
      expect(faults).toEqual([]);
      expect(kills).toBeGreaterThan(struck.length / 2);
    },
    SWEEP_MS,
  );
});
