import { readdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { planOfSteps, stepBy } from "../helpers/bench.js";
import { buildPackage } from "../helpers/built.js";
import { figure } from "../helpers/figures.js";
import {
  type Blow,
  type Boundary,
  type Ended,
  judgeOf,
  leftoversOf,
  linesOf,
  type Outcome,
  openTrial,
  outcomeOf,
  processesOf,
  strike,
  type Tally,
  type Trial,
  tallyOf,
  trialFiles,
  type Way,
} from "../helpers/kills.js";
import { makeSample, type Sample } from "../helpers/project.js";
import { randomFrom, SWEEP_MS, sliceOf, sweepSeed, sweepSize, wholeSweeps } from "../helpers/sweep.js";

/** A plan, every boundary on the way of an undisturbed run of it, and what that comes to. */
type Story = {
  readonly library: string;
  readonly template: string;
  readonly boundaries: readonly Boundary[];
  readonly outcome: Outcome;
};

let built: ReturnType<typeof buildPackage>;
const samples: Sample[] = [];
/** One step and one criterion, so that its boundaries can all be visited. */
let short: Story;
/** Two steps at once, a third that builds on both and is refused the first time; no criterion. */
let long: Story;
/** The short one, by a host that calls tools. */
let told: Story;
/** One step that two candidates race for, both of whom do it right. */
let raced: Story;

beforeAll(async () => {
  built = buildPackage();
  const acceptance_criteria = [
    { description: "it is whole", validator: { type: "command_pass", target: judgeOf("whole") } },
  ];
  const oneStep = { ...planOfSteps(stepOf("a")), acceptance_criteria };
  short = await storyOf(oneStep);
  told = await storyOf(oneStep, "tools");
  raced = await storyOf(planOfSteps(stepOf("a", { candidates: 2 })));
  long = await storyOf(planOfSteps(stepOf("a"), stepOf("b"), stepOf("late", { depends_on: ["a", "b"] })));
}, SWEEP_MS);
afterAll(async () => {
  built.remove();
  for (const shop of samples) await shop.dispose();
});

const stepOf = (id: string, over = {}) => stepBy(id, judgeOf(id), over);

const storyOf = async (plan: unknown, as: Way = "resume"): Promise<Story> => {
  const shop = await makeSample(trialFiles(plan));
  samples.push(shop);
  const place = { library: built.library, template: shop.repo };
  const trial = await openTrial(place.library, place.template);
  try {
    const trace = join(trial.place, "trace");
    expect(await trial.work(as, { trace })).toMatchObject({ code: 0 });
    const { faults, ...outcome } = await outcomeOf(trial);
    expect(faults).toEqual([]);
    return { ...place, boundaries: linesOf(trace).map((line) => JSON.parse(line) as Boundary), outcome };
  } finally {
    await trial.close();
  }
};

type Endured = {
  readonly hits: readonly Boundary[];
  /** What was not as it should be. */
  readonly faults: readonly string[];
  /** Who was left behind and saw it. */
  readonly orphans: readonly string[];
};

type Trying = {
  /** Seen right after each blow, before anybody goes on. */
  readonly atOnce?: (trial: Trial, ended: Ended) => readonly string[];
  /** What shall be as in the undisturbed run; everything when not given. */
  readonly same?: (outcome: Outcome) => Partial<Outcome>;
};

/** Strikes one process after the other, lets the last one finish, and looks at everything. */
const endure = async (
  story: Story,
  blows: readonly Blow[],
  as: Way,
  { atOnce = wasKilled, same = (outcome) => outcome }: Trying = {},
): Promise<Endured> => {
  const trial = await openTrial(story.library, story.template);
  const hits: Boundary[] = [];
  const faults: string[] = [];
  const blame = (more: readonly string[]): void => {
    const where = hits.map(({ act, phase }, n) => `${JSON.stringify(blows[n])} (${phase}: ${act})`);
    faults.push(...more.map((fault) => `after ${where.join(", ")}, going on by ${as}: ${fault}`));
  };
  try {
    let before = tallyOf(trial);
    for (const blow of blows) {
      const { ended, where } = await strike(trial, as, blow);
      if (where === undefined) break;
      hits.push(where);
      blame(atOnce(trial, ended));
      blame(repeated(before, tallyOf(trial), true));
      before = tallyOf(trial);
    }
    const { code, said } = await trial.work(as);
    if (code !== 0) blame([`who went on ended by ${code}: ${said}`]);
    blame(repeated(before, tallyOf(trial), false));
    blame(leftBehind(trial));
    blame(differences(await outcomeOf(trial), same(story.outcome)));
  } catch (error) {
    blame([String(error)]);
  }
  const orphans = linesOf(join(trial.place, "orphans"));
  await trial.close();
  return { hits, faults, orphans };
};

const wasKilled = (_: Trial, { signal, code, said }: Ended): string[] =>
  signal === "SIGKILL" ? [] : [`it was not killed, but ended by ${code}: ${said}`];

/** Asked to stop, it leaves nothing but work that was not proposed yet. */
const atRest = (trial: Trial, { code, said }: Ended): string[] => {
  const { holders, events } = tallyOf(trial);
  const workspaces = readdirSync(join(trial.place, "state/runledger/workspaces"));
  return [
    ...(code === 0 ? [] : [`it ended by ${code}: ${said}`]),
    ...leftBehind(trial).filter((left) => !workspaces.some((id) => left.includes(id))),
    ...holders.map((holder) => `${holder} still holds the lease`),
    ...(events.some(({ type }) => type === "worker_lost") ? ["it counts as lost"] : []),
  ];
};

/** It may go on, or give up; but by itself, and so that it says why. */
const wentOn = (_: Trial, { signal, code, said }: Ended): string[] =>
  signal === null && (code === 0 || /git_failed/.test(said))
    ? []
    : [`it ended by ${signal ?? code}: ${said}`];

/** In the life of one process: no more work than it started or found open, no more judging than it recorded or broke off. */
const repeated = (before: Tally, after: Tally, killed: boolean): string[] => {
  const grown = (of: (tally: Tally) => number): number => of(after) - of(before);
  return [...new Set([...after.agents, ...after.judges])].flatMap((step) => {
    const eventsOfStep = ({ events }: Tally) => events.filter(({ stepId }) => (stepId ?? "whole") === step);
    const count = (tally: Tally, types: RegExp) =>
      eventsOfStep(tally).filter(({ type }) => types.test(type)).length;
    const worked = after.agents.filter((one) => one === step).length;
    const judged = after.judges.filter((one) => one === step).length;
    const started = grown((tally) => count(tally, /^step_started$/));
    const verdicts = grown((tally) => count(tally, /^(step_validation_|criterion_)/));
    const open = Math.max(
      0,
      count(before, /^step_started$/) - count(before, /^step_(result_proposed|interrupted)$/),
    );
    const settled = count(before, /^(step_validation_passed|criterion_met)$/) > 0;
    const judgedMost = settled ? 0 : verdicts + (killed ? 1 : 0);
    return [
      ...(worked > started + open
        ? [`"${step}" was worked on ${worked} times, started ${started} times`]
        : []),
      ...(judged > judgedMost ? [`"${step}" was judged ${judged} times for ${verdicts} verdicts`] : []),
    ];
  });
};

const leftBehind = (trial: Trial): string[] => [
  ...processesOf(trial).map((line) => `still alive: ${line}`),
  ...leftoversOf(trial).map((path) => `still there: ${path}`),
];

const differences = (
  { faults, ...now }: Outcome & { faults: readonly string[] },
  then: Partial<Outcome>,
): string[] => [
  ...faults,
  ...Object.entries(then).flatMap(([name, value]) => {
    const found = JSON.stringify(now[name as keyof Outcome]);
    return found === JSON.stringify(value) ? [] : [`${name}: ${found} instead of ${JSON.stringify(value)}`];
  }),
];

/** As many at a time as there are processors. */
const sweep = async <T>(
  what: string,
  items: readonly T[],
  one: (item: T, index: number) => Promise<Endured>,
) => {
  const all: Endured[] = [];
  const left = [...items.entries()];
  const next = async (): Promise<void> => {
    for (let entry = left.shift(); entry !== undefined; entry = left.shift())
      all.push(await one(entry[1], entry[0]));
  };
  await Promise.all(Array.from({ length: availableParallelism() }, next));
  const hits = all.flatMap((endured) => endured.hits);
  const faults = all.flatMap((endured) => endured.faults);
  figure("orchestrators", hits.length, faults.length, `${what} (${all.length} runs)`);
  return {
    hits,
    phases: new Set(hits.map(({ phase }) => phase)),
    orphans: new Set(all.flatMap((endured) => endured.orphans)),
    faults,
  };
};

const random = randomFrom(sweepSeed);
const oneOf = <const T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T;
const kill = () => ({ how: oneOf(["before", "within", "together"]), delayMs: random() * 4 });

/** How many acts there are before it differs from run to run, but less so within its phase. */
const placeOf = ({ boundaries }: Story, { phase, number }: Boundary) => {
  const before = boundaries.filter((one) => one.phase === phase && one.number < number);
  return { phase, at: before.length + 1 };
};
const asked = (index: number) => (index % 2 === 0 ? "resume" : "worker");

const PHASES = [
  "run being made",
  "workspace being made",
  "step started",
  "agent running",
  "being captured",
  "captured",
  "room built",
  "validator running",
  "judged",
  "verdict written, head moved",
  "run completing",
];

/** A phase of one or two acts is now and then over before a slice strikes in it; no phase escapes a whole sweep. */
const reached = (phases: readonly string[]): number => phases.length - (wholeSweeps ? 0 : 2);

/** Some of each phase, all of them in a whole sweep. */
const spread = ({ boundaries }: Story, phases: readonly string[], perPhase: number): readonly Boundary[] =>
  phases.flatMap((phase) => {
    const all = boundaries.filter((boundary) => boundary.phase === phase);
    return sliceOf(all, sweepSize(all.length, perPhase));
  });

describe(`kill -9 of an orchestrator (seed ${sweepSeed})`, () => {
  it(
    "at every boundary of a run: whoever goes on ends it as if nothing had happened",
    async () => {
      const { phases, orphans, faults } = await sweep(
        "every boundary",
        spread(short, PHASES, 2),
        (boundary, index) => endure(short, [{ ...placeOf(short, boundary), ...kill() }], asked(index)),
      );
      expect(faults).toEqual([]);
      expect(phases.size).toBeGreaterThanOrEqual(reached(PHASES));
      // Who lost its parent tells of it only when nobody ends it first; in a slice that may be so of all judges.
      expect(orphans).toContain("agent");
      if (wholeSweeps) expect(orphans).toContain("judge");
    },
    SWEEP_MS,
  );

  it(
    "and of whoever goes on, again and again, with several steps under way",
    async () => {
      const trials = Array.from({ length: sweepSize(60, 4) }, () =>
        [0.9, 0.7, 0.5].map((part) => ({
          at: 1 + Math.floor(random() * part * long.boundaries.length),
          ...kill(),
        })),
      );
      const { hits, faults } = await sweep("one after the other", trials, (blows, index) =>
        endure(long, blows, asked(index)),
      );
      expect(faults).toEqual([]);
      expect(hits.length).toBeGreaterThan(trials.length);
    },
    SWEEP_MS,
  );

  it(
    "that hosts agents who call tools: what it says again is not done again",
    async () => {
      expect(told.outcome).toEqual(short.outcome);
      const struck = sliceOf(told.boundaries, sweepSize(60, 5));
      const { hits, faults } = await sweep("tools", struck, (boundary) =>
        endure(told, [{ ...placeOf(told, boundary), ...kill() }], "tools"),
      );
      expect(faults).toEqual([]);
      expect(hits.length).toBeGreaterThan(struck.length / 2);
    },
    SWEEP_MS,
  );
});

describe(`kill -9 of an orchestrator in the middle of a race (seed ${sweepSeed})`, () => {
  it(
    "one candidate wins, the head moves once, and nothing of the others stays",
    async () => {
      const struck = sliceOf(raced.boundaries, sweepSize(80, 5));
      const { hits, faults } = await sweep("race", struck, (boundary, index) =>
        // Who wins, and who is cancelled before it even began, is chance.
        endure(raced, [{ ...placeOf(raced, boundary), ...kill() }], asked(index), {
          same: ({ types: _, ...rest }) => rest,
        }),
      );
      expect(faults).toEqual([]);
      expect(hits.length).toBeGreaterThan(struck.length / 2);
    },
    SWEEP_MS,
  );
});

describe(`SIGTERM and SIGINT of an orchestrator (seed ${sweepSeed})`, () => {
  it(
    "stop it at any boundary of driving: nothing runs on, nobody counts as lost, and the run can be gone on with",
    async () => {
      const driving = PHASES.slice(1, -1);
      const struck = driving.flatMap((phase) => {
        const all = short.boundaries.filter((boundary) => boundary.phase === phase);
        return sliceOf(all, sweepSize(8, 1));
      });
      const { phases, faults } = await sweep("signals", struck, (boundary, index) => {
        const blow: Blow = {
          ...placeOf(short, boundary),
          how: "signal",
          signal: oneOf(["SIGTERM", "SIGINT"]),
        };
        return endure(short, [blow], asked(index), { atOnce: atRest });
      });
      expect(faults).toEqual([]);
      expect(phases.size).toBeGreaterThanOrEqual(reached(driving));
    },
    SWEEP_MS,
  );
});

describe(`kill -9 of a git that an orchestrator started (seed ${sweepSeed})`, () => {
  it(
    "wherever it happens: the step is not lost, and comes to the same",
    async () => {
      const act = "start git";
      const starts = short.boundaries.filter((boundary) => boundary.act.startsWith(act));
      const { hits, faults } = await sweep(
        "gits",
        sliceOf([...starts.keys()], sweepSize(starts.length, 6)),
        (before, index) => {
          const blow: Blow = { act, at: before + 1, how: "child", delayMs: random() * 4 };
          // An attempt or a judgement that failed for it is in the journal too.
          const same = ({ types: _, ...rest }: Outcome) => rest;
          return endure(short, [blow], asked(index), { atOnce: wentOn, same });
        },
      );
      expect(faults).toEqual([]);
      expect(new Set(hits.map((hit) => hit.act)).size).toBeGreaterThan(1);
    },
    SWEEP_MS,
  );
});
