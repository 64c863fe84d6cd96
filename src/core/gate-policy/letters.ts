/**
 * Text as the letters a person reads in it. A letter may stand for several: `а` (Cyrillic) is itself and `a`, `1` is itself, `i` and `l`.
 * What lies between two letters is told as a gap.
 */
export type Letters = {
  /** Of each letter all that it may be read as, itself first. */
  readonly readings: readonly string[];
  /** Before each letter: one of `GAP`. */
  readonly gaps: readonly number[];
  /** Of each letter: one of `KIND`. */
  readonly kinds: readonly number[];
};

/** Nothing; a few marks without a blank; a hyphen at the end of a line; anything else, and the beginning. */
export const GAP = { none: 0, tight: 1, hyphen: 2, wide: 3 } as const;
/** Scripts that write without blanks have no words to see the ends of. */
export const KIND = { letter: 0, digit: 1, symbol: 2, unspaced: 3 } as const;

/** `symbols`: marks such as `$` count as the letters they are taken for, otherwise as marks. */
export const lettersOf = (text: string, { symbols }: { readonly symbols: boolean }): Letters => {
  const readings: string[] = [];
  const gaps: number[] = [];
  const kinds: number[] = [];
  let between = "";
  let begun = false;
  const known = new Map<string, readonly Read[]>();
  for (const char of text) {
    let read = known.get(char);
    if (read === undefined) {
      read = readOf(char, symbols);
      known.set(char, read);
    }
    for (const { one, kind, reading } of read) {
      if (kind === undefined) {
        if (between.length <= TIGHT_MAX) between += one;
        continue;
      }
      readings.push(reading);
      kinds.push(kind);
      gaps.push(begun ? gapOf(between) : GAP.wide);
      begun = true;
      between = "";
    }
  }
  return { readings, gaps, kinds };
};

/** One character that another one is folded to; no kind: what lies between letters. */
type Read = { readonly one: string; readonly kind: number | undefined; readonly reading: string };

const readOf = (char: string, symbols: boolean): readonly Read[] =>
  [...foldOf(char)].map((one) => {
    const kind = kindOf(one, symbols);
    return { one, kind, reading: kind === undefined ? "" : readingsOf(one, kind) };
  });

/** Whether `symbols` would make a difference. */
export const holdsSymbols = (text: string): boolean => SYMBOL.test(text.normalize("NFKD"));

/** More marks between two letters than this are no disguise of one word. */
const TIGHT_MAX = 4;

const gapOf = (between: string): number => {
  if (between === "") return GAP.none;
  if (HYPHENATED.test(between)) return GAP.hyphen;
  return between.length <= TIGHT_MAX && !/\s/.test(between) ? GAP.tight : GAP.wide;
};

const HYPHENATED = /^\p{Pd}[^\S\n\r]*(?:\r\n?|\n)\s*$/u;

/** Compatibility forms undone, small letters, no marks on letters, nothing that is not seen; a blank for any blank. */
const foldOf = (char: string): string => {
  if (PLAIN.test(char)) return char.toLowerCase();
  const badge = badgeOf(char.codePointAt(0) ?? 0);
  if (badge !== undefined) return badge;
  const small = char.normalize("NFKD").toLowerCase().normalize("NFKD").replace(UNSEEN, "");
  return WRITTEN_OUT.get(small) ?? small;
};

const PLAIN = /^[\x20-\x7e\t\n\r]$/;
const UNSEEN = /[\p{Default_Ignorable_Code_Point}\p{M}\p{Cf}]|(?!\s)\p{Cc}/gu;

/** Letters in boxes and flags, which have no compatibility form. */
const badgeOf = (code: number): string | undefined => {
  const first = [0x1f150, 0x1f170, 0x1f1e6].find((start) => code >= start && code < start + 26);
  return first === undefined ? undefined : String.fromCharCode(0x61 + code - first);
};

const kindOf = (char: string, symbols: boolean): number | undefined => {
  if (/[a-z]/.test(char)) return KIND.letter;
  if (/\p{N}/u.test(char)) return KIND.digit;
  if (SYMBOL.test(char)) return symbols ? KIND.symbol : undefined;
  if (!/\p{L}/u.test(char)) return undefined;
  return UNSPACED.test(char) ? KIND.unspaced : KIND.letter;
};

const UNSPACED =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u;

const readingsOf = (char: string, kind: number): string =>
  kind === KIND.symbol ? (SYMBOLS.get(char) ?? char) : char + (LOOK_ALIKES.get(char) ?? "");

/** `ab` of each word: `a` may be read as `b`. Compared as small letters, since that is what text is folded to. */
const readAs = (words: string): ReadonlyMap<string, string> =>
  new Map(
    words.split(" ").map((word) => {
      const [char = "", ...read] = word.toLowerCase();
      return [char, read.join("")] as const;
    }),
  );

const SYMBOLS = readAs("@a $s !il |il €e £l ¢c ¡i §s");
/** All letters that some mark may be taken for. */
export const SYMBOL_LETTERS: ReadonlySet<string> = new Set([...SYMBOLS.values()].join(""));
const SYMBOL = /[@$!|€£¢¡§]/;

const WRITTEN_OUT: ReadonlyMap<string, string> = new Map([
  ["ß", "ss"],
  ["æ", "ae"],
  ["œ", "oe"],
]);

/** Digits that are taken for letters, and letters of other scripts, or other shapes, that look like Latin ones. */
const LOOK_ALIKES = readAs(
  [
    "0o 1il 3e 4a 5s 6g 7t 8b 9g",
    // Cyrillic
    "аa вb еe кk мm нhn оo рp сc тt уyu хx іil јj ѕs ԁd ԛq ԝw һh ӏli гr пn ьb иnu шw щw бb6 яr зe эe ғf қk ҳx үy",
    // Greek
    "αa βb γy εe ζz ηnh ιi κk μmu νvn οo ρp σo ςsc τt υuy χx ωw θo δd πn ξe",
    // Armenian and Cherokee
    "աwu օo սu ոn ցg հh յj զq Ꭰd Ꭱr Ꭲt Ꭵi Ꭹy Ꭺa Ꭻj Ꭼe Ꮃw Ꮇm Ꮋh Ꮍy Ꮐg Ꮒh Ꮓz Ꮟb Ꮢr Ꮤw Ꮥs Ꮩv Ꮪs Ꮮl Ꮯc Ꮲp Ꮶk Ꮷd",
    // Latin with strokes, without dots, small capitals, turned
    "ıi łl øo đd ħh ŧt ŋn ƒf ɑa ɡg ɩi ɪi ʟl ɴn ʀr ʏy ʜh ʙb ɢg ᴀa ᴄc ᴅd ᴇe ᴊj ᴋk ᴍm ᴏo ᴘp ᴛt ᴜu ᴠv ᴡw ᴢz ꜰf ꜱs",
    "ʋv ʌva ɛe ɔco əea ɐa ɯwm ɹr ʇt ʍwm ʎy ɥh þp ðd ɓb ɗd ɠg ƙk ƥp ƭt ƴy ƶz ȷj ɨi ɵo ʉu",
  ].join(" "),
);
