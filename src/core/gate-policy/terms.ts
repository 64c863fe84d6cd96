import { GAP, holdsSymbols, KIND, type Letters, lettersOf, SYMBOL_LETTERS } from "./letters.js";

/** Why a text is no term; undefined when it is one. */
export const termProblem = (term: string): string | undefined =>
  lettersOf(term, { symbols: false }).readings.length === 0
    ? "a term with letters or digits: one of blanks and punctuation alone would match everything or nothing"
    : undefined;

/**
 * The first of the terms that one of the texts holds, as whole words. Disguises do not hide it: look-alike letters, digits and marks for
 * letters, marks within words, single spaced letters, words written together.
 */
export const termFound = (terms: readonly string[], views: readonly string[]): string | undefined => {
  const byFirst = indexed(terms.map(compiled));
  for (const view of views) {
    for (const symbols of holdsSymbols(view) ? [false, true] : [false]) {
      const found = firstIn(lettersOf(view, { symbols }), byFirst);
      if (found !== undefined) return found;
    }
  }
  return undefined;
};

type Term = {
  readonly text: string;
  /** Of each letter all that it may be read as. */
  readonly letters: readonly string[];
  /** Of each letter whether a word begins with it. */
  readonly begins: readonly boolean[];
};

/** Digits of a word that has letters too are read as letters, as they are in texts; those of a number are not: 50 is not "so". */
const compiled = (text: string): Term => {
  const { readings, gaps, kinds } = lettersOf(text, { symbols: false });
  const begins = gaps.map((gap) => gap !== GAP.none);
  const letters = readings.map((reading, at) => {
    if (kinds[at] !== KIND.digit) return reading;
    let from = at;
    while (!begins[from]) from -= 1;
    const next = begins.indexOf(true, from + 1);
    const word = kinds.slice(from, next === -1 ? undefined : next);
    return word.some((kind) => kind !== KIND.digit) ? reading : [...reading].slice(0, 1).join("");
  });
  return { text, letters, begins };
};

type Index = ReadonlyMap<string, readonly Term[]>;

const indexed = (terms: readonly Term[]): Index => {
  const index = new Map<string, Term[]>();
  for (const term of terms)
    for (const char of term.letters[0] ?? "") index.set(char, [...(index.get(char) ?? []), term]);
  return index;
};

const firstIn = (letters: Letters, byFirst: Index): string | undefined => {
  const skips = skipsIn(letters);
  for (let at = 0; at < letters.readings.length; at += 1) {
    if (!beginsHere(letters, at)) continue;
    for (const char of letters.readings[at] ?? "") {
      const found = byFirst.get(char)?.find((term) => standsAt(letters, skips, at, term));
      if (found !== undefined) return found.text;
    }
  }
  return undefined;
};

const beginsHere = ({ gaps, kinds }: Letters, at: number): boolean => {
  if (gaps[at] !== GAP.none) return true;
  const [before, here] = [kinds[at - 1], kinds[at]];
  if (before === KIND.unspaced || here === KIND.unspaced || before === KIND.symbol) return true;
  return before === KIND.digit && here === KIND.letter;
};

const endsBefore = ({ gaps, kinds }: Letters, next: number): boolean => {
  if (next >= gaps.length || gaps[next] !== GAP.none) return true;
  const [last, after] = [kinds[next - 1], kinds[next]];
  if (last === KIND.unspaced || after === KIND.unspaced || after === KIND.symbol) return true;
  return after === KIND.digit && last === KIND.letter;
};

/** Of each place where one that wants a certain letter goes on, and the widest gap up to there. */
type Skip = { readonly to: Int32Array; readonly gaps: Uint8Array };

/**
 * A mark that is not the letter it may be taken for is a mark, and is skipped. Where to is found once for each letter that marks may
 * stand for, since a text of marks alone would otherwise be walked to its end from each of its places.
 */
const skipsIn = (letters: Letters): ((letter: string) => Skip) => {
  const known = new Map<string, Skip>();
  return (letter) => {
    const wanted = [...letter].filter((char) => SYMBOL_LETTERS.has(char)).join("");
    const skip = known.get(wanted) ?? skipFor(letters, wanted);
    known.set(wanted, skip);
    return skip;
  };
};

const skipFor = ({ readings, gaps, kinds }: Letters, wanted: string): Skip => {
  const skip = { to: new Int32Array(kinds.length + 1), gaps: new Uint8Array(kinds.length + 1) };
  skip.to[kinds.length] = kinds.length;
  skip.gaps[kinds.length] = GAP.wide;
  for (let at = kinds.length - 1; at >= 0; at -= 1) {
    const stays = kinds[at] !== KIND.symbol || shareOne(readings[at] ?? "", wanted);
    const gap = gaps[at] ?? GAP.wide;
    skip.to[at] = stays ? at : (skip.to[at + 1] ?? kinds.length);
    skip.gaps[at] = stays ? gap : Math.max(gap, skip.gaps[at + 1] ?? GAP.wide, GAP.tight);
  }
  return skip;
};

const standsAt = (letters: Letters, skips: (letter: string) => Skip, start: number, term: Term): boolean => {
  // Gaps within the word so far: blanks there are a disguise only where every letter stands alone.
  let narrowest: number = GAP.wide;
  let widest: number = GAP.none;
  let at = start;
  for (const [index, letter] of term.letters.entries()) {
    let gap = letters.gaps[at] ?? GAP.wide;
    if (index > 0 && letters.kinds[at] === KIND.symbol) {
      const skip = skips(letter);
      gap = skip.gaps[at] ?? GAP.wide;
      at = skip.to[at] ?? letters.kinds.length;
    }
    if (!shareOne(letters.readings[at] ?? "", letter)) return false;
    at += 1;
    if (term.begins[index]) {
      narrowest = GAP.wide;
      widest = GAP.none;
      continue;
    }
    narrowest = Math.min(narrowest, gap);
    widest = Math.max(widest, gap);
    if (widest === GAP.wide && narrowest === GAP.none) return false;
  }
  return endsBefore(letters, at);
};

const shareOne = (a: string, b: string): boolean => {
  if (a === b) return true;
  for (const char of a) if (b.includes(char)) return true;
  return false;
};
