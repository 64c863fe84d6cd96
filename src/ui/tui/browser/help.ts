import type { Line } from "../kit/line.js";
import { EMPTY, pad, span, widthOf } from "../kit/line.js";
import { type Binding, bindingsOn, keyName, type PageName } from "./keymap.js";

const GROUPS: readonly (readonly [Binding["group"], string])[] = [
  ["move", "Move"],
  ["look", "Look"],
  ["act", "Act"],
  ["leave", "Leave"],
];

/** Columns from which two groups fit side by side. */
const TWO_COLUMNS = 66;

/** Every key that means something on a page. */
export const helpLines = (page: PageName, width: number): readonly Line[] => {
  const bindings = bindingsOn(page);
  const blocks = GROUPS.map(([group, name]) => {
    const rows = bindings.filter(([, binding]) => binding.group === group);
    return [[span(name, "strong")], ...rows.map(([, binding]) => keyLine(binding)), EMPTY];
  }).filter((block) => block.length > 2);
  if (width < TWO_COLUMNS) return blocks.flat();
  const half = Math.floor(width / 2);
  const [left, right] = [
    blocks.filter((_, at) => at % 2 === 0).flat(),
    blocks.filter((_, at) => at % 2 === 1).flat(),
  ];
  return Array.from({ length: Math.max(left.length, right.length) }, (_, row) => {
    const one = left[row] ?? EMPTY;
    const room = half - one.reduce((sum, { text }) => sum + widthOf(text), 0);
    return [...one, span(" ".repeat(Math.max(1, room))), ...(right[row] ?? EMPTY)];
  });
};

const keyLine = ({ keys, does }: Binding): Line => [
  span(pad(keys.slice(0, 2).map(keyName).join(" "), 11), "key"),
  span(` ${does}`),
];
