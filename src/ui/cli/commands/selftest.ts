import { resolve } from "node:path";
import {
  aboutFile,
  formatDuration,
  type RunLedger,
  readPlanFile,
  type SelftestOptions,
  type SelftestReport,
  type Trial,
} from "../../../index.js";
import { EXIT } from "../exit-codes.js";
import { type Output, paint, printJson, printLine, safe, say } from "../output.js";
import { type Cell, printTable } from "../table.js";

export type SelftestWords = {
  /** Where relative paths start. */
  readonly directory: string;
  readonly plan: string;
  readonly solution?: readonly string[];
  readonly step?: readonly string[];
  readonly validator?: SelftestOptions["validator"];
  readonly includeUncommitted: boolean;
};

export const testValidators = async (
  app: RunLedger,
  output: Output,
  { directory, plan, solution, step, validator, includeUncommitted }: SelftestWords,
  signal: AbortSignal,
): Promise<number> => {
  const planFile = resolve(directory, plan);
  const given = await readPlanFile(planFile);
  const options = {
    directory,
    includeUncommitted,
    allowDirty: [planFile],
    signal,
    tell: (sentence: string) => say(output, sentence),
    ...(solution === undefined ? {} : { solutions: solution }),
    ...(step === undefined ? {} : { steps: step }),
    ...(validator === undefined ? {} : { validator }),
  };
  const report = await aboutFile(planFile, () => app.selftest(given, options)).catch((error: unknown) => {
    if (signal.aborted) return undefined;
    throw error;
  });
  if (report === undefined) {
    say(output, "Interrupted; nothing of it was kept.");
    return EXIT.interrupted;
  }
  await printReport(output, report);
  return report.findings.length === 0 ? EXIT.done : EXIT.failed;
};

const printReport = async (output: Output, report: SelftestReport): Promise<void> => {
  if (output.json) {
    printJson(output, report);
    return;
  }
  await printTable(output, {
    head: ["", "validator", "submission", "outcome", "took", "what was said"],
    rows: report.validators.flatMap(({ name, trials }) => trials.map((trial) => rowOf(name, trial))),
    empty: "No validator of the plan was tried.",
  });
  for (const { message, hint } of report.findings) {
    printLine(output, `${paint(output, "red", "✘")} ${safe(message)}`);
    say(output, `  ${hint}`);
  }
  say(output, sumOf(report));
};

const rowOf = (name: string, trial: Trial): readonly Cell[] => {
  const { submission, outcome, reason, message, durationMs, asItShould } = trial;
  const tried = outcome !== "not_applicable";
  const mark: Cell = !tried
    ? { text: "–", style: "grey" }
    : asItShould
      ? { text: "✔", style: "green" }
      : { text: "✘", style: "red" };
  const told = tried ? `${outcome} [${reason}]` : "not applicable";
  return [
    mark,
    name,
    submission,
    { text: told, ...(tried ? {} : { style: "grey" }) },
    { text: tried ? formatDuration(durationMs) : "", right: true },
    message,
  ];
};

const sumOf = ({ validators, findings, hasSolution, isolationLevel }: SelftestReport): string => {
  const tried = validators.filter(({ trials }) => trials.some(({ outcome }) => outcome !== "not_applicable"));
  const count = validators
    .flatMap(({ trials }) => trials)
    .filter(({ outcome }) => outcome !== "not_applicable");
  const of = `${tried.length} ${tried.length === 1 ? "validator" : "validators"}, ${count.length} trials at isolation level ${isolationLevel}`;
  const honest = hasSolution
    ? ""
    : " No reference solution was given (--solution), so nobody knows whether they let honest work pass.";
  if (findings.length === 0) return `All bite: ${of}.${honest}`;
  return `${findings.length} ${findings.length === 1 ? "finding" : "findings"}: ${of}.${honest}`;
};
