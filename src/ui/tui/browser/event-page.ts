import type { StoredEvent } from "../../../index.js";
import type { Key } from "../kit/keys.js";
import { cut, EMPTY, type Line, type Size, span, told } from "../kit/line.js";
import { type Typing, typed, typing, typingLine } from "../kit/typing.js";
import type { CommandName } from "./keymap.js";
import type { Desk, Page } from "./page.js";
import { hit, PANE, type Pane, paneLines, scrolled } from "./pane.js";
import { logLines } from "./step-lines.js";
import { eventMark, eventText, fact } from "./words.js";

/** An event as it was recorded, payload and all. It never changes, so nothing is read again. */
export const eventPage = (desk: Desk, event: StoredEvent): Page => {
  let pane: Pane = PANE;
  let entry: Typing | null = null;
  const lines = (columns: number): readonly Line[] => eventLines(event, columns - 2);
  const command = (name: CommandName, key: Key, size: Size): boolean => {
    const next = scrolled(pane, key, lines(size.columns).length, size.rows);
    if (next !== undefined) pane = next;
    else if (name === "search") entry = typing(pane.search);
    else if (name === "nextHit") pane = hit(pane, lines(size.columns), 1) ?? pane;
    else if (name === "previousHit") pane = hit(pane, lines(size.columns), -1) ?? pane;
    else return false;
    return true;
  };
  const type = (key: Key, size: Size): boolean => {
    if (entry === null) return false;
    if (key === "enter") {
      entry = null;
      pane = hit({ ...pane, top: pane.top - 1 }, lines(size.columns), 1) ?? pane;
    } else if (key === "escape" || key === "ctrl+c") {
      entry = null;
      pane = { ...pane, search: "" };
    } else {
      entry = typed(entry, key) ?? entry;
      pane = { ...pane, search: entry.text };
    }
    return true;
  };
  void desk;
  return {
    name: "event",
    load: async () => undefined,
    title: () => [span(`event ${event.seq}`)],
    draw: (size) =>
      paneLines(pane, lines(size.columns), { ...size, columns: size.columns - 2 }).map((line) => [
        span(" "),
        ...line,
      ]),
    hints: () => ["search", "copy", "help", "back"],
    type,
    command,
    target: () => ({ runId: event.runId }),
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
