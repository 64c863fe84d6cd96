import * as z from "zod";
import { DURATION_PATTERN, exactDuration } from "../core/duration.js";
import { exactSize, parseSize, SIZE_PATTERN } from "../core/size.js";
import { DURATION_CHARS, durationMs, listOf, readAs } from "../core/wire.js";

/** What people read about a key. Editor, JSON Schema and docs take it from the schema, so there is no second table. */
export type About = {
  readonly title: string;
  /** One sentence. */
  readonly description: string;
  /** Where it is shown; keys inside an object are shown together, under its name. */
  readonly group?: string;
  /** Bounds that JSON Schema has no word for. */
  readonly bounds?: string;
};

/** How a key is edited. */
export type Kind = "toggle" | "choice" | "number" | "duration" | "size" | "text" | "words" | "commands";

/** What zod cannot say in JSON Schema, because it was written in code: looked up when the schema is printed. */
const jsonWords = z.registry<{ readonly words: () => Readonly<Record<string, unknown>> }, z.core.$ZodType>();

export const withWords = <S extends z.ZodType>(
  schema: S,
  words: () => Readonly<Record<string, unknown>>,
): S => {
  jsonWords.add(schema, { words });
  return schema;
};

/** Text that matches none of these. */
export const matchingNone = (patterns: readonly RegExp[]) => ({
  allOf: patterns.map((pattern) => ({ not: { pattern: portable(pattern) } })),
});

/** JSON Schema knows no flags, so either case is spelt out. */
export const portable = ({ source, ignoreCase }: RegExp): string =>
  ignoreCase
    ? source.replace(/[a-z]/gi, (letter) => `[${letter.toLowerCase()}${letter.toUpperCase()}]`)
    : source;

export const toggle = (about: About, byDefault: boolean) =>
  described("toggle", about, z.boolean().default(byDefault));

export const choice = <const O extends readonly [string, ...string[]]>(about: About, options: O) =>
  described("choice", about, z.enum(options));

export const wholeNumber = (
  about: About,
  { min, max, byDefault }: { readonly min: number; readonly max: number; readonly byDefault: number },
) => described("number", about, z.int().min(min).max(max).default(byDefault));

type Bounds = { readonly minMs: number; readonly maxMs: number };

/** Text such as `2m` that becomes milliseconds. */
export const duration = (about: About, bounds: Bounds) => {
  const { within, read, words } = durationsWithin(bounds);
  const schema = readAs(`a duration such as "2m", ${within}`, read);
  return described("duration", { ...about, bounds: within }, withWords(schema, words));
};

/** The same, or a word for no limit, which becomes null. */
export const durationOr = (word: string, about: About, bounds: Bounds) => {
  const { within, read, words } = durationsWithin(bounds);
  const schema = readAs(`a duration such as "2m", ${within}, or "${word}"`, wordOr(word, read));
  return described(
    "duration",
    { ...about, bounds: `${within}, or ${word}` },
    withWords(schema, () => ({ anyOf: [{ const: word }, words()] })),
  );
};

const durationsWithin = ({ minMs, maxMs }: Bounds) => ({
  within: `from ${exactDuration(minMs)} to ${exactDuration(maxMs)}`,
  read: (value: unknown) => durationMs(value, minMs, maxMs),
  words: () => ({
    type: "string",
    maxLength: DURATION_CHARS,
    pattern: DURATION_PATTERN,
    examples: ["90s", "2m", "1h30m"],
  }),
});

const wordOr =
  <T>(word: string, read: (value: unknown) => T | undefined) =>
  (value: unknown): T | null | undefined =>
    value === word ? null : read(value);

type SizeBounds = { readonly minBytes: number; readonly maxBytes: number };

/** Text such as `4GiB` that becomes bytes. */
export const size = (about: About, bounds: SizeBounds) => {
  const { within, read, words } = sizesWithin(bounds);
  const schema = readAs(`a size such as "4GiB" or "512MB", ${within}`, read);
  return described("size", { ...about, bounds: within }, withWords(schema, words));
};

/** The same, or a word for no limit, which becomes null. */
export const sizeOr = (word: string, about: About, bounds: SizeBounds) => {
  const { within, read, words } = sizesWithin(bounds);
  const schema = readAs(`a size such as "4GiB" or "512MB", ${within}, or "${word}"`, wordOr(word, read));
  return described(
    "size",
    { ...about, bounds: `${within}, or ${word}` },
    withWords(schema, () => ({ anyOf: [{ const: word }, words()] })),
  );
};

const sizesWithin = ({ minBytes, maxBytes }: SizeBounds) => ({
  within: `from ${exactSize(minBytes)} to ${exactSize(maxBytes)}`,
  read: (value: unknown): number | undefined => {
    if (typeof value !== "string" || value.length > SIZE_CHARS) return undefined;
    const bytes = parseSize(value);
    return bytes !== undefined && bytes >= minBytes && bytes <= maxBytes ? bytes : undefined;
  },
  words: () => ({
    type: "string",
    maxLength: SIZE_CHARS,
    pattern: SIZE_PATTERN,
    examples: ["512MiB", "4GiB", "10GB"],
  }),
});

/** No size that means anything is longer. */
const SIZE_CHARS = 50;

/** A list of words, or of commands whose words are lists themselves. */
export const list = <T extends z.ZodType>(kind: "words" | "commands", about: About, entry: T, max: number) =>
  described(
    kind,
    about,
    withWords(listOf(entry, max), () => listWords(entry, max)),
  );

/** What `listOf` cannot say for itself. */
export const listWords = (entry: z.ZodType, max: number, min = 0) => ({
  type: "array",
  items: jsonSchemaOf(entry),
  maxItems: max,
  ...(min > 0 ? { minItems: min } : {}),
});

export const described = <S extends z.ZodType>(kind: Kind, about: About, schema: S): S =>
  schema.meta({ kind, ...about });

/** As files may say it: defaults may be left out, durations are text. */
export const jsonSchemaOf = (schema: z.ZodType): z.core.JSONSchema.BaseSchema => {
  const { $schema: _, ...words } = z.toJSONSchema(schema, {
    io: "input",
    unrepresentable: "any",
    // What the YAML support of editors knows best.
    target: "draft-7",
    override: ({ zodSchema, jsonSchema }) => {
      Object.assign(jsonSchema, jsonWords.get(zodSchema)?.words());
    },
  });
  return words;
};
