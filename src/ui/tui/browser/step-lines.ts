import {
  candidateWords,
  formatDuration,
  isSpending,
  type Run,
  type RunView,
  type Step,
  usageOfStep,
  type Verdict,
  type WorkedStep,
  workedStep,
} from "../../../index.js";
import { agentWords, isolationTold, testsTold, verdictLine, violationsTold } from "../../cli/describe.js";
import { safe } from "../../cli/output.js";
import { usageWords } from "../../cli/usage-words.js";
import { cut, EMPTY, fitLine, type Line, span, told, wrap } from "../kit/line.js";
import type { Tone } from "../kit/theme.js";
import { proposedPlanLines } from "./plan-lines.js";
import { judgeName } from "./run-lines.js";
import { age, fact, many, marked, stepShown } from "./words.js";

/** State, agent, judge and tries of a step, and what it is to do. */
export const stepHead = (view: RunView, step: WorkedStep, columns: number, now: number): readonly Line[] => {
  const { spec, attempt, retryCount, state } = step;
  const shown = stepShown(step, view);
  const working =
    (state.status === "in_progress" || state.status === "racing") && !view.interrupted
      ? ` for ${age(state.startedAt, now)}`
      : "";
  const tries =
    attempt === 0
      ? []
      : [`attempt ${attempt}`, `${retryCount} of ${many(spec.maxRetries, "retry", "retries")} used`];
  const words = [
    told(step.candidate === undefined ? agentWords(step) : spec.ownerAgent),
    `judged by ${judgeName(step)}${spec.validator.target === "" ? "" : ` ${told(spec.validator.target)}`}`,
    ...tries,
  ];
  const needs = spec.dependsOn.map(told).join(", ");
  const usage = usageOfStep(view.run, spec.id);
  const { waiting } = view;
  const isAsked = ["person", "time", "child", "agent"].includes(waiting.for);
  const asked = waiting.stepId === spec.id && isAsked ? waiting : null;
  return [
    [marked(shown), span(` ${shown.word}${working}`, shown.tone), span(`  ${words.join(" · ")}`, "dim")],
    ...wrap(spec.goal, columns)
      .slice(0, 3)
      .map((text) => [span(text)]),
    ...candidateLines(view, step, columns),
    ...(needs === "" ? [] : [[span(cut(`after ${needs}`, columns), "dim")]]),
    ...(isSpending(usage) ? wrap(usageWords(usage), columns).map((text) => [span(text, "dim")]) : []),
    ...(asked === null
      ? []
      : wrap(asked.sentence, columns).map((text) => [
          span(text, waiting.for === "person" ? "warn" : "plain"),
        ])),
  ];
};

/** Those who race for a step, each with where it stands; the one that is looked at stands out. */
const candidateLines = (view: RunView, step: WorkedStep, columns: number): readonly Line[] =>
  step.attempt === 0
    ? []
    : step.candidates.map((one) => {
        const shown = stepShown(workedStep(step, one.candidate), view);
        const name = `${one.candidate} ${told(one.agent)} ${shown.word}`;
        const said = told(candidateWords(one).split("\n")[0] ?? "");
        const isChosen = one.candidate === step.candidate;
        const line = [
          span(isChosen ? "▸ " : "  ", "key"),
          marked(shown),
          span(` ${name}`, isChosen ? "strong" : "plain"),
          span(`  ${said}`, "dim"),
        ];
        return fitLine(line, columns);
      });

/** A step beside its run: what it is, and the last that was said about it. */
export const stepSummary = (
  view: RunView,
  step: WorkedStep,
  columns: number,
  now: number,
): readonly Line[] => {
  const verdict = verdictOf(step);
  const { state } = step;
  return [
    [span(cut(told(step.spec.id), columns), "strong")],
    ...stepHead(view, step, columns, now),
    ...("proposal" in state && state.proposal !== null
      ? [EMPTY, ...proposalLines(view.run, step, columns, now)]
      : []),
    ...(verdict === null ? [] : [EMPTY, ...verdictLines(verdict, columns)]),
  ];
};

const heading = (text: string): Line => [span(text, "key")];
const prose = (text: string, columns: number, tone: Tone = "plain"): readonly Line[] =>
  wrap(text.trimEnd(), columns).map((line) => [span(line, tone)]);

/** What was claimed, with its evidence. */
export const proposalLines = (run: Run, step: Step, columns: number, now: number): readonly Line[] => {
  const { state } = step;
  if (!("proposal" in state) || state.proposal === null) return [[span("Nothing is proposed yet.", "dim")]];
  const { seq, at, result, evidence, capture } = state.proposal;
  const files = capture.filesChanged === null ? "" : ` · ${many(capture.filesChanged, "file")} changed`;
  return [
    [span(`Proposal ${seq}`, "key"), span(`  ${age(at, now)} ago${files}`, "dim")],
    ...(proposedPlanLines(run, step, columns) ?? prose(result === "" ? "(no words)" : result, columns)),
    ...evidence.flatMap(({ type, content }) => [
      EMPTY,
      heading(`Evidence: ${told(type)}`),
      ...prose(content, columns),
    ]),
    ...(capture.commit === null
      ? []
      : [EMPTY, fact("commit", capture.commit, "dim"), fact("base", capture.base ?? "none", "dim")]),
  ];
};

/** The last judgement on a step, also when it has been tried again since. */
export const verdictOf = ({ state, feedback }: Step): Verdict | null => {
  if (state.status === "failed") return state.verdict;
  if (state.status === "completed") return state.verdict;
  if (state.status === "verify_pending" && state.lastError !== null) return state.lastError;
  return feedback?.kind === "verdict" ? feedback.verdict : null;
};

/** What stands before the words of a fact. */
const FACT_COLUMNS = 10;

const OUTCOMES = { passed: "good", failed: "bad", errored: "warn" } as const;

/** What was judged, how, and what came of it. */
export const verdictLines = (verdict: Verdict, columns: number): readonly Line[] => {
  const { command, exitCode, signal, counts, tests, missing, conflicts, hint } = verdict;
  const list = (name: string, items: readonly string[]): readonly Line[] =>
    items.length === 0
      ? []
      : [EMPTY, heading(name), ...items.map((item) => [span(`  ${cut(told(item), columns - 2)}`)])];
  return [
    ...wrap(verdictLine(verdict), columns).map((text) => [span(text, OUTCOMES[verdict.outcome])]),
    ...(hint === undefined ? [] : prose(hint, columns, "dim")),
    EMPTY,
    ...(command === null ? [] : [fact("command", cut(told(command.join(" ")), columns - 10))]),
    ...(command === null ? [] : [fact("exit", signal === null ? String(exitCode) : `by ${signal}`)]),
    ...(counts === null
      ? []
      : [fact("tests", `${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`)]),
    ...(tests === undefined ? [] : testsTold(tests)).flatMap(([name, words]) =>
      wrap(told(words), columns - FACT_COLUMNS).map((line, at) => fact(at === 0 ? name : "", line)),
    ),
    fact("took", formatDuration(verdict.durationMs)),
    fact("isolation", isolationTold(verdict)),
    fact("judge", `${verdict.validator.type} ${told(verdict.validator.target)}`.trim()),
    ...(verdict.proposalSeq === null ? [] : [fact("proposal", String(verdict.proposalSeq))]),
    ...(verdict.commit === null ? [] : [fact("commit", verdict.commit, "dim")]),
    ...list("Protected, and changed without leave", violationsTold(verdict)),
    ...list("Looked for and not found", missing),
    ...list(
      "In conflict",
      conflicts.map(({ path, stepId }) => (stepId === null ? path : `${path} (step ${stepId})`)),
    ),
    ...(verdict.tail.trim() === ""
      ? []
      : [EMPTY, heading("The end of what it said"), ...logLines(verdict.tail, columns)]),
  ];
};

/** Program output: each line as it is, broken where it is too long. */
export const logLines = (text: string, columns: number): readonly Line[] =>
  safe(text.trimEnd())
    .replaceAll("\t", "    ")
    .split("\n")
    .flatMap((line) => (line === "" ? [EMPTY] : wrap(line, columns).map((part) => [span(part)])));

/** A patch, with what comes and goes in its colours. */
export const diffLines = (text: string, columns: number): readonly Line[] =>
  safe(text.trimEnd())
    .replaceAll("\t", "    ")
    .split("\n")
    .map((line) => [span(cut(line, columns), diffTone(line))]);

const diffTone = (line: string): Tone => {
  if (
    /^(diff |index |new file|deleted file|old mode|new mode|similarity|rename |copy |--- |\+\+\+ )/.test(line)
  )
    return "dim";
  if (line.startsWith("@@")) return "key";
  if (line.startsWith("+")) return "good";
  return line.startsWith("-") ? "bad" : "plain";
};
