import { commandsOf, planWire, type ShownPlan } from "../../index.js";
import { safe } from "./output.js";

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
      ...told("  ", description),
      ...told("    judged by ", judgeWords(validator)),
    ]),
    "",
    commands.length === 0 ? "No command of its own." : `Commands that it brings (${commands.length})`,
    ...commands.flatMap(({ of, command }) => [...told("  ", of), ...told("    $ ", command)]),
  ];
};

const stepLines = (step: Step): readonly string[] => {
  const { id, goal, ownerAgent, dependsOn, validator, mayChange, maxRetries, race } = step;
  const who = race === undefined ? ownerAgent : `${race.agents.join(", ")} race (${race.pick})`;
  const after = dependsOn.length === 0 ? "" : `, after ${dependsOn.join(", ")}`;
  const paths = mayChange.paths.join(", ");
  return [
    ...told("  ", `${id}: ${who}${after}`),
    ...told("    ", goal),
    ...told("    judged by ", judgeWords(validator)),
    ...(paths === "" ? [] : told(`    may change ${mayChange.only ? "only " : ""}`, paths)),
    `    ${maxRetries} ${maxRetries === 1 ? "retry" : "retries"}`,
  ];
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
