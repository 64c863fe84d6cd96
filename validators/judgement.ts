import { type Judgement, nothingRan, type VerdictReason } from "../src/core/verdict.js";
import type { Execution } from "./room.js";

type Evidence = Partial<Omit<Judgement, "outcome" | "reason" | "message">>;

// One place fills in what a judge has nothing to say about, so that each judge says only what it found.
export const passed = (message: string, evidence: Evidence = {}): Judgement =>
  judgement("passed", "ok", message, evidence);

/** The claim does not hold: counts as a failed attempt. */
export const failed = (reason: VerdictReason, message: string, evidence: Evidence = {}): Judgement =>
  judgement("failed", reason, message, evidence);

/** The judge could not run: says how to mend it and costs the step no retry. */
export const errored = (
  reason: "toolchain_missing" | "toolchain_unknown" | "room_failed",
  message: string,
  hint: string,
  evidence: Evidence = {},
): Judgement => judgement("errored", reason, message, { ...evidence, hint });

/** What a command leaves behind in the verdict. */
export const evidenceOf = (execution: Execution, tail = execution.tail): Evidence => ({
  command: [...execution.argv],
  exitCode: execution.exitCode,
  signal: execution.signal,
  tail,
  log: execution.log,
});

/** Only a real exit says anything about the work; whatever ended otherwise is judged here. */
export const judgeUnfinished = (execution: Execution, program: string): Judgement | undefined => {
  const evidence = evidenceOf(execution);
  if (execution.notFound || shellMissed(execution, program)) {
    return errored(
      "toolchain_missing",
      `The program "${program}" could not be started.`,
      `Install "${program}" and make it reachable through the PATH that validators get, then verify again.`,
      evidence,
    );
  }
  if (execution.timedOut) {
    return failed("timed_out", `"${program}" was stopped at the time limit of the validator.`, evidence);
  }
  if (execution.exitCode === null) {
    return failed("killed", `"${program}" was killed by ${execution.signal ?? "a signal"}.`, evidence);
  }
  return undefined;
};

/** A validator that is one command: it passes on the expected exit code and on nothing else. */
export const fromExecution = (execution: Execution, program: string, expectedExitCode = 0): Judgement => {
  const unfinished = judgeUnfinished(execution, program);
  if (unfinished !== undefined) return unfinished;
  const exited = `"${program}" exited with code ${execution.exitCode}`;
  if (execution.exitCode === expectedExitCode) return passed(`${exited}.`, evidenceOf(execution));
  return failed("check_failed", `${exited}, expected ${expectedExitCode}.`, evidenceOf(execution));
};

const judgement = (
  outcome: Judgement["outcome"],
  reason: VerdictReason,
  message: string,
  evidence: Evidence,
): Judgement => ({
  ...nothingRan(),
  ...evidence,
  outcome,
  reason,
  message,
});

/** A shell that stands in for a program (`sh -c 'exec program …'`) answers 127 when there is no such program. */
const shellMissed = ({ argv, exitCode }: Execution, program: string): boolean =>
  exitCode === 127 && argv[0] === "sh" && program !== "sh";
