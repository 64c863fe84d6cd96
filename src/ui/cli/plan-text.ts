import { commandsOf, exactDuration, planWire, type ShownPlan } from "../../index.js";
import { wrap } from "../tui/kit/line.js";
import { type Output, printLine, safe } from "./output.js";

type Step = ShownPlan["plan"]["steps"][number];

export const planJson = ({ state, proposalSeq, plan }: ShownPlan) => ({
  state,
  proposalSeq,
  plan: planWire(plan),
  commands: commandsOf(plan),
});

/** All of it, nothing cut: what is approved is what was looked at. */
export const planLines = ({ plan }: ShownPlan): readonly string[] => {
  const { goal, protect, steps, acceptanceCriteria } = plan;
  const commands = commandsOf(plan);
  return [
    ...told("Goal: ", goal),
    ...(protect.length === 0 ? [] : told("Protected: ", protect.join(", "))),
    "",
    `Steps (${steps.length}), each after those it needs`,
    ...steps.flatMap(stepLines),
    ...(acceptanceCriteria.length === 0 ? [] : ["", "In the end must hold"]),
    ...acceptanceCriteria.flatMap(({ description, validator }) => [
      ...told("  criterion ", description),
      ...told("    judged by ", judgeWords(validator)),
    ]),
    "",
    commands.length === 0 ? "No command of its own." : `Commands that it brings (${commands.length})`,
    ...commands.flatMap(({ of, command }) => [...told("  ", of), ...told("    $ ", command)]),
  ];
};

/**
 * One of those lines on a terminal of so many columns. What stands below it begins with a mark, in `before` and after it:
 * the terminal itself would break it at its left edge, where blanks of a model could lead to a line like ours.
 */
export const brokenLine = (
  text: string,
  columns: number,
): { readonly before: string; readonly parts: readonly string[] } => {
  const words = text.trimStart();
  // On the narrowest of screens the words are worth more than where they begin.
  const indent = Math.min(text.length - words.length, Math.floor(columns / 3));
  return { before: " ".repeat(indent), parts: wrap(words, columns - indent - MARK.length) };
};

export const MARK = "↪ ";

/** Whole lines for a file or another program. */
export const printPlan = (output: Output, shown: ShownPlan): void => {
  const { columns, redact } = output;
  for (const line of planLines(shown)) {
    if (columns === undefined) {
      printLine(output, line);
      continue;
    }
    // Before it is broken: half of a secret would not be known.
    const { before, parts } = brokenLine(redact(line), columns);
    for (const [at, part] of parts.entries()) printLine(output, `${before}${at === 0 ? "" : MARK}${part}`);
  }
};

const stepLines = (step: Step): readonly string[] => {
  const { id, goal, ownerAgent, dependsOn, toolProfile, validator, timeoutMs, agentTimeoutMs, race } = step;
  const who = race === undefined ? ownerAgent : `${race.agents.join(", ")} race (${race.pick})`;
  const after = dependsOn.length === 0 ? "" : `, after ${dependsOn.join(", ")}`;
  return [
    ...told("  ", `${id}: ${who}${after}`),
    ...told("    goal ", goal),
    ...told("    judged by ", judgeWords(validator)),
    ...limitLine("judge", timeoutMs),
    ...told("    tools ", toolProfile.length === 0 ? "of no profile" : toolProfile.join(", ")),
    ...limitLine("agent", agentTimeoutMs),
    ...mayChangeLines(step),
    `    ${step.maxRetries} ${step.maxRetries === 1 ? "retry" : "retries"}`,
  ];
};

/** Where a step sets none, the settings do. */
const limitLine = (who: string, ms: number | undefined): readonly string[] =>
  ms === undefined ? [] : [`    ${who} at most ${exactDuration(ms)}`];

const mayChangeLines = ({ mayChange: { paths, only } }: Step): readonly string[] => {
  if (paths.length > 0) return told(`    may change ${only ? "only " : ""}`, paths.join(", "));
  return only ? ["    may change nothing"] : [];
};

const judgeWords = ({ type, target, params }: Step["validator"]): string =>
  [type, target, ...Object.entries(params).map(([key, value]) => `${key}=${JSON.stringify(value)}`)]
    .filter((word) => word !== "")
    .join(" ");

/** Lines of a model begin where its first one does, so that none passes for a line of ours. */
const told = (before: string, text: string): readonly string[] =>
  safe(text)
    .split("\n")
    .map((line, index) => `${index === 0 ? before : " ".repeat(before.length)}${line}`);
