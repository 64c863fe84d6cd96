import type { TestPassSpec } from "../../src/core/spec.js";
import type { Judgement } from "../../src/core/verdict.js";
import { evidenceOf, failed, judgeUnfinished, passed } from "../judgement.js";
import { countsOf, idsWith, type TestReport } from "../reports/report.js";
import type { Execution, Room } from "../room.js";
import type { TestCommand } from "../toolchains/command.js";
import { toolchainOf, toolchains } from "../toolchains.js";
import { counted, listed, naming } from "./names.js";

/** One run of the tests, and what it says for itself. */
export type TestRun = {
  readonly command: TestCommand;
  readonly execution: Execution;
  /** Undefined where there is none, or none that can be read. */
  readonly report: TestReport | undefined;
};

/** `only` names test files that are run in place of the plan's target. */
export const commandIn = async (
  { target, params }: TestPassSpec,
  room: Room,
  only: readonly string[] = [],
): Promise<TestCommand | Judgement> => {
  const toolchain = await toolchainOf(params.toolchain, room);
  if (typeof toolchain !== "string") return toolchain;
  return toolchains[toolchain].test(only.length === 0 ? target : "", room, only);
};

export const execute = async (command: TestCommand, room: Room): Promise<TestRun> => {
  const options = { env: command.env ?? {}, stdoutBytesMax: command.stdoutBytesMax ?? 0 };
  const execution = await room.exec(command.argv, options);
  const report = execution.exitCode === null ? undefined : await command.readReport?.(execution);
  return { command, execution, report };
};

export const judgeRun = (
  { command, execution, report }: TestRun,
  params: TestPassSpec["params"],
): Judgement => {
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
  const told = `${counted(ran, "test")} ran, ${counts.failed} failed, ${counts.skipped} skipped`;
  const wrong = [...idsWith(report, "failed"), ...report.brokenFiles];
  const skipped = idsWith(report, "skipped");
  if (ran === 0 && wrong.length === 0) {
    return failed("zero_tests", `A run without tests proves nothing: ${told}.`, evidence);
  }
  if (exitCode !== 0) {
    const blamed = wrong.length === 0 ? "by its report no test failed" : listed(wrong);
    return failed("check_failed", `The runner exited with code ${exitCode}; ${told}: ${blamed}.`, evidence);
  }
  if (report.contradiction !== undefined) return failed("report_contradicts", report.contradiction, evidence);
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
