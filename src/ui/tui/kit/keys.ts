import type { Key as InkKey } from "ink";

/** A named key ("up", "enter", "ctrl+c") or one character as it was typed. */
export type Key = string;

const NAMED = [
  ["upArrow", "up"],
  ["downArrow", "down"],
  ["leftArrow", "left"],
  ["rightArrow", "right"],
  ["pageUp", "pageup"],
  ["pageDown", "pagedown"],
  ["home", "home"],
  ["end", "end"],
  ["return", "enter"],
  ["escape", "escape"],
  // Most terminals send for backspace what Ink calls delete.
  ["backspace", "backspace"],
  ["delete", "backspace"],
] as const satisfies readonly (readonly [keyof InkKey, Key])[];

// One read of a terminal may bring many keys: quick typing, a paste, a script.
export const keysOf = (input: string, key: InkKey): readonly Key[] => {
  if (key.tab) return [key.shift ? "shift+tab" : "tab"];
  const named = NAMED.find(([flag]) => key[flag] === true);
  if (named !== undefined) return [named[1]];
  if (key.ctrl) return [`ctrl+${input}`];
  if (key.meta) return [];
  return [...input].map(keyOfChar);
};

const CONTROLS: Readonly<Record<string, Key>> = {
  "\r": "enter",
  "\n": "enter",
  "\t": "tab",
  "\b": "backspace",
  "\u007f": "backspace",
  "\u001b": "escape",
};

const keyOfChar = (char: string): Key => {
  const control = CONTROLS[char];
  if (control !== undefined) return control;
  return char < " " ? `ctrl+${String.fromCharCode(char.charCodeAt(0) + 96)}` : char;
};

/** Typed as text, not as an order. */
export const isText = (key: Key): boolean => [...key].length === 1;
