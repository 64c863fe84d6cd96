/** Why a text is no glob of ours; undefined when it is one. */
export const globProblem = (glob: string): string | undefined => {
  if (glob.length > GLOB_CHARS) return `a glob of at most ${GLOB_CHARS} characters`;
  const [choice] = CHOICE.exec(glob) ?? [];
  if (choice !== undefined) return `alternatives as "{a,b}", no "${choice}…)"`;
  if (RANGE.test(glob)) return `alternatives as "{a,b}", no ranges`;
  return undefined;
};

/**
 * Whether a path matches: `*` and `?` within a folder name, `**` over folders, `[a-z]`, `{a,b}`; all else stands for itself.
 * Globs come from plans and paths from agents, and no pair of them may stop the engine: all readings of the glob go
 * through the path side by side, so it costs their lengths multiplied at most. A backtracking expression took minutes.
 */
export const globMatcher = (glob: string, { nocase = false } = {}): ((path: string) => boolean) => {
  const fold = (text: string): string => (nocase ? text.toLowerCase() : text);
  const text = fold(glob.replace(/^(\.\/)+/, ""));
  const states: State[] = [{ kind: "end" }];
  const start = compile(alternatives({ text, at: 0 }, false), END, states);
  return (path) => runs(states, start, fold(path));
};

/** Longer than any that a person wrote; what a glob costs grows with it. */
export const GLOB_CHARS = 500;

const CHOICE = /[@!+*?]\(/;
const RANGE = /\{[^{},]*\.\.[^{},]*\}/;

/** What no glob of ours matches, for programs that check it without us. */
export const refusedInGlobs: readonly RegExp[] = [CHOICE, RANGE];

type Test = (char: string) => boolean;
type Part =
  | { readonly kind: "char" | "run"; readonly test: Test }
  | { readonly kind: "either"; readonly parts: readonly (readonly Part[])[] };
type State =
  | { readonly kind: "end" }
  | { readonly kind: "char"; readonly test: Test; readonly next: number }
  | { kind: "fork"; next: readonly number[] };
type Cursor = { readonly text: string; at: number };

const END = 0;
const notSlash: Test = (char) => char !== "/";
const slash: Test = (char) => char === "/";
const anything: Test = () => true;
const maybe = (...parts: readonly Part[]): Part => ({ kind: "either", parts: [[], parts] });

/** Up to the end, or inside braces up to the brace that closes them. */
const alternatives = (cursor: Cursor, inBraces: boolean): Part => {
  const parts: Part[][] = [[]];
  while (cursor.at < cursor.text.length) {
    const char = cursor.text[cursor.at];
    if (inBraces && char === "}") break;
    if (inBraces && char === ",") {
      parts.push([]);
      cursor.at += 1;
    } else parts.at(-1)?.push(part(cursor));
  }
  return { kind: "either", parts };
};

const part = (cursor: Cursor): Part => {
  const { text, at } = cursor;
  const [folders] = FOLDERS.exec(text.slice(at)) ?? [];
  if (folders !== undefined && (folders.startsWith("/") || beginsName(text, at))) {
    cursor.at += folders.length;
    const run: Part = { kind: "run", test: anything };
    if (folders.startsWith("/")) return below(run, text[at - 1] === "*");
    return folders.endsWith("/") ? maybe(run, { kind: "char", test: slash }) : run;
  }
  const char = text[at] ?? "";
  if (char === "{" && closingBrace(text, at) !== undefined) {
    cursor.at += 1;
    const inner = alternatives(cursor, true);
    cursor.at += 1;
    return inner;
  }
  const set = char === "[" ? SET.exec(text.slice(at)) : null;
  const [taken] = set ?? (char === "*" ? /^\*+/.exec(text.slice(at)) : null) ?? [char];
  cursor.at += taken.length;
  if (set !== null) return { kind: "char", test: setTest(set[2] ?? "", set[1] !== "") };
  if (char === "*") return { kind: "run", test: notSlash };
  return { kind: "char", test: char === "?" ? notSlash : (one) => one === char };
};

/** `**` that is a whole name: with the slash behind it, or at an end with the one before it. */
const FOLDERS = /^(?:\/(?:\*\*+\/)*\*\*+(?=$|[,}])|\*\*+\/|\*\*+(?=$|[,}]))/;
const beginsName = (text: string, at: number): boolean => at === 0 || /[/{,]/.test(text[at - 1] ?? "");

const SET = /^\[([!^]?)(\]?[^\]]+)\]/;

const setTest = (members: string, not: boolean): Test => {
  const ranges: [string, string][] = [];
  for (const [, from = "", to = from] of members.matchAll(/(.)(?:-(.))?/gs)) ranges.push([from, to]);
  return (char) => char !== "/" && ranges.some(([from, to]) => from <= char && char <= to) !== not;
};

/** `docs/**` is also `docs` itself, which a link may take the place of; `*\/**` is nothing that lies beside the folders. */
const below = (run: Part, afterStar: boolean): Part => {
  const parts: readonly Part[] = [{ kind: "char", test: slash }, run];
  return { kind: "either", parts: afterStar ? [parts] : [[], parts] };
};

/** Braces that hold a choice; others stand for themselves. */
const closingBrace = (text: string, at: number): number | undefined => {
  let depth = 0;
  let chooses = false;
  for (let here = at; here < text.length; here += 1) {
    if (text[here] === "{") depth += 1;
    if (text[here] === "," && depth === 1) chooses = true;
    if (text[here] === "}") depth -= 1;
    if (depth === 0) return chooses ? here : undefined;
  }
  return undefined;
};

/** From the end to the beginning, so that each state knows what follows it. */
const compile = (one: Part, next: number, states: State[]): number => {
  const add = (state: State): number => states.push(state) - 1;
  if (one.kind === "char") return add({ kind: "char", test: one.test, next });
  if (one.kind === "either")
    return add({
      kind: "fork",
      next: one.parts.map((parts) => parts.reduceRight((after, each) => compile(each, after, states), next)),
    });
  const fork: Extract<State, { kind: "fork" }> = { kind: "fork", next: [] };
  const loop = add(fork);
  fork.next = [add({ kind: "char", test: one.test, next: loop }), next];
  return loop;
};

const runs = (states: readonly State[], start: number, path: string): boolean => {
  let here = reached(states, [start]);
  for (let at = 0; at < path.length; at += 1) {
    const char = path[at] ?? "";
    const next: number[] = [];
    for (const id of here) {
      const state = states[id];
      if (state?.kind === "char" && state.test(char)) next.push(state.next);
    }
    if (next.length === 0) return false;
    here = reached(states, next);
  }
  return here.has(END);
};

/** All states that can be stood in without reading on. */
const reached = (states: readonly State[], from: readonly number[]): ReadonlySet<number> => {
  const seen = new Set<number>();
  const open = [...from];
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    if (seen.has(id)) continue;
    seen.add(id);
    const state = states[id];
    if (state?.kind === "fork") open.push(...state.next);
  }
  return seen;
};
