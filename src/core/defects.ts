import type * as z from "zod";
import { cutShort } from "./cut.js";
import { LedgerError } from "./errors.js";

/** Where in a document: keys and list positions from its root. */
export type Place = readonly PropertyKey[];

/** One thing wrong with a document, before it is put into words. */
export type Flaw = {
  readonly at: Place;
  readonly found: string;
  readonly expected: string;
  /** The misspelt word and what it may have meant; compared only for flaws that are told. */
  readonly meant?: { readonly word: string; readonly known: readonly string[] };
};

/** One thing wrong with a document, as told to models, people and programs. */
export type Defect = { readonly path: string; readonly found: string; readonly expected: string };

/** Nobody mends more at once, and a million-character document of nonsense must not become a larger answer. */
const DEFECTS_LISTED = 100;
/** Enough to see what is wrong in one line; the rest is in the details. */
const DEFECTS_IN_SENTENCE = 5;
/** The mark of what is cut off among them. */
const QUOTED_CHARS = 61;
const PLACE_DEPTH = 12;

/** Puts flaws into words, all at once, so that whoever wrote the document mends it in one go. */
export const toDefects = (flaws: readonly Flaw[], root: string): Defect[] =>
  flaws.slice(0, DEFECTS_LISTED).map(({ at, found, expected, meant }) => {
    const nearest = meant === undefined ? undefined : nearestOf(meant.word, meant.known);
    const hint = nearest === undefined ? "" : `; did you mean ${quoted(nearest)}?`;
    return { path: placeText(at, root), found, expected: expected + hint };
  });

/** The first defects in one sentence, with the count of all. */
export const defectsSentence = (what: string, lines: readonly string[], count: number): string => {
  const more = count - Math.min(lines.length, DEFECTS_IN_SENTENCE);
  const counted = count === 1 ? "1 defect" : `${count} defects`;
  const told = lines.slice(0, DEFECTS_IN_SENTENCE).join("; ");
  return `${counted} in ${what}: ${told}${more > 0 ? `; and ${more} more.` : told.endsWith("?") ? "" : "."}`;
};

export const defectLine = ({ path, found, expected }: Defect): string =>
  `${path}: found ${found}, expected ${expected}`;

/** What a schema found wrong, in words of ours: zod knows types, but not what was there instead. */
export const flawsOf = (issues: readonly z.core.$ZodIssue[], input: unknown): Flaw[] =>
  issues.flatMap((issue) => flawOf(issue, valueAt(input, issue.path)));

/** What was handed in does not fit its schema: one refusal that names every place. */
export const misfit = (what: string, issues: readonly z.core.$ZodIssue[], input: unknown): LedgerError => {
  const flaws = flawsOf(issues, input);
  const defects = toDefects(flaws, "input");
  return new LedgerError("invalid_input", defectsSentence(what, defects.map(defectLine), flaws.length), {
    details: { defects, count: flaws.length },
  });
};

/** Says a value so that it fits into a sentence and cannot drive a terminal. */
export const quoted = (text: string): string =>
  JSON.stringify(cutShort(text, QUOTED_CHARS)).replace(
    UNSEEN,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );

/** Names in quotation marks, the long tail cut. */
export const listed = (names: readonly PropertyKey[]): string => {
  const shown = names.slice(0, 12).map((name) => quoted(String(name)));
  return names.length > shown.length ? `${shown.join(", ")}, …` : shown.join(", ");
};

const describeFound = (value: unknown): string => {
  if (value === undefined) return "nothing";
  if (typeof value === "string") {
    return value.length > QUOTED_CHARS ? `${quoted(value)} (${value.length} characters)` : quoted(value);
  }
  if (Array.isArray(value)) return value.length === 1 ? "a list of 1" : `a list of ${value.length}`;
  if (value === null || typeof value === "number" || typeof value === "boolean") return String(value);
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
};

/** The known word a misspelt one most likely stands for: case, `-` and `_` do not count. */
export const nearestOf = (word: string, known: readonly string[]): string | undefined => {
  if (word.length > QUOTED_CHARS) return undefined;
  const bound = word.length < 4 ? 1 : 2;
  let best: { name: string; distance: number } | undefined;
  for (const name of known) {
    if (Math.abs(name.length - word.length) > bound + 2) continue;
    const distance = editDistance(plain(word), plain(name));
    if (distance <= bound && distance < (best?.distance ?? Number.POSITIVE_INFINITY))
      best = { name, distance };
  }
  return best?.name;
};

export const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** `steps[0].validator.target`; the root's own name when there is no key to name. */
const placeText = (at: Place, root: string): string => {
  let text = "";
  for (const segment of at.slice(0, PLACE_DEPTH)) {
    if (typeof segment === "number") text += `${text === "" ? root : ""}[${segment}]`;
    else if (PLAIN_KEY.test(String(segment))) text += `${text === "" ? "" : "."}${String(segment)}`;
    else text += `${text === "" ? root : ""}[${quoted(String(segment))}]`;
  }
  return text === "" ? root : at.length > PLACE_DEPTH ? `${text}…` : text;
};

const UNSEEN = /[\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g;
const PLAIN_KEY = /^[A-Za-z_][\w-]{0,63}$/;

const flawOf = (issue: z.core.$ZodIssue, value: unknown): Flaw[] => {
  const at = issue.path;
  switch (issue.code) {
    case "unrecognized_keys":
      return unknownKeys(issue);
    case "invalid_type":
      return [{ at, found: describeFound(value), expected: TYPE_WORDS[issue.expected] ?? issue.expected }];
    case "invalid_value":
      return [oneOf(at, value, issue.values.map(String))];
    case "invalid_union":
      return flawsOfUnion(issue, value);
    case "invalid_key":
      return [{ at, found: quoted(String(at.at(-1))), expected: issue.issues[0]?.message ?? "another name" }];
    case "too_big":
      return [{ at, found: describeFound(value), expected: `at most ${measured(issue.maximum, issue)}` }];
    case "too_small":
      return [{ at, found: describeFound(value), expected: atLeast(issue) }];
    default:
      return [{ at, found: describeFound(value), expected: issue.message }];
  }
};

const atLeast = (issue: z.core.$ZodIssueTooSmall): string =>
  issue.origin === "string" && issue.minimum === 1
    ? "text that is not blank"
    : `at least ${measured(issue.minimum, issue)}`;

const measured = (bound: number | bigint, { origin }: { readonly origin: string }): string => {
  const unit = { string: "character", array: "entry" }[origin];
  if (unit === undefined) return String(bound);
  return Number(bound) === 1 ? `1 ${unit}` : `${bound} ${unit === "entry" ? "entries" : `${unit}s`}`;
};

const TYPE_WORDS: Readonly<Record<string, string>> = {
  string: "text",
  array: "a list",
  object: "an object",
  record: "an object",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
};

/** A value that has the type of one spelling is told what is wrong with that spelling, not with the others. */
const flawsOfUnion = (issue: z.core.$ZodIssueInvalidUnion, value: unknown): Flaw[] => {
  const at = issue.path;
  if ("options" in issue && Array.isArray(issue.options))
    return [oneOf(at, value, issue.options.map(String))];
  const inner = issue.errors.map((issues) => flawsOf(issues, value));
  const meant = inner.find((flaws) => flaws.some((flaw) => flaw.at.length > 0));
  if (meant !== undefined) return meant.map((flaw) => ({ ...flaw, at: [...at, ...flaw.at] }));
  const expected = [...new Set(inner.flatMap((flaws) => flaws.map((flaw) => flaw.expected)))].join(" or ");
  return [{ at, found: describeFound(value), expected }];
};

const unknownKeys = ({ path, keys, message }: z.core.$ZodIssueUnrecognizedKeys): Flaw[] => {
  const known = knownKeys(message);
  const expected = known.length === 0 ? "no key here" : `one of ${listed(known)}`;
  return keys.map((key) => ({
    at: [...path, key],
    found: "an unknown key",
    expected,
    meant: { word: key, known },
  }));
};

/** `closed` in wire.ts writes the known keys into the message, one blank between them. */
const knownKeys = (message: string): string[] => message.split(" ").filter((key) => key !== "");

const oneOf = (at: Place, value: unknown, known: readonly string[]): Flaw => ({
  at,
  found: describeFound(value),
  expected: known.length === 1 ? listed(known) : `one of ${listed(known)}`,
  ...(typeof value === "string" && known.length > 1 ? { meant: { word: value, known } } : {}),
});

const valueAt = (input: unknown, at: Place): unknown => {
  let value = input;
  for (const segment of at) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, segment)) return undefined;
    value = Reflect.get(value, segment);
  }
  return value;
};

const plain = (name: string): string => name.toLowerCase().replace(/[-_]/g, "");

const editDistance = (a: string, b: string): number => {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const swap = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, swap));
    }
    row = next;
  }
  return row[b.length] ?? 0;
};
