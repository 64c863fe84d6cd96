import type { IntentView, RunView } from "../../../index.js";
import { beside, EMPTY, type Line, onGround, type Size, span } from "../kit/line.js";
import { moved, type Place, seen, TOP } from "../kit/list.js";
import { ordersTo } from "./intent-actions.js";
import { intentHeads, intentLines, intentRow } from "./intent-lines.js";
import { intentPage } from "./intent-page.js";
import { journalPage } from "./journal-page.js";
import { keyFor } from "./keymap.js";
import { listRows, paneWidth } from "./layout.js";
import { mandatesPage } from "./mandates-page.js";
import type { Desk, Page } from "./page.js";
import { counted, many, shownAs } from "./words.js";

/** Everything that the page of intents is drawn from; the newest first. */
type State = {
  readonly intents: readonly IntentView[];
  readonly place: Place;
  readonly chosenId: string | null;
  /** Where the ledger was when they were read: an intent that was skipped changes with another run. Null before they were. */
  readonly readAt: number | null;
};

const ABOVE = 2;

/** What would leave the building if somebody let it, and what became of it. */
export const intentsPage = (desk: Desk, runId: string): Page => {
  let state: State = { intents: [], place: TOP, chosenId: null, readAt: null };
  let view: RunView | undefined;
  const chosen = (): IntentView | undefined => state.intents[state.place.at];
  return {
    name: "intents",
    load: async (size) => {
      const before = state;
      view = await desk.app.view(runId);
      const read = await readIntents(desk, runId, before, listRows(size, ABOVE));
      if (state === before) state = read;
      else desk.refresh();
    },
    title: () => [span("intents")],
    draw: (size) => (state.readAt === null ? [] : drawIntents(state, view, size, desk.now())),
    hints: () => [
      ...(chosen() === undefined ? [] : (["open"] as const)),
      ...ordersTo(chosen(), desk.now()),
      "journal",
      "help",
      "back",
    ],
    command: (name, key, size) => {
      const place = moved(state.place, keyFor(name, key), state.intents.length, listRows(size, ABOVE));
      const intent = chosen();
      if (place !== undefined)
        state = { ...state, place, chosenId: state.intents[place.at]?.intentId ?? null };
      else if (name === "open" && intent !== undefined) desk.open(intentPage(desk, intent.intentId));
      else if (name === "journal") desk.open(journalPage(desk, runId));
      else if (name === "mandates") desk.open(mandatesPage(desk));
      else return false;
      return true;
    },
    target: () => {
      const intent = chosen();
      return {
        runId,
        ...(view === undefined ? {} : { view }),
        ...(intent === undefined ? {} : { intent }),
      };
    },
  };
};

const readIntents = async (
  { app, caller }: Desk,
  runId: string,
  state: State,
  rows: number,
): Promise<State> => {
  const readAt = await app.ledger.store.position();
  const intents = readAt === state.readAt ? state.intents : await app.gate(caller).listIntents({ runId });
  const at = intents.findIndex(({ intentId }) => intentId === state.chosenId);
  const place = seen({ ...state.place, at: at === -1 ? state.place.at : at }, intents.length, rows);
  return { intents, place, chosenId: intents[place.at]?.intentId ?? null, readAt };
};

const drawIntents = (
  { intents, place }: State,
  view: RunView | undefined,
  size: Size,
  now: number,
): readonly Line[] => {
  const side = paneWidth(size.columns);
  const width = side === 0 ? size.columns : size.columns - side - 3;
  const rows = listRows(size, ABOVE);
  const list = intents
    .slice(place.top, place.top + rows)
    .map((one, index) => [intentRow(one, width, now), place.top + index === place.at] as const)
    .map(([line, isChosen]) => (isChosen ? onGround(line, "selected", width) : line));
  const none: Line = [span(" No intent: nobody has asked to send anything out.", "dim")];
  const lines = intents.length === 0 ? [none] : list;
  const all = view?.run.intents.length ?? intents.length;
  const left =
    rows === size.rows
      ? lines
      : [headOf(intents, all), intents.length === 0 ? EMPTY : intentHeads(width), ...lines];
  const chosen = intents[place.at];
  if (side === 0) return left;
  return beside(left, chosen === undefined ? [] : intentLines(chosen, side, now), width, size.rows);
};

/** How many there are, and how many of them ask somebody. */
const headOf = (intents: readonly IntentView[], all: number): Line => {
  const words = ["pending_approval", "unknown"].flatMap((status) => {
    const found = intents.filter((one) => one.status === status);
    return found.length === 0 ? [] : [`${counted(found.length)} ${shownAs(status).word}`];
  });
  const newest = all > intents.length ? [`the ${counted(intents.length)} newest are here`] : [];
  return [span(` ${many(all, "intent")}`, "strong"), span(`  ${[...words, ...newest].join(", ")}`, "dim")];
};
