import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { fold } from "../../src/core/evolve.js";
import { nextActions } from "../../src/core/next.js";
import { awaitsApproval, isTerminal } from "../../src/core/run.js";
import type { AgentFunction, Command, Run } from "../../src/index.js";
import { isLedgerError } from "../../src/index.js";
import { planOfSteps, sample } from "../helpers/bench.js";
import * as cast from "../helpers/cast.js";
import { create, planOf, stepSpec } from "../helpers/cast.js";
import { barrier, began, pause, placesOf, resume, say } from "../helpers/driving.js";
import { collectGarbage } from "../helpers/garbage.js";
import { type Effect, expectLawful, namesOf, wholeFeed, wholeJournal } from "../helpers/journal-laws.js";
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
  const size = sweepSize(1_000, 100);

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

const PROCESSES = 4;
/** Runs that each of them drives at the same time. */
const MAX_RUNS = 2;
const NOTES = 5;

const started: ChildProcess[] = [];
afterEach(async () => {
  for (const child of started.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill("SIGKILL");
    await once(child, "exit");
  }
});

/** A worker of its own, which has created its share of the runs and waits for the word to race. */
const racer = async ({ repo, env }: Sample, effects: string, runs: number) => {
  const script = resolve("test/sweeps/many-worker.ts");
  const args = ["--import", "tsx", script, repo, effects, `${runs}`, `${MAX_RUNS}`];
  const child = spawn(process.execPath, args, { env, stdio: ["pipe", "pipe", "pipe"] });
  started.push(child);
  let said = "";
  child.stderr.on("data", (chunk: Buffer) => {
    said += chunk.toString();
  });
  await Promise.race([
    once(child.stdout, "data"),
    once(child, "exit").then(() => expect.unreachable(`it never was ready: ${said}`)),
  ]);
  return {
    go: () => void child.stdin.write("go\n"),
    /** How it ended: 0 when it had no trouble with any run. */
    ended: async (): Promise<string> => {
      child.stdin.end();
      const code = child.exitCode ?? child.signalCode ?? (await once(child, "exit"))[0];
      return `${code} ${said}`.trim();
    },
  };
};

/** A person at the terminal of one run: takes notes, pauses it once while an agent works, resumes and approves it. */
const attendTo = async (app: App, runId: string): Promise<void> => {
  let notes = 0;
  let paused = false;
  for (;;) {
    const run = await app.ledger.load(runId);
    if (isTerminal(run)) return;
    if (notes < NOTES) {
      notes += 1;
      await say(app, runId, { type: "write_note", key: `note ${notes}`, value: runId });
      continue;
    }
    const word = wordFor(run, paused);
    paused ||= word?.type === "pause_run";
    if (word === undefined) await app.ledger.changed(runId, run.seq, 1_000);
    else await unlessTooLate(say(app, runId, word));
  }
};

const wordFor = (run: Run, paused: boolean): Command | undefined => {
  const { state } = run;
  if (state.status === "paused") {
    // Nobody here asks for anything but a pause; whatever else stopped the run must not be waved through.
    expect(state).toMatchObject({ reason: "requested" });
    return resume;
  }
  if (!paused && run.steps.some((step) => step.state.status === "in_progress")) return pause;
  const waiting = run.steps.find(awaitsApproval);
  return waiting && { type: "approve_step", stepId: waiting.spec.id, reason: "fine" };
};

const unlessTooLate = async (said: Promise<unknown>): Promise<void> => {
  await said.catch((error: unknown) => {
    if (!isLedgerError(error) || error.kind !== "refused") throw error;
  });
};

describe("Very many runs at once", () => {
  const runs = sweepSize(50, 12);

  test(
    "raced for by four processes, noted, paused, resumed and approved meanwhile: none is lost, doubled or starved",
    async () => {
      const shop = await sample({ "a.txt": "a\n" });
      const effectsFile = join(shop.place, "effects");
      await writeFile(effectsFile, "");
      const shares = Array.from({ length: PROCESSES }, (_, index) => Math.floor((runs + index) / PROCESSES));
      const racers = await Promise.all(shares.map((share) => racer(shop, effectsFile, share)));
      const app = await shop.open();
      const runIds = (await app.list({ limit: 100 })).map(({ runId }) => runId).reverse();
      expect(runIds).toHaveLength(runs);
      for (const { go } of racers) go();
      await Promise.all(runIds.map((runId) => attendTo(app, runId)));
      expect(await Promise.all(racers.map(({ ended }) => ended()))).toEqual(racers.map(() => "0"));

      const effects = (await readFile(effectsFile, "utf8"))
        .split("\n")
        .filter(Boolean)
        .map((line) => JSON.parse(line) as Effect & { readonly pid: number });
      let told = 0;
      for (const runId of runIds) {
        const events = await expectLawful(app, runId, effects);
        told += events.length;
        const notes = events.flatMap((event) => (event.type === "note_written" ? [event.payload.key] : []));
        expect(notes).toEqual(Array.from({ length: NOTES }, (_, count) => `note ${count + 1}`));
        expect(namesOf(events, "approval_received")).toEqual(["signed"]);
        expect(namesOf(events, "run_paused")).toHaveLength(namesOf(events, "run_resumed").length);
        expect(namesOf(events, "worker_lost")).toEqual([]);
      }
      const feed = await wholeFeed(app);
      expect(feed).toHaveLength(told);
      expect(new Set(feed.map(({ position }) => position)).size).toBe(told);
      expect(new Set(effects.map(({ pid }) => pid)).size).toBeGreaterThan(1);
      for (const [at, overtaken] of overtakers(runIds, feed).entries())
        expect(overtaken, `run ${at} of ${runs}`).toBeLessThanOrEqual(PROCESSES * MAX_RUNS * 2);
      await expectNothingLeft(shop, app, runIds);
    },
    SWEEP_MS,
  );
});

/** For each run, oldest first: how many younger ones were begun before it. Who starves is overtaken by all. */
const overtakers = (
  runIds: readonly string[],
  feed: readonly { readonly runId: string; readonly type: string }[],
): number[] => {
  const begun = feed.flatMap(({ type, runId }) => (type === "step_started" ? [runId] : []));
  return runIds.map(
    (runId, at) =>
      new Set(begun.slice(0, begun.indexOf(runId)).filter((other) => runIds.indexOf(other) > at)).size,
  );
};
