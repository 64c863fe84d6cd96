import { CUT_MARK } from "./cut.js";
import { escaped, type Form } from "./secret-forms.js";

/** Where something secret stands, and what is said instead. */
export type Span = { readonly start: number; readonly end: number; readonly name: string };

/** So much of a part is looked for first. */
const PART_CHARS = 4;
/** So many letters are none by chance; a short value is told by half of it. Fewer are words of every day: "test…", "…2024". */
const TELLING_CHARS = 8;
/** Letters that tell a beginning, behind those that all of its kind have, and letters that tell an end. */
const leastOf = ({ text, begins }: Form): Least => ({
  head: begins + telling(text.length - begins),
  tail: telling(text.length),
});

const telling = (chars: number): number => Math.min(TELLING_CHARS, Math.ceil(chars / 2));

/** The mark as text has it, and as bytes that are read one character each. */
const BYTES = Buffer.from(CUT_MARK).toString("latin1");
const MARKS = [CUT_MARK, BYTES];

/** `before` is what was said in front of the text (`lastSaid`); places are counted from where the text begins. */
export type CutSearch = {
  readonly spansIn: (text: string, before: string) => readonly Span[];
  /** Where the end of a value begins that goes on behind this text, perhaps; the length of the text when there is none. */
  readonly openIn: (text: string, before: string) => number;
};

/**
 * Finds what is left of values that were cut off: a beginning in front of a mark, and an end behind one. Texts without a mark, which
 * are nearly all, are not looked through.
 */
export const cutSearch = (forms: readonly Form[]): CutSearch => {
  if (forms.length === 0) return { spansIn: () => [], openIn: ({ length }) => length };
  const known = forms.map((form) => ({ ...form, least: leastOf(form) }));
  const heads = grouped(known, (text) => text.slice(0, PART_CHARS));
  const tails = grouped(known, (text) => text.slice(-PART_CHARS));
  const longest = Math.max(...forms.map(({ text }) => text.length));
  return {
    spansIn: (text, before) => {
      const all = behindMark(text, before);
      const said = all.length - text.length;
      return MARKS.filter((mark) => all.includes(mark))
        .flatMap((mark) => [...beginnings(all, mark, heads), ...ends(all, mark, tails)])
        .filter(({ end }) => end > said)
        .map(({ start, end, name }) => ({ start: Math.max(0, start - said), end: end - said, name }));
    },
    openIn: (text, before) => {
      const last = behindMark(text, before).slice(-(longest + BYTES.length));
      const at = last.lastIndexOf(BYTES);
      const part = at === -1 ? "" : last.slice(at + BYTES.length);
      const isOpen = part.trim() !== "" && forms.some((form) => goesOn(form.text, part));
      return isOpen ? Math.max(0, text.length - part.length) : text.length;
    },
  };
};

const behindMark = (text: string, before: string): string => (hasMark(before) ? before + text : text);

const goesOn = (form: string, part: string): boolean => {
  const at = form.indexOf(part);
  return at !== -1 && at + part.length < form.length;
};

/**
 * What a stream remembers of bytes that it has said: the last one, and a mark behind which nothing stands that can be seen. That one
 * does not wait for what comes next, for many a line of progress ends in it.
 */
export const lastSaid = (bytes: string): string => {
  const at = bytes.lastIndexOf(BYTES);
  const isLast = at !== -1 && bytes.slice(at + BYTES.length).trim() === "";
  return isLast ? bytes.slice(at) : bytes.slice(-1);
};

/** Where the next mark stands, in text or in bytes; asked from the front to the back. Undefined behind the last one. */
export const marksIn = (text: string): ((from: number) => number | undefined) => {
  const next = MARKS.map((mark) => ({ mark, at: text.indexOf(mark) }));
  return (from) => {
    for (const one of next) if (one.at !== -1 && one.at < from) one.at = text.indexOf(one.mark, from);
    const all = next.flatMap(({ at }) => (at === -1 ? [] : [at]));
    return all.length === 0 ? undefined : Math.min(...all);
  };
};

export const hasMark = (text: string): boolean => MARKS.some((mark) => text.includes(mark));

/** How many bytes at the end of a piece of a stream may be the beginning of a mark. */
export const openMark = (bytes: string): number =>
  [2, 1].find((count) => bytes.endsWith(BYTES.slice(0, count))) ?? 0;

/** So many letters a part has at least, in front of a mark and behind one. */
type Least = { readonly head: number; readonly tail: number };
type Known = Form & { readonly least: Least };
type Group = { readonly longest: number; readonly forms: readonly Known[] };
type Groups = { readonly any: RegExp; readonly of: ReadonlyMap<string, Group> };

const grouped = (forms: readonly Known[], partOf: (text: string) => string): Groups => {
  const of = new Map<string, Group>();
  for (const form of forms) {
    const part = partOf(form.text);
    const { longest, forms: known } = of.get(part) ?? { longest: 0, forms: [] };
    of.set(part, { longest: Math.max(longest, form.text.length), forms: [...known, form] });
  }
  return { any: new RegExp([...of.keys()].map(escaped).join("|"), "g"), of };
};

const beginnings = (text: string, mark: string, { any, of }: Groups): readonly Span[] => {
  const found: Span[] = [];
  let end = -1;
  for (const { index: start, group } of hitsOf(text, any, of)) {
    if (end < start) end = text.indexOf(mark, start);
    if (end === -1) break;
    if (end - start > group.longest) continue;
    const part = text.slice(start, end);
    const cut = group.forms.find(
      ({ text: form, least }) => part.length >= least.head && form.startsWith(part),
    );
    if (cut !== undefined) found.push({ start, end, name: cut.name });
  }
  return found;
};

const ends = (text: string, mark: string, { any, of }: Groups): readonly Span[] => {
  const found: Span[] = [];
  let [marked, next] = [-1, text.indexOf(mark)];
  for (const { index, group } of hitsOf(text, any, of)) {
    for (; next !== -1 && next < index; next = text.indexOf(mark, next + 1)) marked = next;
    const [start, end] = [marked + mark.length, index + PART_CHARS];
    if (marked === -1 || start > index || end - start > group.longest) continue;
    const part = text.slice(start, end);
    const cut = group.forms.find(({ text: form, least }) => part.length >= least.tail && form.endsWith(part));
    if (cut !== undefined) found.push({ start, end, name: cut.name });
  }
  return found;
};

/** Parts may overlap. */
const hitsOf = function* (text: string, any: RegExp, of: Groups["of"]) {
  any.lastIndex = 0;
  for (let hit = any.exec(text); hit !== null; hit = any.exec(text)) {
    any.lastIndex = hit.index + 1;
    const group = of.get(hit[0]);
    if (group !== undefined) yield { index: hit.index, group };
  }
};
