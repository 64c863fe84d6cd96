import { open, stat } from "node:fs/promises";
import { LedgerError, type RunView, type Step } from "../../../index.js";
import type { Key } from "../kit/keys.js";
import { EMPTY, type Line, type Size, span, told } from "../kit/line.js";
import { type Typing, typed, typing, typingLine } from "../kit/typing.js";
import { journalPage } from "./journal-page.js";
import type { CommandName } from "./keymap.js";
import { actionsFor } from "./offers.js";
import type { Desk, Page } from "./page.js";
import { hit, PANE, type Pane, paneLines, scrolled } from "./pane.js";
import { diffLines, logLines, proposalLines, stepHead, verdictLines, verdictOf } from "./step-lines.js";

export const TABS = ["proposal", "diff", "verdict", "agent log", "judge log"] as const;
export type Tab = (typeof TABS)[number];

/** Everything that a step's page is drawn from. */
export type StepView = {
  readonly view: RunView;
  readonly step: Step;
  readonly tab: Tab;
  readonly follow: boolean;
  readonly pane: Pane;
  /** The text of the tab, when it has one of its own. */
  readonly text: string | null;
};

/** The end of a log, or the beginning of a patch: more than anybody reads here. `runledger logs` has all of it. */
const BYTES_MAX = 256 * 1024;

export const stepPage = (desk: Desk, runId: string, stepId: string): Page => {
  let now: StepView | undefined;
  let entry: Typing | null = null;
  let logSize = -1;

  const load = async (size: Size): Promise<void> => {
    const view = await desk.app.view(runId);
    const step = view.run.steps.find(({ spec }) => spec.id === stepId);
    if (step === undefined)
      throw new LedgerError("step_not_found", `Run "${runId}" has no step "${stepId}" any more.`);
    const tab = now?.tab ?? firstTab(step);
    const follow = now?.follow ?? true;
    const text = await textOf(tab, view, step);
    now = { view, step, tab, follow, pane: now?.pane ?? PANE, text };
    if (tab === "agent log" && follow) now = { ...now, pane: atEnd(now, size, desk.now()) };
  };
  const textOf = async (tab: Tab, view: RunView, step: Step): Promise<string | null> => {
    if (tab === "agent log") return endOf(logFile(view, step));
    const { state } = step;
    const blob =
      tab === "diff" && "proposal" in state
        ? (state.proposal?.capture.patch ?? null)
        : tab === "judge log"
          ? (verdictOf(step)?.log ?? null)
          : null;
    return blob === null ? null : blobText(blob);
  };
  const blobText = async (hash: string): Promise<string | null> => {
    const bytes = await desk.app.ledger.store.getBlob(hash);
    if (bytes === undefined) return null;
    const text = Buffer.from(bytes.subarray(0, BYTES_MAX)).toString("utf8");
    return bytes.length > BYTES_MAX ? `${text}\n… and ${bytes.length - BYTES_MAX} bytes more` : text;
  };
  const logFile = (_view: RunView, step: Step): string => desk.app.agentLog(runId, stepId, step.attempt);
  const show = (change: Partial<StepView>): boolean => {
    if (now !== undefined) now = { ...now, ...change };
    return true;
  };
  const command = (name: CommandName, key: Key, size: Size): boolean => {
    if (now === undefined) return false;
    const lines = contentLines(now, size.columns, desk.now());
    const rows = paneRows(now, size, desk.now());
    const pane = scrolled(now.pane, key, lines.length, rows);
    if (pane !== undefined) return show({ pane, follow: name === "last" });
    switch (name) {
      case "next":
      case "previous": {
        const by = name === "next" ? 1 : TABS.length - 1;
        const tab = TABS[(TABS.indexOf(now.tab) + by) % TABS.length] ?? "proposal";
        return show({ tab, pane: { ...PANE, search: now.pane.search }, text: null });
      }
      case "follow":
        return show({ follow: !now.follow });
      case "search":
        entry = typing(now.pane.search);
        return true;
      case "nextHit":
      case "previousHit":
        return show({ pane: hit(now.pane, lines, name === "nextHit" ? 1 : -1) ?? now.pane, follow: false });
      case "journal":
        desk.open(journalPage(desk, runId));
        return true;
      default:
        return false;
    }
  };
  const type = (key: Key, size: Size): boolean => {
    if (entry === null || now === undefined) return false;
    if (key === "escape" || key === "ctrl+c") {
      entry = null;
      return show({ pane: { ...now.pane, search: "" } });
    }
    if (key === "enter") {
      entry = null;
      const lines = contentLines(now, size.columns, desk.now());
      return show({ pane: hit({ ...now.pane, top: now.pane.top - 1 }, lines, 1) ?? now.pane, follow: false });
    }
    entry = typed(entry, key) ?? entry;
    return show({ pane: { ...now.pane, search: entry.text } });
  };
  return {
    name: "step",
    load,
    title: () => [span(told(stepId))],
    draw: (size) => (now === undefined ? [] : drawStep(now, size, desk.now())),
    hints: () => [
      "next",
      ...actionsFor(now?.view, now?.step),
      ...(now?.tab === "agent log" ? (["follow"] as const) : []),
      "search",
      "journal",
      "help",
      "back",
    ],
    type,
    command,
    target: () => (now === undefined ? undefined : { runId, view: now.view, step: now.step }),
    typing: (columns) =>
      entry === null
        ? undefined
        : {
            line: [span("/", "key"), ...typingLine(entry, Math.max(4, columns - 30))],
            hints: [
              ["enter", "search"],
              ["esc", "clear"],
            ],
          },
    alive: async () => {
      if (now === undefined || now.tab !== "agent log" || now.step.state.status !== "in_progress")
        return false;
      const bytes = (await stat(logFile(now.view, now.step)).catch(() => undefined))?.size ?? -1;
      const grown = bytes !== logSize;
      logSize = bytes;
      return grown;
    },
  };
};

/** What one looks for first, by what the step is at. */
const firstTab = ({ state }: Step): Tab => {
  if (state.status === "in_progress" || state.status === "interrupted") return "agent log";
  return state.status === "failed" || state.status === "completed" ? "verdict" : "proposal";
};

/** Null when there is no such file. */
const endOf = async (path: string): Promise<string | null> => {
  const file = await open(path, "r").catch(() => undefined);
  if (file === undefined) return null;
  try {
    const { size } = await file.stat();
    const from = Math.max(0, size - BYTES_MAX);
    const { buffer, bytesRead } = await file.read(
      Buffer.alloc(Math.min(size, BYTES_MAX)),
      0,
      undefined,
      from,
    );
    const text = buffer.subarray(0, bytesRead).toString("utf8");
    return from === 0 ? text : `… ${from} bytes before\n${text}`;
  } finally {
    await file.close();
  }
};

const head = ({ view, step }: StepView, columns: number, now: number): readonly Line[] => [
  ...stepHead(view, step, columns - 1, now).map((line) => [span(" "), ...line]),
  EMPTY,
];

/** On a low screen the text is what counts. */
const ROWS_FOR_HEAD = 14;
const above = (shown: StepView, size: Size, now: number): readonly Line[] =>
  size.rows >= ROWS_FOR_HEAD ? head(shown, size.columns, now) : [];

const paneRows = (shown: StepView, size: Size, now: number): number =>
  Math.max(1, size.rows - above(shown, size, now).length - 1);

const atEnd = (shown: StepView, size: Size, now: number): Pane => {
  const count = contentLines(shown, size.columns, now).length;
  return { ...shown.pane, top: Math.max(0, count - paneRows(shown, size, now)) };
};

/** Lines of a text are made once for a width: a log of a quarter of a megabyte takes a while. */
const made: { key: readonly unknown[]; lines: readonly Line[] } = { key: [], lines: [] };

const contentLines = (shown: StepView, columns: number, now: number): readonly Line[] => {
  const { tab, text, step } = shown;
  const verdict = verdictOf(step);
  if (tab === "proposal") return proposalLines(step, columns - 2, now);
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
};

/** A step with one of its panes. */
export const drawStep = (shown: StepView, size: Size, now: number): readonly Line[] => {
  const rows = paneRows(shown, size, now);
  const tabs = TABS.flatMap((tab) => [span(tab, tab === shown.tab ? "strong" : "dim"), span("   ")]);
  const live = shown.tab === "agent log" && shown.step.state.status === "in_progress" && shown.follow;
  const lines = contentLines(shown, size.columns, now);
  return [
    ...above(shown, size, now),
    [span(" "), ...tabs, ...(live ? [span("following", "busy")] : [])],
    ...paneLines(shown.pane, lines, { columns: size.columns - 2, rows }).map((line) => [span(" "), ...line]),
  ];
};
