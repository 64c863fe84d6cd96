import type { TestPassSpec } from "../src/core/spec.js";
import type { Judgement, TestsFound } from "../src/core/verdict.js";
import { lostTests, newlySkippedTests } from "./reports/compare.js";
import type { TestReport } from "./reports/report.js";
import type { Finding, Room, Validator } from "./room.js";
import { type BaseRun, baseRun } from "./tests/base.js";
import { canaryOf } from "./tests/canary.js";
import { runHeldOut } from "./tests/held-out.js";
import { counted, named, naming } from "./tests/names.js";
import { redOfItsOwn, turnedGreen } from "./tests/red-before-green.js";
import { runTests } from "./tests/repeat.js";
import type { TestRun } from "./tests/run.js";
import type { TestCommand } from "./toolchains/command.js";

// An exit code alone proves nothing: tests must have run by the runner's own report, and none that ran at the base may
// be gone or skipped.
export const testPass: Validator<TestPassSpec> = async (spec, room) => {
  const ran = await runTests(spec, room);
  if ("outcome" in ran) return ran;
  const { runs, judgement } = ran;
  return judgement.outcome === "passed" ? comparedWithBase(spec, runs[0], judgement, room) : judgement;
};

/** The proposal's own run has passed; it must also say no less than the run at the base. */
const comparedWithBase = async (
  spec: TestPassSpec,
  run: TestRun,
  own: Judgement,
  room: Room,
): Promise<Finding> => {
  const base = await baseRun(spec, room);
  if (base !== undefined && "outcome" in base) return withTests(base, own);
  const worse = base?.report == null ? undefined : lessThan(base.report, run, own);
  if (worse !== undefined) return worse;
  const held = await runHeldOut(spec, room);
  if (held !== undefined && "outcome" in held) return withTests(held, own);
  const heldOut = held?.found ?? null;
  const shown = withFound(own, { heldOut });
  if (held?.refusal !== undefined) return refusedBy(held.refusal, shown);
  const green = await greenIn(spec, run, base, { room, alreadyRed: (heldOut?.turnedGreen ?? 0) > 0 });
  if (green !== undefined && "outcome" in green) return refusedBy(green, shown);
  const canary = await canaryOf(spec, run, green ?? [], room);
  if (typeof canary !== "string") return { ...withTests(canary, shown), counts: own.counts };
  const turnedGreen = green === undefined ? null : named(green);
  const told = inWords(withFound(shown, { turnedGreen, canary }));
  if (base?.report == null) return { ...told, message: `${told.message} ${NOT_COMPARED}` };
  return { ...told, judgedBy: await changedTestFiles(base.report, run.command, room) };
};

const NOT_COMPARED = "There is no readable report of the base to compare with.";

/** What was red before; a judgement where the plan demands some and there is none. */
const greenIn = async (
  spec: TestPassSpec,
  run: TestRun,
  base: BaseRun | undefined,
  { room, alreadyRed }: { readonly room: Room; readonly alreadyRed: boolean },
): Promise<readonly string[] | undefined | Judgement> => {
  const { report } = run;
  const green = base === undefined || report === undefined ? undefined : turnedGreen(base, report);
  const proven = !spec.params.redBeforeGreen || alreadyRed || (green !== undefined && green.length > 0);
  return proven ? green : redOfItsOwn(spec, run, base, room);
};

/** Tests of the base that are gone or skipped; undefined when there are none. */
const lessThan = (base: TestReport, { report }: TestRun, own: Judgement): Judgement | undefined => {
  // Without a report now, every test of the base is lost: a test script must not become one that nobody can read.
  const lost = lostTests(base, report ?? { tests: [], brokenFiles: [] });
  if (lost.length > 0) return naming("tests_lost", "Tests of the base did not run", lost, own);
  const skipped = report === undefined ? [] : newlySkippedTests(base, report);
  if (skipped.length > 0) return naming("tests_skipped", "Tests of the base are skipped now", skipped, own);
  return undefined;
};

/** What could not be run has a command and a tail of its own; else the proposal's own run stays told. */
const refusedBy = (refusal: Judgement, own: Judgement): Judgement => {
  const { outcome, reason, message, hint } = refusal;
  if (outcome === "errored") return withTests(refusal, own);
  return { ...own, outcome, reason, message, ...(hint === undefined ? {} : { hint }) };
};

const withTests = (judgement: Judgement, { tests }: Judgement): Judgement =>
  tests === undefined ? judgement : { ...judgement, tests };

const withFound = (own: Judgement, found: Partial<TestsFound>): Judgement =>
  own.tests === undefined ? own : { ...own, tests: { ...own.tests, ...found } };

/** The message of a pass, with what is worth a look. */
const inWords = (own: Judgement): Judgement => {
  if (own.tests === undefined) return own;
  const { retried, turnedGreen, heldOut } = own.tests;
  const words = [
    own.message,
    ...(retried.count === 0 ? [] : [`${retried.count} passed only on a second try.`]),
    ...(turnedGreen === null || turnedGreen.count === 0
      ? []
      : [`${counted(turnedGreen.count, "test")} turned green.`]),
    ...(heldOut?.counts == null ? [] : [`${counted(heldOut.counts.passed, "held-out test")} passed.`]),
  ];
  return { ...own, message: words.join(" ") };
};

/** Files that held tests at the base, ran or not, and are not what they were. */
const changedTestFiles = async (
  { tests, brokenFiles }: TestReport,
  { isSource = (path, file) => path === file }: TestCommand,
  room: Room,
): Promise<readonly string[]> => {
  const files = [...new Set([...tests.map(({ file }) => file), ...brokenFiles])];
  const changed = (await room.changedFiles()).filter(({ change }) => change !== "added");
  const paths = changed.map(({ path, from = path }) => from);
  return paths.filter((path) => files.some((file) => isSource(path, file)));
};
