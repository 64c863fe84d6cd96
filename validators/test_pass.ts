import { PATHS_LISTED } from "../src/core/limits.js";
import type { TestPassSpec } from "../src/core/spec.js";
import type { Judgement, VerdictReason } from "../src/core/verdict.js";
import { errored, evidenceOf, failed, judgeUnfinished, passed } from "./judgement.js";
import { lostTests, newlySkippedTests } from "./reports/compare.js";
import { asReport, countsOf, type TestCase, type TestReport } from "./reports/report.js";
import type { Execution, Finding, Room, Validator } from "./room.js";
import type { TestCommand } from "./toolchains/command.js";
import { toolchainOf, toolchains } from "./toolchains.js";

// An exit code alone proves nothing: tests must have run by the runner's own report, and none that ran at the base may
// be gone or skipped.
export const testPass: Validator<TestPassSpec> = async (spec, room) => {
  const command = await commandIn(spec, room);
  if ("outcome" in command) return command;
  const run = await execute(command, room);
  const judgement = judgeRun(run, spec.params);
  return judgement.outcome === "passed" ? comparedWithBase(spec, run, judgement, room) : judgement;
};

type TestRun = {
  readonly command: TestCommand;
  readonly execution: Execution;
  readonly report: TestReport | undefined;
};

const commandIn = async ({ target, params }: TestPassSpec, room: Room): Promise<TestCommand | Judgement> => {
  const toolchain = await toolchainOf(params.toolchain, room);
  return typeof toolchain === "string" ? toolchains[toolchain].test(target, room) : toolchain;
};

const execute = async (command: TestCommand, room: Room): Promise<TestRun> => {
  const options = { env: command.env ?? {}, stdoutBytesMax: command.stdoutBytesMax ?? 0 };
  const execution = await room.exec(command.argv, options);
  const report = execution.exitCode === null ? undefined : await command.readReport?.(execution);
  return { command, execution, report };
};

const judgeRun = ({ command, execution, report }: TestRun, params: TestPassSpec["params"]): Judgement => {
  const unfinished = judgeUnfinished(execution, command.program);
  if (unfinished !== undefined) return unfinished;
  const evidence = evidenceOf(execution, command.tailOf?.(execution));
  const exited = `the tests exited with code ${execution.exitCode}`;
  if (report !== undefined) return judgeReport(report, execution, params, evidence);
  if (execution.exitCode !== 0) {
    return failed("check_failed", `There is no complete report, and ${exited}.`, evidence);
  }
  if (command.readReport !== undefined) {
    return failed("report_missing", `There is no complete report, although ${exited}.`, evidence);
  }
  const unknown = "How many tests ran is unknown, for the report of this runner cannot be read";
  if (params.minTests === undefined) return passed(`${unknown}; ${exited}.`, evidence);
  return failed("too_few_tests", `${unknown}; at least ${params.minTests} are demanded.`, evidence);
};

const judgeReport = (
  report: TestReport,
  { exitCode }: Execution,
  { minTests = 1, noSkips = false }: TestPassSpec["params"],
  execution: ReturnType<typeof evidenceOf>,
): Judgement => {
  const counts = countsOf(report);
  const evidence = { ...execution, counts };
  const ran = counts.passed + counts.failed;
  const told = `${ran} ${ran === 1 ? "test" : "tests"} ran, ${counts.failed} failed, ${counts.skipped} skipped`;
  const wrong = [...idsOf(report, "failed"), ...report.brokenFiles];
  const skipped = idsOf(report, "skipped");
  if (ran === 0 && wrong.length === 0) {
    return failed("zero_tests", `A run without tests proves nothing: ${told}.`, evidence);
  }
  if (exitCode !== 0) {
    const blamed = wrong.length === 0 ? "by its report no test failed" : listed(wrong);
    return failed("check_failed", `The runner exited with code ${exitCode}; ${told}: ${blamed}.`, evidence);
  }
  if (wrong.length > 0) {
    const message = `The runner exited with code 0, yet ${told}: ${listed(wrong)}.`;
    return failed("report_contradicts", message, evidence);
  }
  if (ran < minTests) return failed("too_few_tests", `${told}; at least ${minTests} must run.`, evidence);
  if (noSkips && skipped.length > 0) {
    return naming("tests_skipped", "The plan allows no skipped tests, skipped are", skipped, evidence);
  }
  return passed(`${told}.`, evidence);
};

/** The proposal's own run has passed; it must also say no less than the run at the base. */
const comparedWithBase = async (
  spec: TestPassSpec,
  { command, report }: TestRun,
  own: Judgement,
  room: Room,
): Promise<Finding> => {
  const kept = await room.cachedAtBase((base) => reportAtBase(spec, base)).catch(asBaseTrouble);
  if (kept instanceof BaseTrouble) return kept.judgement;
  const base = asReport(kept);
  if (base === undefined) return { ...own, message: `${own.message} ${NOT_COMPARED}` };
  // Without a report now, every test of the base is lost: a test script must not become one that nobody can read.
  const lost = lostTests(base, report ?? { tests: [], brokenFiles: [] });
  if (lost.length > 0) return naming("tests_lost", "Tests of the base did not run", lost, own);
  const skipped = report === undefined ? [] : newlySkippedTests(base, report);
  if (skipped.length > 0) return naming("tests_skipped", "Tests of the base are skipped now", skipped, own);
  return { ...own, judgedBy: await changedTestFiles(base, command, room) };
};

const NOT_COMPARED = "There is no readable report of the base to compare with.";

/** Null where the base has no report that can be read: kept, for it will never have one. */
const reportAtBase = async (spec: TestPassSpec, base: Room): Promise<TestReport | null> => {
  const command = await commandIn(spec, base);
  if ("outcome" in command) {
    if (command.reason === "toolchain_missing") throw new BaseTrouble(command);
    return null;
  }
  if (command.readReport === undefined) return null;
  const { execution, report } = await execute(command, base);
  const unfinished = judgeUnfinished(execution, command.program);
  if (unfinished !== undefined) throw new BaseTrouble(unfinished);
  return report ?? null;
};

/** A base that could not be run is nothing to compare with today and may be tomorrow; thrown, it is not kept. */
class BaseTrouble extends Error {
  readonly judgement: Judgement;

  constructor({ message, hint = BASE_HINT, ...found }: Judgement) {
    super(message);
    const reason = found.reason === "toolchain_missing" ? found.reason : "room_failed";
    const told = `The tests could not be run at the base, to compare with: ${message}`;
    this.judgement = errored(reason, told, hint, found);
  }
}

const BASE_HINT =
  "Give the step a longer timeout, then resume the run. Where the base itself hangs or dies, judge the step by command_pass.";

const asBaseTrouble = (error: unknown): BaseTrouble => {
  if (error instanceof BaseTrouble) return error;
  throw error;
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

const idsOf = ({ tests }: TestReport, outcome: TestCase["outcome"]): string[] =>
  tests.filter((test) => test.outcome === outcome).map(({ id }) => id);

const naming = (
  reason: VerdictReason,
  what: string,
  ids: readonly string[],
  evidence: ReturnType<typeof evidenceOf>,
): Judgement => {
  const missing = ids.slice(0, PATHS_LISTED).map(shortened);
  return failed(reason, `${what}: ${listed(ids)}.`, { ...evidence, missing });
};

/** A message stays a sentence; the rest is in `missing` or in the tail. */
const NAMES_SAID = 5;

const listed = (ids: readonly string[]): string => {
  const more = ids.length - NAMES_SAID;
  return ids.slice(0, NAMES_SAID).map(shortened).join(", ") + (more > 0 ? ` and ${more} more` : "");
};

/** The name of a test may carry all its parameters. */
const NAME_CHARS = 300;

const shortened = (id: string): string =>
  id.length <= NAME_CHARS ? id : `${id.slice(0, NAME_CHARS).replace(/[\uD800-\uDBFF]$/, "")}…`;
