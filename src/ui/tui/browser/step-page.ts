import { LedgerError, type Step, shownCandidate, workedStep } from "../../../index.js";
import { textEntry } from "../kit/entry.js";
import { type Size, span, told } from "../kit/line.js";
import { checkpointsPage } from "./checkpoints-page.js";
import { intentsPage } from "./intents-page.js";
import { journalPage } from "./journal-page.js";
import type { CommandName } from "./keymap.js";
import { actionsFor } from "./offers.js";
import type { Desk, Page } from "./page.js";
import { PANE, searched, steered } from "./pane.js";
import { logBytes, textOf } from "./step-read.js";
import { atEnd, contentLines, drawStep, paneRows, type StepView, type Tab, tabsOf } from "./step-view.js";

export const stepPage = (desk: Desk, runId: string, stepId: string): Page => {
  let state: StepView | undefined;
  let width = 0;
  let logSeen = -1;
  const search = textEntry({
    confirm: "search",
    changed: (text) => {
      if (state === undefined) return;
      const pane = searched(state.pane, text, contentLines(state, width, desk.now()));
      state = { ...state, pane, follow: false };
    },
  });
  return {
    name: "step",
    load: async (size) => {
      width = size.columns;
      const before = state;
      const read = await readStep(desk, { runId, stepId }, before, size);
      if (state === before) state = read;
      else desk.refresh();
    },
    title: () => [span(told(stepId))],
    draw: (size) => (state === undefined ? [] : drawStep(state, size, desk.now())),
    hints: () => [
      "next",
      ...actionsFor(state?.view, state && wholeStep(state)),
      ...(state?.step.candidate === undefined ? [] : (["candidate"] as const)),
      ...(state?.tab === "agent log" ? (["follow"] as const) : []),
      "search",
      "journal",
      "help",
      "back",
    ],
    type: search.type,
    typing: search.shown,
    command: (name, key, size) => {
      if (state === undefined) return false;
      const lines = contentLines(state, size.columns, desk.now());
      const pane = steered(state.pane, name, key, lines, paneRows(state, size, desk.now()));
      const turned = turnedTo(state, name);
      if (pane !== undefined) state = { ...state, pane, follow: name === "last" };
      else if (turned !== undefined) state = turned;
      else if (name === "search") search.open(state.pane.search);
      else if (name === "journal") desk.open(journalPage(desk, runId));
      else if (name === "checkpoints") desk.open(checkpointsPage(desk, runId));
      else if (name === "intents") desk.open(intentsPage(desk, runId));
      else return false;
      return true;
    },
    target: () => (state === undefined ? undefined : { runId, view: state.view, step: wholeStep(state) }),
    alive: async () => {
      if (state?.tab !== "agent log" || state.step.state.status !== "in_progress") return false;
      const before = logSeen;
      logSeen = await logBytes(desk.app.agentLog(runId, stepId, state.step.attempt, state.step.candidate));
      return logSeen !== before;
    },
  };
};

const readStep = async (
  desk: Desk,
  { runId, stepId }: { readonly runId: string; readonly stepId: string },
  before: StepView | undefined,
  size: Size,
): Promise<StepView> => {
  const view = await desk.app.view(runId);
  const whole = view.run.steps.find(({ spec }) => spec.id === stepId);
  if (whole === undefined)
    throw new LedgerError("step_not_found", `Run "${runId}" has no step "${stepId}" any more.`);
  const step = workedStep(whole, before?.step.candidate ?? shownCandidate(whole));
  const tab = before?.tab ?? firstTab(step);
  const { follow = true, pane = PANE } = before ?? {};
  const state = { view, step, tab, follow, pane, text: await textOf(desk.app, runId, step, tab) };
  return tab === "agent log" && follow ? { ...state, pane: atEnd(state, size, desk.now()) } : state;
};

/** What one looks for first, by what the step is at. */
const firstTab = ({ state }: Step): Tab => {
  if (state.status === "in_progress" || state.status === "interrupted") return "agent log";
  return state.status === "failed" || state.status === "completed" ? "verdict" : "proposal";
};

/** Undefined for what neither turns to another tab nor follows. */
const turnedTo = (state: StepView, name: CommandName): StepView | undefined => {
  if (name === "follow") return { ...state, follow: !state.follow };
  if (name === "candidate") return withNextCandidate(state);
  if (name !== "next" && name !== "previous") return undefined;
  const tabs = tabsOf(state.step);
  const by = name === "next" ? 1 : tabs.length - 1;
  const tab = tabs[(tabs.indexOf(state.tab) + by) % tabs.length] ?? "proposal";
  return { ...state, tab, pane: { ...PANE, search: state.pane.search }, text: null };
};

/** What is decided is decided for the step, whoever of its candidates is looked at. */
const wholeStep = ({ view, step }: StepView): Step =>
  view.run.steps.find(({ spec }) => spec.id === step.spec.id) ?? step;

const withNextCandidate = (state: StepView): StepView => {
  const { step, pane } = state;
  if (step.candidate === undefined) return state;
  const next = workedStep(wholeStep(state), (step.candidate % step.candidates.length) + 1);
  return { ...state, step: next, pane: { ...PANE, search: pane.search }, text: null };
};
