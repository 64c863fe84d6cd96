import type { Writable } from "node:stream";

/** Where a command speaks: data on stdout, everything else on stderr. Tests hand in their own. */
export type Output = {
  readonly out: Writable;
  readonly err: Writable;
  readonly json: boolean;
  readonly quiet: boolean;
  /** A person watches stderr, so a live line makes sense. */
  readonly live: boolean;
  readonly colour: boolean;
  /** Width of the terminal that shows stdout; undefined when it goes into a file or another program. */
  readonly columns: number | undefined;
  /** Takes secrets out of what is shown: records of before, and what nobody recorded, may hold one. */
  readonly redact: (text: string) => string;
};

/** Version of every JSON shape the terminal prints; raised when a field changes its meaning. */
export const SCHEMA_VERSION = 1;

export const printLine = ({ out, redact }: Output, text: string): void => void out.write(`${redact(text)}\n`);

/** One JSON document, or one line of a stream. */
export const printJson = ({ out, redact }: Output, value: object): void =>
  void out.write(`${redact(jsonLine({ schemaVersion: SCHEMA_VERSION, ...value }))}\n`);

/** JSON escapes only the first of the characters that a terminal obeys. */
export const jsonLine = (value: object): string =>
  JSON.stringify(value).replace(UNSEEN, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);

/** DEL and the C1 controls; line separators and the marks that turn the direction of text round. */
const UNSEEN = /[\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g;

/** Remarks for people; silent with --quiet. */
export const say = ({ err, quiet, redact }: Output, text: string): void => {
  if (!quiet) err.write(`${redact(text)}\n`);
};

const CODES = { red: 31, green: 32, yellow: 33, blue: 34, grey: 90, bold: 1 } as const;

export type Style = keyof typeof CODES;

export const paint = ({ colour }: Output, style: Style, text: string): string =>
  colour ? `\u001b[${CODES[style]}m${text}\u001b[0m` : text;

const ESCAPES = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, "g");

/** Text of agents and tools, made harmless for a terminal: no escape sequences, no control characters. */
export const safe = (text: string): string =>
  [...text.replace(ESCAPES, "").replace(UNSEEN, "·")].map((char) => (isControl(char) ? "·" : char)).join("");

const isControl = (char: string): boolean => char < " " && char !== "\n" && char !== "\t";

/** The first line, cut to fit and made harmless. */
export const brief = (text: string, chars: number): string => {
  const [line = ""] = safe(text).split("\n");
  return line.length > chars ? `${line.slice(0, chars - 1)}…` : line;
};

/** Room for a sentence of a library with a name in it. */
const REMARK_CHARS = 500;

/** For servers: their remarks hold names that other programs made up, and those are no lines and no orders for a terminal. */
export const remarksTo =
  (output: Output) =>
  (sentence: string): void =>
    say(output, brief(sentence, REMARK_CHARS));
