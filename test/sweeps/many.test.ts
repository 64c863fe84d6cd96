import { readdirSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import { fold } from "../../src/core/evolve.js";
import { nextActions } from "../../src/core/next.js";
import { isTerminal } from "../../src/core/run.js";
import type { AgentFunction, Run } from "../../src/index.js";
import { planOfSteps, sample } from "../helpers/bench.js";
import * as cast from "../helpers/cast.js";
import { create, planOf, stepSpec } from "../helpers/cast.js";
import { barrier, began, placesOf } from "../helpers/driving.js";
import { type Effect, expectLawful, namesOf, wholeJournal } from "../helpers/journal-laws.js";
import { openedIn, openedOn } from "../helpers/ledgers.js";
import type { Sample } from "../helpers/project.js";
import { doing } from "../helpers/stories.js";
import { randomFrom, SWEEP_MS, sweepSeed, sweepSize } from "../helpers/sweep.js";

const SHAPES = {
  "a long chain": (index: number) => (index === 0 ? [] : [index - 1]),
  "a wide fan": (index: number) => (index === 0 ? [] : [0]),
  "layers of ten": (index: number) =>
    index < 10 ? [] : Array.from({ length: 10 }, (_, at) => Math.floor(index / 10 - 1) * 10 + at),
} as const satisfies Record<string, (index: number) => readonly number[]>;
type Shape = keyof typeof SHAPES;

const idOf = (index: number): string => `s${index}`;
const needsOf = (shape: Shape, index: number): string[] => SHAPES[shape](index).map(idOf);

/** Steps that are judged by a file, so that what is measured is the orchestrator. */
const fileSteps = (shape: Shape, size: number, fileOf: (id: string) => object) =>
  Array.from({ length: size }, (_, index) => ({
    id: idOf(index),
    goal: `Do ${index}`,
    owner_agent: "coder",
    depends_on: needsOf(shape, index),
    validator: { type: "artifact_exists", ...fileOf(idOf(index)) },
  }));

const collectGarbage = (): void => {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
};

const heapMb = (): number => {
  collectGarbage();
  return process.memoryUsage().heapUsed / 2 ** 20;
};

const SHARED = "runLedger: { workspaceIsolation: false }\n";

/** One run of so many steps in the project folder itself: no git, no processes. Answers how much memory it took at most. */
const longRun = async (shape: Shape, size: number): Promise<number> => {
  const shop = await sample({ "a.txt": "a\n", "runledger.yaml": SHARED });
  const effects: Effect[] = [];
  const before = heapMb();
  let most = 0;
  const app = await shop.open({
    coder: ({ runId, stepId, attempt }) => {
      effects.push({ runId, stepId, attempt });
      // Ten looks are enough to see what grows, and few enough not to be the work.
      if (effects.length % (size / 10) === 0) most = Math.max(most, heapMb() - before);
      return "done";
    },
  });
  const steps = fileSteps(shape, size, () => ({ target: "a.txt", params: { changed: false } }));
  const runId = await began(app, planOfSteps(...steps));
  await app.drive(runId);
  const events = await expectLawful(app, runId, effects);
  // Created, planned, three events a step, completed: not one more.
  expect(events).toHaveLength(2 + size * 3 + 1);
  const position = new Map(namesOf(events, "step_validation_passed").map((id, at) => [id, at]));
  const order = namesOf(events, "step_started");
  for (const [at, id] of order.entries())
    for (const need of needsOf(shape, Number(id.slice(1)))) expect(position.get(need)).toBeLessThan(at);
  await expectNothingLeft(shop, app, [runId]);
  return most;
};

type App = Awaited<ReturnType<Sample["open"]>>;

const expectNothingLeft = async (shop: Sample, app: App, runIds: readonly string[]): Promise<void> => {
  for (const runId of runIds) expect(await app.ledger.store.leaseOf(runId)).toBeUndefined();
  expect(await placesOf(app)).toEqual([]);
  expect(foldersIn(join(shop.place, "state", "runledger", "workspaces"))).toEqual([]);
};

const foldersIn = (folder: string): string[] => {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
};

describe("A plan of very many steps", () => {
  const size = sweepSize(1_000, 200);

  test.each(Object.keys(SHAPES) as Shape[])(
    "in the shape of %s: each is started, proposed and judged once, in order, and nothing is left",
    async (shape) => {
      await longRun(shape, size);
    },
    SWEEP_MS,
  );

  /** A run in memory is as large as its plan and its verdicts; ten times the steps may take ten times as much. */
  const TIMES_MAX = 10;
  /** What libraries and caches take by the way. */
  const EXTRA_MB = 16;

  test(
    "takes memory for its steps, not for each pair of them",
    async () => {
      const small = await longRun("a wide fan", size / 10);
      const large = await longRun("a wide fan", size);
      expect(large).toBeLessThan(Math.max(small, 1) * TIMES_MAX + EXTRA_MB);
    },
    SWEEP_MS,
  );

  test(
    "whatever its agents and judges do: the fold, the snapshot and what was decided are the same",
    async () => {
      const next = randomFrom(sweepSeed);
      const { ledger, store, tell } = await openedIn(":memory:");
      const steps = Array.from({ length: size }, (_, index) =>
        stepSpec(idOf(index), { maxRetries: 20, dependsOn: needsOf("layers of ten", index) }),
      );
      let { run } = await tell("run_1", create(planOf(steps)));
      let looks = 0;
      while (!isTerminal(run)) {
        run = (await tell("run_1", moveOf(run, next))).run;
        if (run.seq % (size / 2) > 1) continue;
        looks += 1;
        expect(await openedOn(store).ledger.load("run_1"), `seed ${sweepSeed}`).toEqual(run);
      }
      const events = await wholeJournal({ ledger }, "run_1");
      expect(fold(events), `seed ${sweepSeed}`).toEqual(run);
      expect(JSON.parse(JSON.stringify(run))).toEqual(run);
      expect(looks).toBeGreaterThan(4);
      expect((await store.readSnapshot("run_1"))?.seq).toBe(run.seq);
    },
    SWEEP_MS,
  );
});

/** What is due, with some failures among it; a paused run goes on, a step out of retries is skipped. */
const moveOf = (run: Run, next: () => number): cast.Said => {
  if (run.state.status === "paused") return cast.resume();
  const actions = nextActions(run);
  const action = actions[Math.floor(next() * actions.length)];
  if (action === undefined) throw new Error(`seed ${sweepSeed}: nothing is due at ${run.seq}`);
  if (action.kind === "decide_policy")
    return cast.policy(action.stepId, next() < 0.9 ? cast.retry : cast.skip);
  return doing(run, action, next() < 0.2 ? 3 : 9);
};

describe("Very many steps at once", () => {
  const size = sweepSize(200, 40);

  test(
    "are really at work together, are judged one after the other, and every commit is in the head",
    async () => {
      const shop = await sample({ "a.txt": "a\n", "runledger.yaml": `maxParallelSteps: ${size}\n` });
      const together = barrier(size);
      const effects: Effect[] = [];
      const work: AgentFunction = async ({ runId, stepId, attempt, workspace }) => {
        effects.push({ runId, stepId, attempt });
        // Nobody gets through unless all are at work at once.
        await together();
        await writeFile(join(workspace, `${stepId}.txt`), stepId);
        return "written";
      };
      const app = await shop.open({ coder: work });
      const steps = Array.from({ length: size }, (_, index) => ({
        ...fileSteps("a long chain", 1, () => ({ target: `${idOf(index)}.txt` }))[0],
        id: idOf(index),
      }));
      const runId = await began(app, planOfSteps(...steps));
      await app.drive(runId);
      const events = await expectLawful(app, runId, effects);
      const verdicts = events.flatMap((event) =>
        event.type === "step_validation_passed" ? [event.payload.verdict] : [],
      );
      expect(new Set(verdicts.map(({ commit }) => commit)).size).toBe(size);
      await expectNothingLeft(shop, app, [runId]);
      await app.apply(runId);
      expect(readdirSync(shop.repo).filter((name) => /^s\d+\.txt$/.test(name))).toHaveLength(size);
    },
    SWEEP_MS,
  );
});
