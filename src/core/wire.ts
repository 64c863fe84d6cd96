import * as z from "zod";
import { parseDuration } from "./duration.js";
import * as limit from "./limits.js";

/** An object that refuses unknown keys and remembers the known ones, so that a misspelt one can be mended. */
export const closed = <S extends z.ZodRawShape>(shape: S) =>
  z.strictObject(shape, {
    error: (issue) => (issue.code === "unrecognized_keys" ? Object.keys(shape).join(" ") : undefined),
  });

/**
 * A bounded list whose entries are not even looked at when there are too many of them. The bounds here and below are
 * refinements, because zod's own length checks read `length` of whatever is there, an object's too.
 */
export const listOf = <T extends z.ZodType>(entry: T, max: number, min = 0) => {
  const list = z.custom<z.input<T>[]>(Array.isArray, "a list");
  const least = `at least ${counted(min, "entry", "entries")}`;
  return (min === 0 ? list : list.refine(({ length }) => length >= min, least))
    .refine(({ length }) => length <= max, `at most ${counted(max, "entry", "entries")}`)
    .pipe(z.array(entry));
};

/** One for each bound: see shapes.ts. */
const oncePerBound = <T>(make: (max: number) => T): ((max: number) => T) => {
  const made = new Map<number, T>();
  return (max) => {
    const one = made.get(max) ?? make(max);
    made.set(max, one);
    return one;
  };
};

export const textUpTo = oncePerBound((maxChars) =>
  z
    .string()
    .refine((text) => text.length <= maxChars, `at most ${counted(maxChars, "character", "characters")}`)
    .refine((text) => !text.includes("\0"), "text without NUL characters"),
);

/** Text that says something. */
export const textOf = oncePerBound((maxChars) =>
  textUpTo(maxChars).refine((text) => text.trim() !== "", "text that is not blank"),
);

/** Reads a value that has more than one spelling; `expected` says which. */
export const readAs = <T>(expected: string, read: (value: unknown) => T | undefined) =>
  z.unknown().transform((value, context): T => {
    const result = read(value);
    if (result !== undefined) return result;
    context.addIssue({ code: "custom", message: expected });
    return z.NEVER;
  });

/** Milliseconds of a duration in text, between two bounds. */
export const durationMs = (value: unknown, minMs: number, maxMs: number): number | undefined => {
  if (typeof value !== "string" || value.length > DURATION_CHARS) return undefined;
  const ms = parseDuration(value);
  return ms !== undefined && ms >= minMs && ms <= maxMs ? ms : undefined;
};

/** Becomes part of branch and folder names, so it is a word that every file system and git take as it is. */
export const isId = (value: string): boolean => value.length <= limit.ID_CHARS && ID.test(value);

export const ID_WORDS = `letters, digits, "-" and "_", beginning with a letter or digit, at most ${limit.ID_CHARS}`;

export const ID = /^[A-Za-z0-9][A-Za-z0-9_-]*$/;
/** No duration that means anything is longer. */
export const DURATION_CHARS = 50;

const counted = (count: number, one: string, many: string): string => `${count} ${count === 1 ? one : many}`;
