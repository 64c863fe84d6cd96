import { type Attended, isSpending, type Run, type RunView, type Step } from "../../../index.js";
import { agentWords, lastWord } from "../../cli/describe.js";
import { receiptWords } from "../../cli/receipt-words.js";
import { trackedWords } from "../../cli/tracked-words.js";
import { budgetWords, usageWords } from "../../cli/usage-words.js";
import {
  cut,
  EMPTY,
  fitLine,
  type Line,
  lineWidth,
  pad,
  type Size,
  span,
  told,
  widthOf,
  wrap,
} from "../kit/line.js";
import { type Graph, graphOf } from "./graph.js";
import { age, fact, many, marked, runShown, type Shown, shortId, shownAs, stepShown } from "./words.js";

/** Lines that run side by side beyond this leave no room for words; then the steps are listed with what they wait for. */
const LINES_MAX = { narrow: 5, wide: 12 } as const;
const NARROW = 100;

/** What is known of a run at a glance; in full on its own page. */
export const summaryLines = (view: RunView, size: Size, now: number): readonly Line[] => {
  const head = headLines(view, size.columns, now);
  const steps = stepRows(view, size.columns);
  const room = Math.max(0, size.rows - head.length - 1);
  const shown = steps.length <= room ? steps : steps.slice(0, Math.max(0, room - 1));
  const left = steps.length - shown.length;
  return [
    ...head,
    EMPTY,
    ...shown.map(({ line }) => line),
    ...(left > 0 ? [[span(`… and ${many(left, "more step", "more steps")}`, "dim")]] : []),
  ];
};

/** Goal, state, and what it waits for, with the way to go on. */
export const headLines = (view: RunView, columns: number, now: number): readonly Line[] => {
  const { run, waiting } = view;
  const state = runShown(view);
  const waived = run.state.status === "completed" && run.waivers.length > 0 ? " with waivers" : "";
  const done = run.steps.filter((step) => step.state.status === "completed").length;
  const facts = [
    `${done} of ${many(run.steps.length, "step")}`,
    `started ${age(run.createdAt, now)} ago`,
    `changed ${age(run.updatedAt, now)} ago`,
  ];
  return [
    [span(cut(told(run.goal), columns), "strong")],
    [marked(state), span(` ${state.word}${waived}`, state.tone), span(`  ${facts.join(" · ")}`, "dim")],
    ...wrap(waiting.sentence, columns).map((text) => [
      span(text, waiting.for === "person" ? "warn" : "plain"),
    ]),
    ...(waiting.hint === null
      ? []
      : wrap(shorter(waiting.hint, run), columns).map((text) => [span(text, "dim")])),
  ];
};

/** Commands take the end of an id too. */
const shorter = (hint: string, { runId }: Run): string => hint.replaceAll(runId, shortId(runId));

export type StepRow = { readonly step: Step; readonly line: Line };

/** Graphs of a run's steps; made again only when the steps are others. */
const graphs = new WeakMap<readonly Step[], Map<number, Graph | null>>();

const graphFor = (steps: readonly Step[], linesMax: number): Graph | null => {
  const made = graphs.get(steps) ?? new Map<number, Graph | null>();
  graphs.set(steps, made);
  const known = made.get(linesMax);
  if (known !== undefined) return known;
  const graph = graphOf(
    steps.map(({ spec }) => ({ id: spec.id, dependsOn: spec.dependsOn })),
    linesMax,
  );
  made.set(linesMax, graph);
  return graph;
};

/** The steps with what they wait for as lines, one a row, each behind what it waits for. */
export const stepRows = (view: Attended, columns: number): readonly StepRow[] => {
  const { run } = view;
  const linesMax = columns < NARROW ? LINES_MAX.narrow : LINES_MAX.wide;
  const graph = graphFor(run.steps, linesMax);
  const byId = new Map(run.steps.map((step) => [step.spec.id, step]));
  const rows =
    graph === null
      ? run.steps.map((step) => ({ step, gutter: [marked(stepShown(step, view))] }))
      : graph.rows.flatMap(({ id, before, behind }) => {
          const step = byId.get(id);
          if (step === undefined) return [];
          return [
            { step, gutter: [span(before, "faint"), marked(stepShown(step, view)), span(behind, "faint")] },
          ];
        });
  const names = Math.min(
    Math.floor(columns / 4),
    Math.max(4, ...run.steps.map(({ spec }) => widthOf(spec.id))),
  );
  return rows.map(({ step, gutter }) => ({
    step,
    line: stepLine(step, stepShown(step, view), { gutter, names, columns, listed: graph === null }),
  }));
};

/** Columns from which each part of a row is there. */
const ROOM = { word: 34, agent: 48, judge: 76 } as const;
/** Less of a sentence says nothing. */
const SAID_MIN = 12;

const stepLine = (
  step: Step,
  state: Shown,
  layout: {
    readonly gutter: Line;
    readonly names: number;
    readonly columns: number;
    readonly listed: boolean;
  },
): Line => {
  const { spec, attempt } = step;
  const { gutter, names, columns, listed } = layout;
  const tries = attempt > 1 ? ` ×${attempt}` : "";
  const head: Line = [
    span(" "),
    ...gutter,
    span(" "),
    span(pad(cut(told(spec.id), names), names), "strong"),
    span("  "),
    ...(columns >= ROOM.word ? [...fitLine([span(state.word, state.tone), span(tries, "warn")], 15)] : []),
    ...(columns >= ROOM.agent ? [span(pad(cut(told(agentWords(step)), 12), 12)), span(" ")] : []),
    ...(columns >= ROOM.judge ? [span(pad(cut(judgeName(step), 15), 15), "dim"), span(" ")] : []),
  ];
  const room = columns - lineWidth(head);
  if (room < SAID_MIN) return head;
  const needs = listed && spec.dependsOn.length > 0 ? `after ${spec.dependsOn.map(told).join(", ")}` : "";
  const said = needs === "" ? told(lastWord(step).split("\n")[0] ?? "") : needs;
  return [...head, span(cut(said, room), "dim")];
};

const JUDGES: Readonly<Record<string, string>> = { orchestrator_approval: "approval" };
export const judgeName = ({ spec }: Step): string => JUDGES[spec.validator.type] ?? spec.validator.type;

/** What else a run's record holds, below its steps. */
export const factLines = (view: RunView, columns: number, now: number): readonly Line[] => {
  const { run, origin, usage, budget } = view;
  const signed = receiptWords(view);
  const criteria = run.criteria.map(({ spec, state }) => {
    const shown = shownAs(state.status);
    return [
      span("criterion ", "dim"),
      marked(shown),
      span(` ${pad(shown.word, 10)}`, shown.tone),
      span(told(spec.description)),
    ];
  });
  const waivers = run.waivers.map(({ stepId, kind, reason, by }) => [
    span("waiver    ", "dim"),
    span(`${told(stepId)} ${kind}`, "warn"),
    span(` by ${told(by.name)}: ${told(reason)}`),
  ]);
  const notes = Object.entries(run.notes)
    .filter(([, value]) => value !== "")
    .map(([key, value]) => fact("note", `${told(key)} = ${told(value)}`));
  const facts = [
    fact("id", run.runId),
    ...(run.head === null
      ? []
      : [fact("head", run.head === run.base ? `${run.head} (nothing verified yet)` : run.head)]),
    fact("by", `${told(run.createdBy.name)}, session ${told(run.sessionKey)}`),
    ...(run.parent === null
      ? []
      : [fact("started", `by ${run.parent.runId}, step ${told(run.parent.stepId)}`)]),
    ...(run.forkedFrom === null
      ? []
      : [fact("forked", `from ${run.forkedFrom.runId}, event ${run.forkedFrom.seq}`)]),
    ...(origin === null
      ? []
      : [fact("imported", `from ledger ${told(origin.ledgerId)}, ${age(origin.importedAt, now)} ago`)]),
    ...(isSpending(usage) ? [fact("usage", usageWords(usage))] : []),
    ...(budget.length === 0 ? [] : [fact("budget", budgetWords(budget))]),
    ...(run.refusals.count === 0
      ? []
      : [
          fact(
            "refused",
            `${many(run.refusals.count, "call of a tool", "calls of tools")} by whoever may not`,
          ),
        ]),
    ...(signed === null ? [] : [fact("receipt", signed)]),
    ...trackedWords(run).map(([kind, words]) => fact(kind, told(words))),
    ...(run.workersLost === 0 ? [] : [fact("workers", `${many(run.workersLost, "was", "were")} lost`)]),
  ];
  return [...criteria, ...waivers, ...notes, ...facts].map((line) => fitLine([span(" "), ...line], columns));
};
