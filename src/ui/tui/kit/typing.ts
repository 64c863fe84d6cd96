import { isText, type Key } from "./keys.js";
import { type Line, span, told, widthOf } from "./line.js";

/** A line that is being typed; the cursor stands before this character. */
export type Typing = { readonly text: string; readonly at: number };

export const typing = (text = ""): Typing => ({ text, at: [...text].length });

/** Undefined for a key that edits nothing. */
export const typed = ({ text, at }: Typing, key: Key): Typing | undefined => {
  const chars = [...text];
  const put = (from: number, gone: number, ...added: string[]): Typing => ({
    text: chars.toSpliced(from, gone, ...added).join(""),
    at: from + added.length,
  });
  if (isText(key)) return put(at, 0, key);
  switch (key) {
    case "backspace":
      return at === 0 ? { text, at } : put(at - 1, 1);
    case "ctrl+u":
      return put(0, at);
    case "ctrl+w": {
      const word = /\S*\s*$/.exec(chars.slice(0, at).join(""))?.[0] ?? "";
      return put(at - [...word].length, [...word].length);
    }
    case "left":
      return { text, at: Math.max(0, at - 1) };
    case "right":
      return { text, at: Math.min(chars.length, at + 1) };
    case "home":
    case "ctrl+a":
      return { text, at: 0 };
    case "end":
    case "ctrl+e":
      return { text, at: chars.length };
    default:
      return undefined;
  }
};

/** The text with its cursor, moved so that the cursor can be seen. */
export const typingLine = ({ text, at }: Typing, width: number): Line => {
  const chars = [...told(text), " "];
  let from = 0;
  while (from < at && widthOf(chars.slice(from, at + 1).join("")) > width) from += 1;
  return [
    span(chars.slice(from, at).join("")),
    { ...span(chars[at] ?? " "), tone: "strong", ground: "selected" },
    span(chars.slice(at + 1).join("")),
  ];
};
