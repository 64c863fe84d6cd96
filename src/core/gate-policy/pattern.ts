/**
 * Regular expressions of policies, tried in time that grows with the text alone: all readings of the pattern go through the text
 * side by side, so no pair of them can stop the ledger. They are JavaScript's, with the flag `u`, without what only going back could
 * do: references to groups, and looking ahead or behind.
 */

/** Why a text is no pattern of ours; undefined when it is one. */
export const patternProblem = (pattern: string): string | undefined => {
  if (pattern.length > PATTERN_CHARS) return `a pattern of at most ${PATTERN_CHARS} characters`;
  try {
    new RegExp(pattern, "u");
  } catch (error) {
    const why = error instanceof Error ? error.message.replace(/^.*\/u: /, "") : "it cannot be read";
    return `a regular expression; of this one: ${why}`;
  }
  if (GOES_BACK.test(pattern.replace(/\\[^1-9k]|\[(?:\\.|[^\]\\])*\]/gsu, "")))
    return "a regular expression without named groups, references to groups and looking around";
  return statesOf(parsed(pattern)) > STATES_MAX
    ? `a pattern that repeats less: at most ${STATES_MAX} characters when its counted repeats are written out`
    : undefined;
};

/** Whether the pattern is found in the text, anywhere unless it says `^` or `$`. The text is at most `PATTERN_TEXT_CHARS` long. */
export const patternMatcher = (pattern: string): ((text: string) => boolean) => {
  const states: State[] = [{ kind: "end" }];
  const start = compile(parsed(pattern), 0, states);
  return (text) => found(states, start, [...text]);
};

const PATTERN_CHARS = 500;
const STATES_MAX = 2_000;
/** Fields that patterns are for are names, addresses and numbers; this times the states is what one check costs at most. */
export const PATTERN_TEXT_CHARS = 10_000;

const GOES_BACK = /\\[1-9k]|\(\?(?!:)/;

type Part =
  | { readonly kind: "char"; readonly test: (char: string) => boolean }
  | { readonly kind: "place"; readonly test: Place }
  | { readonly kind: "either"; readonly choices: readonly Part[] }
  | { readonly kind: "row"; readonly parts: readonly Part[] }
  | { readonly kind: "repeat"; readonly part: Part; readonly min: number; readonly max: number };
type Place = (before: string | undefined, after: string | undefined) => boolean;
type State =
  | { readonly kind: "end" }
  | { readonly kind: "char"; readonly test: (char: string) => boolean; readonly next: number }
  | { readonly kind: "place"; readonly test: Place; readonly next: number }
  | { kind: "fork"; next: readonly number[] };

type Cursor = { readonly text: string; at: number };

const parsed = (pattern: string): Part => choice({ text: pattern, at: 0 });

const choice = (cursor: Cursor): Part => {
  const choices = [row(cursor)];
  while (cursor.text[cursor.at] === "|") {
    cursor.at += 1;
    choices.push(row(cursor));
  }
  return { kind: "either", choices };
};

const row = (cursor: Cursor): Part => {
  const parts: Part[] = [];
  while (cursor.at < cursor.text.length && !/[|)]/.test(cursor.text.charAt(cursor.at)))
    parts.push(repeated(cursor, atom(cursor)));
  return { kind: "row", parts };
};

const repeated = (cursor: Cursor, part: Part): Part => {
  const [found, counted = ""] = COUNT.exec(cursor.text.slice(cursor.at)) ?? [];
  if (found === undefined) return part;
  cursor.at += found.length;
  const [min = "", max = min] =
    { "*": "0,", "+": "1,", "?": "0,1" }[counted]?.split(",") ?? numbersOf(counted);
  return {
    kind: "repeat",
    part,
    min: Number(min),
    max: max === "" ? Number.POSITIVE_INFINITY : Number(max),
  };
};

/** Asking for as little as possible changes what is found, never whether something is. */
const COUNT = /^([*+?]|\{\d+(?:,\d*)?\})\??/;
const numbersOf = (counted: string): string[] => counted.slice(1, -1).split(",");

const atom = (cursor: Cursor): Part => {
  const [group] = /^\((?:\?:)?/.exec(cursor.text.slice(cursor.at)) ?? [];
  if (group !== undefined) {
    cursor.at += group.length;
    const inner = choice(cursor);
    cursor.at += 1;
    return inner;
  }
  const [source = ""] = ATOM.exec(cursor.text.slice(cursor.at)) ?? [];
  cursor.at += source.length;
  const place = PLACES.get(source);
  if (place !== undefined) return { kind: "place", test: place };
  const one = new RegExp(`^${source}$`, "u");
  return { kind: "char", test: (char) => one.test(char) };
};

/** What stands for one character, or for a place between two. */
const ATOM =
  /^(?:\[(?:\\.|[^\]\\])*\]|\\u\{[^}]*\}|\\ud[89ab]..\\ud[c-f]..|\\u....|\\x..|\\c.|\\[pP]\{[^}]*\}|\\.|.)/isu;

const wordChar = (char: string | undefined): boolean => char !== undefined && /^\w$/.test(char);
const PLACES: ReadonlyMap<string, Place> = new Map<string, Place>([
  ["^", (before) => before === undefined],
  ["$", (_, after) => after === undefined],
  ["\\b", (before, after) => wordChar(before) !== wordChar(after)],
  ["\\B", (before, after) => wordChar(before) === wordChar(after)],
]);

/** How many states the part becomes, without making them. */
const statesOf = (part: Part): number => {
  if (part.kind === "char" || part.kind === "place") return 1;
  if (part.kind === "either") return 1 + part.choices.reduce((sum, one) => sum + statesOf(one), 0);
  if (part.kind === "row") return part.parts.reduce((sum, one) => sum + statesOf(one), 0);
  return (
    (statesOf(part.part) + 1) * Math.max(1, part.min, Number.isFinite(part.max) ? part.max : part.min + 1)
  );
};

/** From the end to the beginning, so that each state knows what follows it. */
const compile = (part: Part, next: number, states: State[]): number => {
  const add = (state: State): number => states.push(state) - 1;
  switch (part.kind) {
    case "char":
    case "place":
      return add({ ...part, next });
    case "either":
      return add({ kind: "fork", next: part.choices.map((one) => compile(one, next, states)) });
    case "row":
      return part.parts.reduceRight((after, one) => compile(one, after, states), next);
    case "repeat":
      return compileRepeat(part, next, states);
  }
};

const compileRepeat = (
  { part, min, max }: Extract<Part, { kind: "repeat" }>,
  next: number,
  states: State[],
): number => {
  let start = next;
  if (max === Number.POSITIVE_INFINITY) {
    const fork: Extract<State, { kind: "fork" }> = { kind: "fork", next: [] };
    start = states.push(fork) - 1;
    fork.next = [compile(part, start, states), next];
  } else
    for (let left = max - min; left > 0; left -= 1)
      start = states.push({ kind: "fork", next: [compile(part, start, states), next] }) - 1;
  for (let left = min; left > 0; left -= 1) start = compile(part, start, states);
  return start;
};

const found = (states: readonly State[], start: number, chars: readonly string[]): boolean => {
  let here: readonly number[] = [];
  for (let at = 0; at <= chars.length; at += 1) {
    const reached = closure(states, [...here, start], chars[at - 1], chars[at]);
    if (reached.has(0)) return true;
    const char = chars[at];
    if (char === undefined) return false;
    here = [...reached].flatMap((id) => {
      const state = states[id];
      return state?.kind === "char" && state.test(char) ? [state.next] : [];
    });
  }
  return false;
};

/** All states that can be stood in at this place without reading on. */
const closure = (
  states: readonly State[],
  from: readonly number[],
  before: string | undefined,
  after: string | undefined,
): ReadonlySet<number> => {
  const seen = new Set<number>();
  const open = [...from];
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    if (seen.has(id)) continue;
    seen.add(id);
    const state = states[id];
    if (state?.kind === "fork") open.push(...state.next);
    if (state?.kind === "place" && state.test(before, after)) open.push(state.next);
  }
  return seen;
};
