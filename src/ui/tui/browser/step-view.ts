import type { RunView, WorkedStep } from "../../../index.js";
import { EMPTY, type Line, type Size, span } from "../kit/line.js";
import { type Pane, paneLines } from "./pane.js";
import { diffLines, logLines, proposalLines, stepHead, verdictLines, verdictOf } from "./step-lines.js";

const TABS = ["proposal", "diff", "verdict", "agent log", "judge log", "effects"] as const;
export type Tab = (typeof TABS)[number];

/** Most agents do nothing to the world but in their workspace. */
export const tabsOf = (step: WorkedStep): readonly Tab[] =>
  step.effects.recorded === 0 ? TABS.filter((tab) => tab !== "effects") : TABS;

/** Everything that a step's page is drawn from. */
export type StepView = {
  readonly view: RunView;
  /** Of a raced step as one of its candidates has it. */
  readonly step: WorkedStep;
  readonly tab: Tab;
  readonly follow: boolean;
  readonly pane: Pane;
  /** The text of the tab, when it has one of its own. */
  readonly text: string | null;
};

const head = ({ view, step }: StepView, columns: number, now: number): readonly Line[] => [
  ...stepHead(view, step, columns - 1, now).map((line) => [span(" "), ...line]),
  EMPTY,
];

/** On a low screen the text is what counts. */
const ROWS_FOR_HEAD = 14;
const above = (shown: StepView, size: Size, now: number): readonly Line[] =>
  size.rows >= ROWS_FOR_HEAD ? head(shown, size.columns, now) : [];

export const paneRows = (shown: StepView, size: Size, now: number): number =>
  Math.max(1, size.rows - above(shown, size, now).length - 1);

export const atEnd = (shown: StepView, size: Size, now: number): Pane => {
  const count = contentLines(shown, size.columns, now).length;
  return { ...shown.pane, top: Math.max(0, count - paneRows(shown, size, now)) };
};

/** Lines of a text are made once for a width: a log of a quarter of a megabyte takes a while. */
const made: { key: readonly unknown[]; lines: readonly Line[] } = { key: [], lines: [] };

export const contentLines = (shown: StepView, columns: number, now: number): readonly Line[] => {
  const { tab, text, step } = shown;
  const verdict = verdictOf(step);
  if (tab === "proposal") return proposalLines(shown.view.run, step, columns - 2, now);
  if (tab === "verdict")
    return verdict === null ? [[span("No verdict yet.", "dim")]] : verdictLines(verdict, columns - 2);
  if (text === null || text.trim() === "") return [[span(nothingIn[tab], "dim")]];
  const key = [tab, text, columns];
  if (key.some((part, index) => part !== made.key[index])) {
    made.key = key;
    made.lines = tab === "diff" ? diffLines(text, columns - 2) : logLines(text, columns - 2);
  }
  return made.lines;
};

const nothingIn: Readonly<Record<Exclude<Tab, "proposal" | "verdict">, string>> = {
  diff: "No change is captured.",
  "agent log": "The agent has said nothing here.",
  "judge log": "The judge has said nothing.",
  effects: "No effects are recorded.",
};

/** A step with one of its panes. */
export const drawStep = (shown: StepView, size: Size, now: number): readonly Line[] => {
  const rows = paneRows(shown, size, now);
  const names = tabsOf(shown.step);
  const gap = span(names.length === TABS.length ? "  " : "   ");
  const tabs = names.flatMap((tab) => [span(tab, tab === shown.tab ? "strong" : "dim"), gap]);
  const live = shown.tab === "agent log" && shown.step.state.status === "in_progress" && shown.follow;
  const lines = contentLines(shown, size.columns, now);
  return [
    ...above(shown, size, now),
    [span(" "), ...tabs, ...(live ? [span("following", "busy")] : [])],
    ...paneLines(shown.pane, lines, { columns: size.columns - 2, rows }).map((line) => [span(" "), ...line]),
  ];
};
