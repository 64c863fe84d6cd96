import type { StoredEvent } from "../../../index.js";
import { textEntry } from "../kit/entry.js";
import { cut, EMPTY, type Line, span, told } from "../kit/line.js";
import type { Page } from "./page.js";
import { PANE, type Pane, paneLines, searched, steered } from "./pane.js";
import { logLines } from "./step-lines.js";
import { eventMark, eventText, fact } from "./words.js";

/** An event as it was recorded, payload and all. It never changes, so nothing is read again. */
export const eventPage = (event: StoredEvent): Page => {
  let pane: Pane = PANE;
  let width = 0;
  const lines = (): readonly Line[] => eventLines(event, width);
  const search = textEntry({
    confirm: "search",
    changed: (text) => {
      pane = searched(pane, text, lines());
    },
  });
  return {
    name: "event",
    load: async ({ columns }) => {
      width = columns - 2;
    },
    title: () => [span(`event ${event.seq}`)],
    draw: ({ rows }) =>
      paneLines(pane, lines(), { columns: width, rows }).map((line) => [span(" "), ...line]),
    hints: () => ["search", "copy", "help", "back"],
    type: search.type,
    typing: search.shown,
    command: (name, key, size) => {
      const next = steered(pane, name, key, lines(), size.rows);
      if (next !== undefined) pane = next;
      else if (name === "search") search.open(pane.search);
      else return false;
      return true;
    },
    target: () => ({ runId: event.runId }),
  };
};

/** Header and payload. */
export const eventLines = (event: StoredEvent, columns: number): readonly Line[] => {
  const { seq, type, version, at, actor, sessionKey, payload, hash, prevHash, position } = event;
  return [
    [eventMark(event), span(` ${cut(eventText(event), columns - 2)}`, "strong")],
    EMPTY,
    fact("event", `${seq}, ${type} (version ${version})`),
    fact("time", at),
    fact("by", `${told(actor.name)} (${actor.role}), session ${told(sessionKey)}`),
    ...("attempt" in event ? [fact("attempt", String(event.attempt))] : []),
    fact("position", String(position)),
    fact("hash", hash, "dim"),
    fact("before", prevHash, "dim"),
    EMPTY,
    ...logLines(JSON.stringify(payload, null, 2), columns),
  ];
};
