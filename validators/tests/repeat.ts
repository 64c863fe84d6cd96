import type { TestPassSpec } from "../../src/core/spec.js";
import type { Judgement, TestsFound } from "../../src/core/verdict.js";
import { countsOf, outcomesOf, type TestReport } from "../reports/report.js";
import type { Room } from "../room.js";
import { named, naming } from "./names.js";
import { commandIn, execute, judgeRun, type TestRun } from "./run.js";

/** All runs of the tests, and what they say together. */
export type TestRuns = {
  readonly runs: readonly [TestRun, ...TestRun[]];
  readonly judgement: Judgement;
};

/**
 * As many runs as the plan demands, each of which must pass with the same tests. A first run that fails is made once more:
 * tests that pass on the second try are the flaky ones, and whoever mends them should be told so.
 */
export const runTests = async (spec: TestPassSpec, room: Room): Promise<TestRuns | Judgement> => {
  const { repeat = 1 } = spec.params;
  const first = await runOnce(spec, room);
  if ("outcome" in first) return first;
  const runs: [TestRun, ...TestRun[]] = [first];
  let judgement = judgeOf(runs, spec);
  while (runs.length < repeat && mayGoOn(runs, judgement)) {
    const next = await runOnce(spec, room);
    if ("outcome" in next) return next;
    runs.push(next);
    judgement = judgeOf(runs, spec);
    if (judgement.outcome !== "passed") break;
  }
  const inEach = repeat > 1 && judgement.outcome === "passed" ? `In each of ${repeat} runs: ` : "";
  return { runs, judgement: { ...judgement, message: `${inEach}${judgement.message}`, tests: toldOf(runs) } };
};

/** The last run decides, unless the runs do not agree. */
const judgeOf = (runs: TestRuns["runs"], { params }: TestPassSpec): Judgement => {
  const judged = runs.map((run) => judgeRun(run, params));
  const last = judged.at(-1) as Judgement;
  if (params.repeat === undefined) return last;
  const reports = runs.map(({ report }) => report);
  const flaky = flakyTests(reports);
  // What a failed run printed says more than what a good one did.
  const shown = judged.find(({ outcome }) => outcome !== "passed") ?? last;
  if (flaky.length > 0)
    return naming("flaky", `Within ${runs.length} runs these had different outcomes`, flaky, shown);
  const retried = last.outcome === "passed" ? retriedIn(reports) : [];
  return retried.length === 0 ? last : naming("flaky", "These passed only on a second try", retried, shown);
};

const runOnce = async (spec: TestPassSpec, room: Room): Promise<TestRun | Judgement> => {
  const command = await commandIn(spec, room);
  return "outcome" in command ? command : execute(command, room);
};

/** One that was stopped, or that told nothing, tells no more the second time. */
const mayGoOn = ([first]: TestRuns["runs"], { outcome }: Judgement): boolean =>
  outcome === "passed" || (first.execution.exitCode !== null && first.report !== undefined);

/** Tests that passed in one run and did something else, or nothing at all, in another. */
const flakyTests = (reports: Reports): readonly string[] => {
  const readable = reports.filter((report) => report !== undefined);
  const outcomes = readable.map(outcomesOf);
  const ids = new Set(outcomes.flatMap((of) => [...of.keys()]));
  return [...ids].filter((id) => new Set(outcomes.map((of) => of.get(id))).size > 1);
};

const toldOf = (runs: TestRuns["runs"]): TestsFound => ({
  runs: runs.map(({ execution: { exitCode, durationMs, log }, report }) => ({
    exitCode,
    counts: report === undefined ? null : countsOf(report),
    durationMs,
    log,
  })),
  turnedGreen: null,
  retried: named(retriedIn(runs.map(({ report }) => report))),
  canary: null,
  heldOut: null,
});

/** Tries of one runner are runs too, so a plan that wants several that agree wants no second tries. */
const retriedIn = (reports: Reports): readonly string[] => {
  const retried = reports.flatMap((report) => report?.tests.filter((test) => test.retried) ?? []);
  return [...new Set(retried.map(({ id }) => id))];
};

type Reports = readonly (TestReport | undefined)[];
