import { type CutSearch, cutSearch, hasMark, lastSaid, marksIn, openMark, type Span } from "./cut-secrets.js";
import { escaped, type Form, formsOf } from "./secret-forms.js";
import type { Secret } from "./secrets.js";
import { CUT_TOKEN_CHARS, TOKEN_CHARS_MIN, TOKEN_SHAPES, type TokenShape } from "./token-shapes.js";

/**
 * Takes secrets out of what is stored and printed; `[redacted:NAME]` stands in their place, also in that of one that was cut off
 * (`cutShort`) before anybody who knows it saw the text.
 */
export interface Redactor extends Words {
  /** The same for whole secrets alone, where another text in its place is another order: nobody here put a mark into that. */
  readonly whole: Words;
  /** Redacts bytes as they come, also what is cut in two by the end of a chunk. */
  stream(): RedactingStream;
  /** Names of the known values in these bytes; what is only shaped like a token has none. */
  valuesIn(bytes: Buffer): string[];
}

type Words = {
  /** A text without them; the same string when it held none. */
  text(text: string): string;
  /** A value of JSON with all of its strings redacted; the same value when they held none. */
  deep<T>(value: T): T;
  /** The same as JSON, in one line; a value without secrets is looked through once, and not text by text. */
  json(value: unknown): string;
};

export type RedactingStream = {
  /** What can be said by now; the rest waits for what comes next. */
  push(chunk: Buffer): Buffer;
  /** What still waited. */
  end(): Buffer;
};

// One pass over the text for all values and one for all shapes, whatever the number of secrets: both look for short beginnings
// first and compare the rest where one is found.
export const createRedactor = (secrets: readonly Secret[]): Redactor => {
  const forms = formsOf(secrets);
  const scan = scanner(literalSearch(forms), cutSearch(forms));
  const shortest = Math.min(TOKEN_CHARS_MIN, ...forms.map((form) => form.text.length));
  return {
    ...wordsOf((text) => scan(text, "", "ends").spans, shortest),
    whole: wordsOf((text) => scan(text, "", "ends", "whole").spans, shortest),
    stream: () => openStream(scan),
    valuesIn: valueSearch(forms),
  };
};

const wordsOf = (spansIn: (text: string) => readonly Span[], shortest: number): Words => {
  // Names, kinds and numbers, of which an event is full, have no room for any of it.
  const text = (given: string): string =>
    given.length < shortest && !hasMark(given) ? given : replaced(given, spansIn(given));
  return {
    text,
    deep: (value) => deepWith(text, value),
    json: (value) => {
      const line = JSON.stringify(value);
      // Without a backslash each text stands there as it is, and nothing before or behind it that belongs to a token.
      const isClean = !line.includes("\\") && spansIn(line).length === 0;
      return isClean ? line : JSON.stringify(deepWith(text, value));
    },
  };
};

type Scanned = {
  /** In order, none inside or across another. */
  readonly spans: readonly Span[];
  /** Where something begins that the text is too short to tell; its length when there is no such thing. */
  readonly open: number;
};
/** `before` is what was said in front of the text, without colours. A text that ends here has nothing open, and nobody looks for it. */
type Scan = (
  text: string,
  before: string,
  then: "goes on" | "ends",
  what?: "whole" | "cut off too",
) => Scanned;

type Finding = { readonly found: Span[]; open: number };
type Search = (text: string, finding: Finding) => void;

const scanner =
  (literals: Search, cuts: CutSearch): Scan =>
  (text, before, then, what = "cut off too") => {
    const plain = withoutColours(text);
    const finding: Finding = { found: [], open: then === "ends" ? 0 : plain.text.length };
    literals(plain.text, finding);
    findShapes(plain.text, before, { finding, markFrom: what === "whole" ? noMark : marksIn(plain.text) });
    if (what !== "whole") finding.found.push(...cuts.spansIn(plain.text, before));
    if (then === "goes on") finding.open = Math.min(finding.open, cuts.openIn(plain.text, before));
    const open = finding.open === plain.text.length ? text.length : plain.at(finding.open);
    const spans = finding.found.map(({ start, end, name }) => ({
      start: plain.at(start),
      end: plain.at(end - 1) + 1,
      name,
    }));
    return { spans: joined(spans), open: Math.min(open, plain.cut) };
  };

/** Colours inside of a word disappear where it is shown, so they must not hide it here. */
const withoutColours = (text: string) => {
  const first = text.indexOf(ESCAPE);
  if (first === -1) return { text, at: (index: number) => index, cut: text.length };
  const parts: string[] = [];
  /** Where the text behind each colour begins: without colours, and in truth. */
  const plainStarts = [0];
  const realStarts = [0];
  let from = 0;
  let length = 0;
  let cut = text.length;
  for (let at = first; at !== -1; at = text.indexOf(ESCAPE, at + 1)) {
    const end = colourEnd(text, at);
    if (end === "cut") cut = Math.min(cut, at);
    if (typeof end !== "number") continue;
    parts.push(text.slice(from, at));
    length += at - from;
    from = end;
    plainStarts.push(length);
    realStarts.push(end);
  }
  parts.push(text.slice(from, cut));
  const at = (index: number): number => {
    const n = lastBelow(plainStarts, index);
    return (realStarts[n] ?? 0) + index - (plainStarts[n] ?? 0);
  };
  return { text: parts.join(""), at, cut };
};

const ESCAPE = String.fromCharCode(27);
/** Longer ones are none that a terminal knows. */
const COLOUR_CHARS_MAX = 64;

/** Behind `ESC [ digits m`; what is no such thing, and what the text is too short to tell, has no end. */
const colourEnd = (text: string, start: number): number | "none" | "cut" => {
  if (start + 1 === text.length) return "cut";
  if (text[start + 1] !== "[") return "none";
  for (let at = start + 2; at < start + COLOUR_CHARS_MAX; at += 1) {
    if (at === text.length) return "cut";
    const char = text.charCodeAt(at);
    if (char === 0x6d) return at + 1;
    const isNumber = (char >= 0x30 && char <= 0x39) || char === 0x3b;
    if (!isNumber) return "none";
  }
  return "none";
};

const lastBelow = (starts: readonly number[], index: number): number => {
  let [low, high] = [0, starts.length - 1];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((starts[middle] ?? 0) <= index) low = middle;
    else high = middle - 1;
  }
  return low;
};

/** What overlaps becomes one, under the name of the first and longest. */
const joined = (spans: readonly Span[]): readonly Span[] => {
  const all: Span[] = [];
  for (const span of spans.toSorted((a, b) => a.start - b.start || b.end - a.end)) {
    const last = all.at(-1);
    if (last === undefined || span.start >= last.end) all.push(span);
    else if (span.end > last.end) all[all.length - 1] = { ...last, end: span.end };
  }
  return all;
};

const replaced = (text: string, spans: readonly Span[]): string => {
  if (spans.length === 0) return text;
  let result = "";
  let from = 0;
  for (const { start, end, name } of spans) {
    result += `${text.slice(from, start)}[redacted:${name}]`;
    from = end;
  }
  return result + text.slice(from);
};

const deepWith = <T>(text: (given: string) => string, value: T): T => {
  const walk = (given: unknown): unknown => {
    if (typeof given === "string") return text(given);
    if (Array.isArray(given)) {
      const all = given.map(walk);
      return all.some((one, at) => one !== given[at]) ? all : given;
    }
    if (typeof given !== "object" || given === null) return given;
    const entries = Object.entries(given).map(([key, inner]) => [text(key), walk(inner)] as const);
    const same = Object.entries(given).every(
      ([key, inner], at) => entries[at]?.[0] === key && entries[at]?.[1] === inner,
    );
    return same ? given : Object.fromEntries(entries);
  };
  return walk(value) as T;
};

/** So much of a value is looked for; the rest is compared where that is found. */
const HEAD_CHARS = 8;

const literalSearch = (forms: readonly Form[]): Search => {
  if (forms.length === 0) return () => undefined;
  const byHead = groupedByHead(forms);
  const heads = new RegExp([...byHead.keys()].map(escaped).join("|"), "g");
  return (text, finding) => {
    heads.lastIndex = 0;
    for (let hit = heads.exec(text); hit !== null; hit = heads.exec(text)) {
      const { index: start } = hit;
      // Heads may overlap, and the longest form comes first.
      heads.lastIndex = start + 1;
      const starting = byHead.get(hit[0]) ?? [];
      const whole = starting.find((form) => text.startsWith(form.text, start));
      if (whole !== undefined)
        finding.found.push({ start, end: start + whole.text.length, name: whole.name });
      const rest = text.length - start;
      if (starting.some((form) => form.text.length > rest && form.text.startsWith(text.slice(start))))
        finding.open = Math.min(finding.open, start);
    }
    for (let start = Math.max(0, text.length - HEAD_CHARS + 1); start < finding.open; start += 1) {
      const end = text.slice(start);
      if (forms.some((form) => form.text.startsWith(end))) finding.open = start;
    }
  };
};

const groupedByHead = (forms: readonly Form[]): ReadonlyMap<string, readonly Form[]> => {
  const byHead = new Map<string, Form[]>();
  for (const form of forms.toSorted((a, b) => b.text.length - a.text.length)) {
    const head = form.text.slice(0, HEAD_CHARS);
    const same = byHead.get(head);
    if (same === undefined) byHead.set(head, [form]);
    else same.push(form);
  }
  return byHead;
};

/** Nobody waits longer for the end of what may be a token; no real one is longer. */
const TOKEN_CHARS_MAX = 16_384;
type Shape = TokenShape & { readonly open: RegExp };
const STARTS: ReadonlyMap<string, Shape> = new Map(
  TOKEN_SHAPES.flatMap((shape) => {
    const begins = shape.starts.map(escaped).join("|");
    const open = shape.open ?? new RegExp(`(?:${begins})[${shape.chars}]{0,${TOKEN_CHARS_MAX}}$`, "y");
    return shape.starts.map((start) => [start, { ...shape, open }] as const);
  }),
);
const ALL_STARTS = [...STARTS.keys()];
const ANY_START = new RegExp(ALL_STARTS.map(escaped).join("|"), "g");
const START_CHARS_MAX = Math.max(...ALL_STARTS.map(({ length }) => length));
const BEHIND: ReadonlyMap<string, RegExp> = new Map(
  TOKEN_SHAPES.map(({ chars }) => [chars, new RegExp(`[${chars}]`)]),
);

const noMark: ReturnType<typeof marksIn> = () => undefined;

const findShapes = (
  text: string,
  before: string,
  { finding, markFrom }: { readonly finding: Finding; readonly markFrom: ReturnType<typeof marksIn> },
): void => {
  ANY_START.lastIndex = 0;
  for (let hit = ANY_START.exec(text); hit !== null; hit = ANY_START.exec(text)) {
    const { index: start } = hit;
    const shape = STARTS.get(hit[0]);
    if (shape === undefined) throw new Error("every start belongs to a shape");
    ANY_START.lastIndex = start + 1;
    if (BEHIND.get(shape.chars)?.test(start === 0 ? before.slice(-1) : (text[start - 1] ?? ""))) continue;
    const marked = markFrom(start) ?? start;
    const isCut = isCutToken(shape, text.slice(start, marked), hit[0]);
    const end = endOf(shape.whole, text, start) ?? (isCut ? marked : undefined);
    if (end !== undefined) finding.found.push({ start, end, name: shape.name });
    if (start < finding.open && endOf(shape.open, text, start) !== undefined)
      finding.open = Math.min(finding.open, start);
    ANY_START.lastIndex = end ?? start + 1;
  }
  for (let start = Math.max(0, text.length - START_CHARS_MAX + 1); start < finding.open; start += 1) {
    const end = text.slice(start);
    if (ALL_STARTS.some((one) => one.startsWith(end))) finding.open = start;
  }
};

/** What stands in front of a mark may be the beginning of a token. */
const isCutToken = ({ cut, open, cutChars = CUT_TOKEN_CHARS }: Shape, part: string, begun: string): boolean =>
  part.length >= begun.length + cutChars &&
  part.length <= TOKEN_CHARS_MAX &&
  endOf(cut ?? open, part, 0) !== undefined;

const endOf = (expression: RegExp, text: string, start: number): number | undefined => {
  expression.lastIndex = start;
  return expression.test(text) ? expression.lastIndex : undefined;
};

/** What waits is looked at again when it has grown by an eighth, so that tiny chunks cost no more than large ones. */
const GROWTH = 8;
/** Below this it is looked at every time: nobody who watches waits for the rest of a line. */
const LOOKED_AT_EACH_TIME = 1_024;

/** So much of what was said is looked through for a mark, with the colours and line ends behind it. */
const SAID_CHARS = 256;

const openStream = (scan: Scan): RedactingStream => {
  let waiting = "";
  let looked = 0;
  let before = "";
  const said = (text: string): Buffer => Buffer.from(text, "latin1");
  const remember = (text: string): void => {
    before = lastSaid(withoutColours((before + text.slice(-SAID_CHARS)).slice(-SAID_CHARS)).text);
  };
  const take = (upTo: number, spans: readonly Span[]): Buffer => {
    const told = replaced(waiting.slice(0, upTo), spans);
    remember(waiting.slice(0, upTo));
    waiting = waiting.slice(upTo);
    looked = waiting.length;
    return said(told);
  };
  return {
    push: (chunk) => {
      waiting += chunk.toString("latin1");
      if (looked > LOOKED_AT_EACH_TIME && waiting.length < looked * (1 + 1 / GROWTH)) return said("");
      const whole = waiting.slice(0, waiting.length - openMark(waiting));
      const { spans, open } = scan(whole, before, "goes on");
      const across = spans.find(({ end }) => end > open);
      const upTo = Math.min(open, across?.start ?? open);
      const complete = spans.filter(({ end }) => end <= upTo);
      // The usual case: nothing is secret, nothing waits, and the bytes go through as they came.
      if (upTo === chunk.length && upTo === waiting.length && complete.length === 0) {
        remember(waiting);
        waiting = "";
        looked = 0;
        return chunk;
      }
      return take(upTo, complete);
    },
    end: () => take(waiting.length, scan(waiting, before, "ends").spans),
  };
};

/** A file may be larger than any string. */
const WINDOW_BYTES = 1_048_576;

const valueSearch = (forms: readonly Form[]): Redactor["valuesIn"] => {
  const search = literalSearch(forms);
  const longest = Math.max(0, ...forms.map(({ text }) => text.length));
  return (bytes) => {
    const names = new Set<string>();
    for (let from = 0; longest > 0 && from < bytes.length; from += WINDOW_BYTES) {
      const finding: Finding = { found: [], open: 0 };
      search(bytes.toString("latin1", from, Math.min(bytes.length, from + WINDOW_BYTES + longest)), finding);
      for (const { name } of joined(finding.found)) names.add(name);
    }
    return [...names];
  };
};
