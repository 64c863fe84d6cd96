import type { Hint } from "./frame.js";
import type { Key } from "./keys.js";
import { type Line, span } from "./line.js";
import { type Typing, typed, typing, typingLine } from "./typing.js";

/** A search or a filter while it is typed, in the line of keys. */
export interface Entry {
  open(text: string): void;
  /** False while nothing is being typed. */
  type(key: Key): boolean;
  shown(columns: number): { readonly line: Line; readonly hints: readonly Hint[] } | undefined;
}

/** Columns beside it that its keys need. */
const BESIDE = 30;

export const textEntry = (on: {
  /** What Enter does, in a word. */
  readonly confirm: string;
  readonly changed: (text: string) => void;
  readonly done?: () => void;
}): Entry => {
  let now: Typing | null = null;
  return {
    open: (text) => {
      now = typing(text);
    },
    type: (key) => {
      if (now === null) return false;
      const before = now.text;
      const left = key === "escape" || key === "ctrl+c";
      if (key === "enter") {
        now = null;
        on.done?.();
      } else if (left) now = null;
      else now = typed(now, key) ?? now;
      if (left) on.changed("");
      else if (now !== null && now.text !== before) on.changed(now.text);
      return true;
    },
    shown: (columns) =>
      now === null
        ? undefined
        : {
            line: [span("/", "key"), ...typingLine(now, Math.max(4, columns - BESIDE))],
            hints: [
              ["enter", on.confirm],
              ["esc", "clear"],
            ],
          },
  };
};
