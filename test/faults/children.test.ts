import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildPackage } from "../helpers/built.js";
import { figure } from "../helpers/figures.js";
import { makeSample, type Sample } from "../helpers/project.js";
import { SWEEP_MS, sliceOf, sweepSeed, sweepSize } from "../helpers/sweep.js";
import { verified } from "./damaged.js";

/** Its child ends by itself, or it is cancelled while its child waits for something that never comes. */
const scenarios = ["finished", "cancelled"] as const;
type Scenario = (typeof scenarios)[number];
type Kill = { readonly at: number; readonly how: "before" | "within" };
type Case = { readonly scenario: Scenario; readonly kill: Kill };

const helper = (name: string): string => fileURLToPath(new URL(`../helpers/${name}`, import.meta.url));
let built: ReturnType<typeof buildPackage>;
let shop: Sample;
beforeAll(async () => {
  built = buildPackage();
  shop = await makeSample({ "runledger.yaml": "runLedger: { workspaceIsolation: false }\n" });
});
afterAll(async () => {
  await shop.dispose();
  built.remove();
});

type Family = {
  readonly due: number;
  readonly runs: readonly {
    readonly runId: string;
    readonly status: string;
    readonly types: readonly string[];
  }[];
};
type Result = { readonly family: Family; readonly wasKilled: boolean; readonly flaws: readonly unknown[] };

/** One worker is killed at one of its writes, the next one goes on to the end. */
const endure = async (scenario: Scenario, boundaries?: object): Promise<Result> => {
  const place = await mkdtemp(join(tmpdir(), "runledger-family-"));
  const env = { ...shop.env, RUNLEDGER_HOME: join(place, "data"), XDG_STATE_HOME: join(place, "state") };
  const live = async (watch?: object) => {
    const watched = watch === undefined ? [] : ["--import", helper("boundaries.mjs")];
    const argv = [helper("family-worker.mjs"), built.library, join(place, "repo"), scenario];
    const child = spawn(process.execPath, [...watched, ...argv], {
      env: { ...env, ...(watch === undefined ? {} : { TEST_BOUNDARIES: JSON.stringify(watch) }) },
      stdio: ["ignore", "pipe", "pipe"],
      timeout: 90_000,
      killSignal: "SIGTERM",
    });
    let said = "";
    let wrong = "";
    child.stdout.on("data", (chunk) => (said += chunk));
    child.stderr.on("data", (chunk) => (wrong += chunk));
    const [code, signal] = await once(child, "close");
    return { code, signal, said, wrong };
  };
  try {
    await cp(shop.repo, join(place, "repo"), { recursive: true });
    const first = await live(boundaries && { mark: join(place, "mark"), ...boundaries });
    const wasKilled = first.signal === "SIGKILL";
    const last = wasKilled ? await live() : first;
    if (last.code !== 0) throw new Error(`who went on ended by ${last.code ?? last.signal}: ${last.wrong}`);
    const { dataDir, ...family } = JSON.parse(last.said) as Family & { dataDir: string };
    return { family, wasKilled, flaws: (await verified(dataDir)).flaws };
  } finally {
    await rm(place, { recursive: true, force: true });
  }
};

const killsOf = async (scenario: Scenario): Promise<readonly Kill[]> => {
  const folder = await mkdtemp(join(tmpdir(), "runledger-trace-"));
  const trace = join(folder, "trace");
  await endure(scenario, { trace });
  const acts = readFileSync(trace, "utf8").split("\n").filter(Boolean);
  await rm(folder, { recursive: true });
  const writes = acts.filter((line) => (JSON.parse(line) as { act: string }).act.startsWith("sql"));
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

/** So many at a time: a worker waits for disks as often as it computes. */
const LANES = 3;

describe(`kill -9 of a worker that drives a run and its child (seed ${sweepSeed})`, () => {
  it(
    "at every write: one child, which ends with its parent or before it, and nothing is left to do",
    async () => {
      const cases: Case[] = [];
      for (const scenario of scenarios)
        for (const kill of await killsOf(scenario)) cases.push({ scenario, kill });
      const struck = sliceOf(cases, sweepSize(cases.length, 24));
      const faults: string[] = [];
      let kills = 0;
      const waiting = [...struck];
      const lane = async (): Promise<void> => {
        for (let one = waiting.shift(); one !== undefined; one = waiting.shift()) {
          const result = await endure(one.scenario, { act: "sql", ...one.kill });
          kills += result.wasKilled ? 1 : 0;
          faults.push(...faultsOf(one, result));
        }
      };
      await Promise.all(Array.from({ length: LANES }, lane));
      figure("children", kills, faults.length, `children (${struck.length} of ${cases.length} cases)`);
      expect(faults).toEqual([]);
      expect(kills).toBeGreaterThan(struck.length / 2);
    },
    SWEEP_MS,
  );
});
