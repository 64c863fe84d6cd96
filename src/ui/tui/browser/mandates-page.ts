import type { ListedMandate } from "../../../index.js";
import { saysWords } from "../../cli/mandate-words.js";
import { EMPTY, type Line, onGround, type Size, span, told, wrap } from "../kit/line.js";
import { moved, type Place, seen, TOP } from "../kit/list.js";
import type { Dialog } from "./dialog.js";
import { keyFor } from "./keymap.js";
import { hasHead } from "./layout.js";
import type { Desk, Page } from "./page.js";
import { perform } from "./perform.js";
import { age, many, marked, shownAs } from "./words.js";

/** Lines above the list: how many there are, and a blank. */
const ABOVE = 2;
/** Lines below the list that say all of the chosen one. */
const BELOW = 6;
/** With fewer rows the list has them all. */
const ROWS_FOR_ALL = 16;

const rowsFor = ({ rows }: Size): number =>
  Math.max(1, rows - (hasHead({ rows, columns: 0 }) ? ABOVE : 0) - (rows >= ROWS_FOR_ALL ? BELOW : 0));

/** Who answers for whom, and what is approved beforehand: the newest first. */
export const mandatesPage = (desk: Desk): Page => {
  let mandates: readonly ListedMandate[] | undefined;
  let place: Place = TOP;
  let chosenId: string | null = null;
  const chosen = (): ListedMandate | undefined => mandates?.[place.at];
  return {
    name: "mandates",
    load: async (size) => {
      mandates = (await desk.app.mandates()).toReversed();
      const at = mandates.findIndex(({ id }) => id === chosenId);
      place = seen({ ...place, at: at === -1 ? place.at : at }, mandates.length, rowsFor(size));
      chosenId = chosen()?.id ?? null;
    },
    title: () => [span("mandates")],
    draw: (size) => (mandates === undefined ? [] : drawMandates(mandates, place, size, desk.now())),
    hints: () => [...(chosen()?.state === "active" ? (["revoke"] as const) : []), "refresh", "help", "back"],
    command: (name, key, size) => {
      const next = moved(place, keyFor(name, key), mandates?.length ?? 0, rowsFor(size));
      const one = chosen();
      if (next !== undefined) {
        place = next;
        chosenId = chosen()?.id ?? null;
      } else if (name === "revoke" && one?.state === "active") desk.ask(takingBack(one, desk));
      else if (name === "revoke") desk.say({ tone: "plain", lines: ["Nothing here is to be taken back."] });
      else return name === "refresh";
      return true;
    },
    target: () => undefined,
  };
};

const takingBack = (one: ListedMandate, desk: Desk): Dialog => {
  const twin = (): string => `runledger mandate revoke ${one.id}`;
  return {
    title: "Take it back",
    text: [told(saysWords(one)), "From the next answer on it counts no more."],
    fields: [],
    twin,
    confirm: "take it back",
    done: () =>
      perform(desk, twin(), async () => {
        const { id, by } = await desk.app.revokeMandate(desk.caller, one.id);
        return [told(`${id} of ${by} counts no more`)];
      }),
  };
};

const drawMandates = (
  mandates: readonly ListedMandate[],
  place: Place,
  size: Size,
  now: number,
): readonly Line[] => {
  if (mandates.length === 0)
    return wrap(
      "Nobody answers for anybody else here, and nothing is approved beforehand. At the terminal: runledger mandate delegate, runledger mandate approve",
      size.columns - 1,
    ).map((text) => [span(` ${text}`, "dim")]);
  const rows = rowsFor(size);
  const list = mandates
    .slice(place.top, place.top + rows)
    .map((one, index) => [rowOf(one, now), place.top + index === place.at] as const)
    .map(([line, isChosen]) => (isChosen ? onGround(line, "selected", size.columns) : line));
  const head: Line = [span(` ${many(mandates.length, "mandate")}`, "strong")];
  const all = hasHead(size) ? [head, EMPTY, ...list] : list;
  const one = mandates[place.at];
  if (one === undefined || size.rows < ROWS_FOR_ALL) return all;
  return [...all, EMPTY, ...wholeLines(one, size.columns - 2)].slice(0, size.rows);
};

const rowOf = (one: ListedMandate, now: number): Line => {
  const shown = shownAs(one.state);
  return [
    span(" "),
    marked(shown),
    span(` ${shown.word.padEnd(8)}`, shown.tone),
    span(` ${untilWords(one, now).padEnd(10)}`, "dim"),
    span(` ${told(saysWords(one))}`),
  ];
};

const untilWords = ({ state, expiresAt }: ListedMandate, now: number): string =>
  state === "active" ? `${age(new Date(now).toISOString(), Date.parse(expiresAt))} left` : "";

/** Nothing of what counts for a person is cut off. */
const wholeLines = (one: ListedMandate, columns: number): readonly Line[] =>
  [
    saysWords(one),
    `${one.id}, given ${one.createdAt}, until ${one.expiresAt}`,
    ...(one.revokedAt === null ? [] : [`taken back ${one.revokedAt} by ${one.revokedBy}`]),
  ]
    .flatMap((text) => wrap(told(text), columns))
    .map((text) => [span(` ${text}`, "dim")]);
