import type { RunView } from "../../../index.js";
import type { Key } from "../kit/keys.js";
import { beside, EMPTY, type Line, onGround, type Size, span, told } from "../kit/line.js";
import { moved, type Place, seen, TOP } from "../kit/list.js";
import { checkpointsPage } from "./checkpoints-page.js";
import { intentsPage } from "./intents-page.js";
import { journalPage } from "./journal-page.js";
import { type CommandName, keyFor } from "./keymap.js";
import { paneWidth } from "./layout.js";
import { actionsFor } from "./offers.js";
import type { Desk, Page } from "./page.js";
import { factLines, headLines, stepRows } from "./run-lines.js";
import { stepSummary } from "./step-lines.js";
import { stepPage } from "./step-page.js";
import { shortId } from "./words.js";

/** One run: what it waits for, its steps as a graph, and everything else its record holds. */
export const runPage = (desk: Desk, runId: string): Page => {
  let view: RunView | undefined;
  let place: Place = TOP;
  /** The step that stays chosen when others come in, as a decomposed one's do. */
  let chosenId: string | null = null;

  const rowsOf = (size: Size) => (view === undefined ? [] : runRows(view, size.columns, desk.now()));
  const load = async (size: Size): Promise<void> => {
    const first = view === undefined;
    view = await desk.app.view(runId);
    const rows = rowsOf(size);
    if (first) chosenId = view.waiting.stepId ?? view.currentStepId;
    const at = rows.findIndex(({ stepId }) => stepId !== null && stepId === chosenId);
    place = seen({ ...place, at: at === -1 ? place.at : at }, rows.length, listRoom(view, size, desk.now()));
    chosenId = rows[place.at]?.stepId ?? null;
  };
  const step = () => view?.run.steps.find(({ spec }) => spec.id === chosenId);
  const command = (name: CommandName, key: Key, size: Size): boolean => {
    if (view === undefined) return false;
    const rows = rowsOf(size);
    const next = moved(place, keyFor(name, key), rows.length, listRoom(view, size, desk.now()));
    if (next !== undefined) {
      place = next;
      chosenId = rows[place.at]?.stepId ?? null;
      return true;
    }
    if (name === "journal") desk.open(journalPage(desk, runId));
    else if (name === "checkpoints") desk.open(checkpointsPage(desk, runId));
    else if (name === "intents") desk.open(intentsPage(desk, runId));
    else if (name === "open" && chosenId !== null) desk.open(stepPage(desk, runId, chosenId));
    else return false;
    return true;
  };
  return {
    name: "run",
    load,
    title: () => [span(view === undefined ? shortId(runId) : told(view.run.goal))],
    draw: (size) => (view === undefined ? [] : drawRun(view, place, size, desk.now())),
    hints: () => [
      ...(chosenId === null ? [] : (["open"] as const)),
      "journal",
      ...(view?.run.checkpoint == null ? [] : (["checkpoints"] as const)),
      ...((view?.run.intents.length ?? 0) === 0 ? [] : (["intents"] as const)),
      ...actionsFor(view, step()),
      "note",
      "help",
      "back",
    ],
    command,
    target: () => {
      const chosen = step();
      return view === undefined
        ? { runId }
        : { runId, view, ...(chosen === undefined ? {} : { step: chosen }) };
    },
  };
};

/** What the chosen step beside the run leaves. */
const listWidth = (columns: number): number =>
  paneWidth(columns) === 0 ? columns : columns - paneWidth(columns) - 3;

type Row = { readonly stepId: string | null; readonly line: Line };

/** Steps first, then what else there is; all of it is one list. */
const runRows = (view: RunView, columns: number, now: number): readonly Row[] => {
  const width = listWidth(columns);
  const other = (line: Line): Row => ({ stepId: null, line });
  const steps = stepRows(view, width).map(({ step, line }) => ({ stepId: step.spec.id, line }));
  return [...steps, other(EMPTY), ...factLines(view, width, now).map(other)];
};

/** Lines of the head; on a low screen only the first of them, or the steps could not be seen. */
const runHead = (view: RunView, size: Size, now: number): readonly Line[] => {
  const lines = headLines(view, listWidth(size.columns) - 1, now).map((line) => [span(" "), ...line]);
  const room = Math.max(1, Math.floor(size.rows / 2) - 1);
  return lines.length <= room ? [...lines, EMPTY] : lines.slice(0, room);
};

const listRoom = (view: RunView, size: Size, now: number): number =>
  Math.max(1, size.rows - runHead(view, size, now).length);

const drawRun = (view: RunView, place: Place, size: Size, now: number): readonly Line[] => {
  const width = listWidth(size.columns);
  const rows = runRows(view, size.columns, now);
  const room = listRoom(view, size, now);
  const list = rows
    .slice(place.top, place.top + room)
    .map(({ line }, index) => (place.top + index === place.at ? onGround(line, "selected", width) : line));
  const left = [...runHead(view, size, now), ...list];
  if (paneWidth(size.columns) === 0) return left;
  const step = view.run.steps.find(({ spec }) => spec.id === rows[place.at]?.stepId);
  const right = step === undefined ? [] : stepSummary(view, step, paneWidth(size.columns), now);
  return beside(left, right, width, size.rows);
};
