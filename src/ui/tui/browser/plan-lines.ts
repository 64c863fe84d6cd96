import {
  commandsOf,
  isLedgerError,
  isPlanning,
  type Run,
  type ShownPlan,
  shownPlan,
} from "../../../index.js";
import { brokenLine, MARK, planLines } from "../../cli/plan-text.js";
import { cut, EMPTY, type Line, span, told } from "../kit/line.js";
import { many } from "./words.js";

type Step = Run["steps"][number];
type Read = { readonly shown: ShownPlan } | { readonly why: string };

/** Read once for each proposal: a page is drawn at every key, and a plan may be long. */
const plans = new WeakMap<object, Read>();

/** The plan that a planner's step proposes; undefined for any other step, and while there is none. */
const planIn = (run: Run, step: Step): Read | undefined => {
  if (!isPlanning(step) || step.state.status !== "verify_pending") return undefined;
  const { proposal } = step.state;
  const known = plans.get(proposal);
  if (known !== undefined) return known;
  const read = readPlan(run);
  plans.set(proposal, read);
  return read;
};

// Whether its agents are still there is for the ledger to say when it is approved; it is looked at all the same.
const readPlan = (run: Run): Read => {
  try {
    const shown = shownPlan(run, null);
    return shown === undefined ? { why: "There is no plan." } : { shown };
  } catch (error) {
    if (!isLedgerError(error)) throw error;
    return { why: error.message };
  }
};

/** All of a proposed plan, as `runledger plan show` has it; undefined where there is none, or it cannot be read. */
export const proposedPlanLines = (run: Run, step: Step, columns: number): readonly Line[] | undefined => {
  const read = planIn(run, step);
  if (read === undefined) return undefined;
  if ("why" in read) return [[span(cut(told(read.why), columns), "warn")], EMPTY];
  return planLines(read.shown).flatMap((text) => hanging(text, columns));
};

/** Of a line that is too long, what stands below it begins with a mark: nothing that a model wrote passes for a line of ours. */
const hanging = (text: string, columns: number): readonly Line[] => {
  const { before, parts } = brokenLine(text, columns);
  const isCommand = before.length === COMMAND_INDENT && text.startsWith("$ ", COMMAND_INDENT);
  const tone = before === "" ? "strong" : isCommand ? "warn" : "plain";
  return parts.map((part, at) => [
    span(before),
    ...(at === 0 ? [] : [span(MARK, "faint")]),
    span(part, at === 0 || tone === "warn" ? tone : "plain"),
  ]);
};

const COMMAND_INDENT = 4;

/** Commands told in a question; all of them stand on the page of the step. */
const COMMANDS_TOLD = 3;

/** What a person is asked about a proposed plan, in a few lines. */
export const planQuestion = (run: Run, step: Step): readonly string[] | undefined => {
  const read = planIn(run, step);
  if (read === undefined) return undefined;
  if ("why" in read) return [read.why];
  const { plan } = read.shown;
  const commands = commandsOf(plan);
  const more = commands.length - COMMANDS_TOLD;
  return [
    `A plan of ${many(plan.steps.length, "step")}, which brings ${commands.length === 0 ? "no command" : many(commands.length, "command")}${commands.length === 0 ? "." : ":"}`,
    ...commands.slice(0, COMMANDS_TOLD).map(({ command }) => `$ ${command.replaceAll("\n", " ⏎ ")}`),
    ...(more > 0 ? [`… and ${many(more, "more", "more")}: the page of the step has all of it.`] : []),
  ];
};
