import type { Key } from "./keys.js";

/** What is chosen in a list of which only a window is seen. */
export type Place = { readonly at: number; readonly top: number };

export const TOP: Place = { at: 0, top: 0 };

/** Undefined for a key that does not move. `rows` are those that can be seen. */
export const moved = (place: Place, key: Key, count: number, rows: number): Place | undefined => {
  const at = target(place.at, key, count, rows);
  return at === undefined ? undefined : seen({ ...place, at }, count, rows);
};

const target = (at: number, key: Key, count: number, rows: number): number | undefined => {
  const page = Math.max(1, rows - 1);
  switch (key) {
    case "j":
    case "down":
      return at + 1;
    case "k":
    case "up":
      return at - 1;
    case "pagedown":
    case "ctrl+f":
    case " ":
      return at + page;
    case "pageup":
    case "ctrl+b":
      return at - page;
    case "ctrl+d":
      return at + Math.ceil(page / 2);
    case "ctrl+u":
      return at - Math.ceil(page / 2);
    case "g":
    case "home":
      return 0;
    case "G":
    case "end":
      return count - 1;
    default:
      return undefined;
  }
};

/** Within the list, and moved so that what is chosen can be seen. */
export const seen = ({ at, top }: Place, count: number, rows: number): Place => {
  const chosen = Math.max(0, Math.min(at, count - 1));
  const lowest = Math.max(0, count - rows);
  return { at: chosen, top: Math.max(0, Math.min(top, chosen, lowest), chosen - rows + 1) };
};
