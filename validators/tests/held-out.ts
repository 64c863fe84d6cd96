import type { TestPassSpec } from "../../src/core/spec.js";
import { isTestFile } from "../../src/core/test-names.js";
import type { HeldOutFound, Judgement } from "../../src/core/verdict.js";
import { errored, failed } from "../judgement.js";
import { lostTests, newlySkippedTests } from "../reports/compare.js";
import { countsOf, idsWith, type TestReport } from "../reports/report.js";
import type { HeldOutLaid, Room } from "../room.js";
import { asBaseRun, type BaseRun, runAtBase, untroubled } from "./base.js";
import { counted, named } from "./names.js";
import { turnedGreen } from "./red-before-green.js";
import { commandIn, execute, judgeRun, type TestRun } from "./run.js";

/** What came of the tests that agents never see. Their names stand in `found` alone, which agents do not get either. */
export type HeldOutRun = { readonly found: HeldOutFound; readonly refusal: Judgement | undefined };

/**
 * Laid over the tree after the visible tests have passed, and run on their own: what they print is in a log of their own too.
 * Undefined where the plan names none.
 */
export const runHeldOut = async (
  spec: TestPassSpec,
  room: Room,
): Promise<HeldOutRun | undefined | Judgement> => {
  if (spec.params.heldOut === undefined) return undefined;
  const laid = await room.layHeldOut();
  if (laid === undefined)
    return errored("room_failed", "The held-out tests cannot be laid into this room.", HINT);
  // Without a file to name, all tests would run, and pass for those that nobody may see.
  if (testsIn(laid).length === 0)
    return errored("room_failed", `No file in ${laid.folder} is a test by its name.`, NAMES_HINT);
  const base = await untroubled(async () =>
    asBaseRun(await room.cachedAtBase((at) => baseOf(spec, laid, at), laid.digest)),
  );
  if (base !== undefined && "outcome" in base) return withheld(base);
  const command = await commandIn(spec, room, testsIn(laid));
  if ("outcome" in command) return withheld(command);
  return judged(spec, laid, await execute(command, room), base);
};

/** What the tests printed, and how they are called, stays out of what agents read. */
const withheld = (judgement: Judgement): Judgement => ({
  ...judgement,
  command: null,
  missing: [],
  tail: "",
  log: null,
});

const HINT = "Held-out tests need workspace isolation, and a test runner whose report can be read.";

const NAMES_HINT =
  "Call them as runners look for them by default (sum.test.mjs, test_sum.py, sum_test.go, tests/sum.rs, SumTest.java).";

const baseOf = async (spec: TestPassSpec, laid: HeldOutLaid, base: Room): Promise<BaseRun | null> => {
  await base.layHeldOut();
  return runAtBase(spec, base, testsIn(laid));
};

const judged = (
  spec: TestPassSpec,
  { folder, digest, paths }: HeldOutLaid,
  run: TestRun,
  base: BaseRun | undefined,
): HeldOutRun | Judgement => {
  const { report, execution } = run;
  const toolchain = spec.params.toolchain === undefined ? {} : { toolchain: spec.params.toolchain };
  const judgement = judgeRun(run, toolchain);
  if (judgement.outcome === "errored") return withheld(judgement);
  const ranAtBase =
    base?.report == null ? false : base.report.tests.length + base.report.brokenFiles.length > 0;
  if (judgement.reason === "zero_tests" && !ranAtBase)
    return errored("room_failed", `The test runner finds no test among those of ${folder}.`, HINT);
  if (report === undefined && judgement.outcome === "passed")
    return errored("room_failed", "Whether the held-out tests ran is unknown.", HINT);
  const wrong = report === undefined ? [] : wrongIn(report, base);
  const found: HeldOutFound = {
    folder,
    digest,
    files: paths.length,
    counts: report === undefined ? null : countsOf(report),
    turnedGreen: report === undefined || base === undefined ? null : turnedGreen(base, report).length,
    wrong: named(wrong),
    log: execution.log,
  };
  return { found, refusal: refusalOf(judgement, found) };
};

const wrongIn = (report: TestReport, base: BaseRun | undefined): readonly string[] => {
  const before = base?.report ?? { tests: [], brokenFiles: [] };
  const wrong = [...idsWith(report, "failed"), ...report.brokenFiles];
  return [...new Set([...wrong, ...lostTests(before, report), ...newlySkippedTests(before, report)])];
};

/** Says how many and never which. */
const refusalOf = ({ outcome, reason }: Judgement, { wrong }: HeldOutFound): Judgement | undefined => {
  if (outcome === "passed" && wrong.count === 0) return undefined;
  const many =
    wrong.count === 0 ? "the held-out tests did not" : `${counted(wrong.count, "held-out test")} did not`;
  return failed(outcome === "passed" ? "tests_lost" : reason, `The visible tests pass, but ${many}.`, {
    hint: "Work to what the step asks for in general: these tests are not shown to agents. People see them in the verdict.",
  });
};

/** Files that are tests by their names, in the words of all runners; helpers lie beside them. */
const testsIn = ({ paths }: HeldOutLaid): readonly string[] => paths.filter((path) => isTestFile(path));
