import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openRunLedger } from "../../src/index.js";
import { stepBy } from "../helpers/bench.js";
import { buildPackage } from "../helpers/built.js";
import { figure } from "../helpers/figures.js";
import { type Boundary, linesOf, openTrial, type Trial } from "../helpers/kills.js";
import { makeSample, type Sample } from "../helpers/project.js";
import { SWEEP_MS, sliceOf, sweepSeed, sweepSize } from "../helpers/sweep.js";

const CRON = "0 0 1 * *";
const DAY_MS = 86_400_000;
const boundariesModule = fileURLToPath(new URL("../helpers/boundaries.mjs", import.meta.url));

let built: ReturnType<typeof buildPackage>;
let shop: Sample;
/** The first of this month and of the one before, in UTC. */
const due: string[] = [];
beforeAll(async () => {
  built = buildPackage();
  shop = await makeSample({
    "plan.json": JSON.stringify({ goal: "Tidy up", steps: [stepBy("a", "true")] }),
    "runledger.yaml": `agents: { coder: { kind: command, run: ["true"] } }
isolation: { maximum: 1 }
schedules: { monthly: { cron: "${CRON}", plan: plan.json, catchUp: all } }
`,
  });
  const now = new Date();
  for (const back of [1, 0])
    due.push(new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - back)).toISOString());
});
afterAll(async () => {
  await shop.dispose();
  built.remove();
});

/** A project of its own, whose workers were away since before both. */
const awayFor = async (): Promise<Trial> => {
  const trial = await openTrial(built.library, shop.repo);
  const app = await openRunLedger({ projectDir: trial.repo, env: trial.env });
  const sinceMs = Date.parse(due[0] ?? "") - DAY_MS;
  await app.ledger.store.markSchedule("monthly", { timing: `${CRON} UTC`, sinceMs });
  await app.close();
  return trial;
};

/** The real command line, until nothing is to be done or it is struck. */
const work = async (trial: Trial, boundaries?: object): Promise<string | null> => {
  const watched = boundaries === undefined ? [] : ["--import", boundariesModule];
  const child = spawn(process.execPath, [...watched, built.bin, "worker", "--once"], {
    cwd: trial.repo,
    env: { ...trial.env, ...(boundaries && { TEST_BOUNDARIES: JSON.stringify(boundaries) }) },
    stdio: "ignore",
    timeout: 90_000,
    killSignal: "SIGTERM",
  });
  const [code, signal] = await once(child, "close");
  return signal ?? String(code);
};

/** What was begun for which due time, and what became of it. */
const begun = async (trial: Trial): Promise<readonly string[]> => {
  const app = await openRunLedger({ projectDir: trial.repo, env: trial.env });
  try {
    const rows = await app.ledger.list({ limit: 100 });
    const runs = await Promise.all(rows.map(({ runId }) => app.ledger.load(runId)));
    return runs.map(({ originalRequest, state }) => `${originalRequest}: ${state.status}`).sort();
  } finally {
    await app.close();
  }
};

/** All that a worker does until it drives the first of the runs, while it begins them among others. */
const actsOfBeginning = async (): Promise<number> => {
  const trial = await awayFor();
  try {
    const trace = join(trial.place, "trace");
    expect(await work(trial, { trace })).toBe("0");
    const acts = linesOf(trace).map((line) => JSON.parse(line) as Boundary);
    return acts.findIndex(({ act }) => act.startsWith("sql insert into leases"));
  } finally {
    await trial.close();
  }
};

describe(`a worker that is killed while it begins what was due (seed ${sweepSeed})`, () => {
  it(
    "leaves one run for each due time, whoever of two others goes on",
    async () => {
      const acts = await actsOfBeginning();
      expect(acts).toBeGreaterThan(20);
      const blows = Array.from({ length: acts }, (_, index) =>
        (["before", "within"] as const).map((how) => ({ at: index + 1, how })),
      ).flat();
      const faults: string[] = [];
      let kills = 0;
      const struck = sliceOf(blows, sweepSize(blows.length, 5));
      for (const blow of struck) {
        const trial = await awayFor();
        try {
          const mark = join(trial.place, "mark");
          await work(trial, { ...blow, mark });
          kills += existsSync(mark) ? 1 : 0;
          const ends = await Promise.all([work(trial), work(trial)]);
          const found = await begun(trial);
          const wanted = due.map((at) => `schedule monthly, due ${at}: completed`);
          if (JSON.stringify(found) !== JSON.stringify(wanted) || ends.some((end) => end !== "0"))
            faults.push(`${JSON.stringify(blow)}: ${ends} ${JSON.stringify(found)}`);
        } finally {
          await trial.close();
        }
      }
      figure("schedules", kills, faults.length, `schedules (${struck.length} of ${blows.length} blows)`);
      expect(faults).toEqual([]);
      expect(kills).toBeGreaterThan(struck.length / 2);
    },
    SWEEP_MS,
  );
});
