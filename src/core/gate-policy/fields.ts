import type * as z from "zod";
import { PATTERN_TEXT_CHARS, patternMatcher } from "./pattern.js";
import type { FieldCheck } from "./schema.js";

/** The value that a payload is as JSON; undefined when it is none, or when two readers of it could read different things. */
export const jsonOf = (text: string): { readonly value: unknown } | undefined => {
  try {
    const value: unknown = JSON.parse(text);
    return repeatsKeys(text) ? undefined : { value };
  } catch {
    return undefined;
  }
};

/** Why the payload fails the check; undefined when it holds. Values are not quoted: they may be anybody's. */
export const fieldProblem = (check: z.output<typeof FieldCheck>, payload: unknown): string | undefined => {
  const value = valueAt(payload, check.path.split("."));
  if (value === undefined) return check.required === true ? "it is missing" : undefined;
  if (check.required === true && (value === null || value === "")) return "it is empty";
  return numberProblem(check, value) ?? lengthProblem(check, value) ?? patternMissed(check, value);
};

type Check = z.output<typeof FieldCheck>;

const numberProblem = ({ min, max }: Check, value: unknown): string | undefined => {
  if (min === undefined && max === undefined) return undefined;
  if (typeof value !== "number" || !Number.isFinite(value)) return "it is no number";
  if (min !== undefined && value < min) return `it is below ${min}`;
  return max !== undefined && value > max ? `it is above ${max}` : undefined;
};

const lengthProblem = ({ max_length: max }: Check, value: unknown): string | undefined => {
  if (max === undefined) return undefined;
  if (typeof value !== "string" && !Array.isArray(value)) return "it is neither text nor a list";
  return [...value].length > max ? `it is longer than ${max}` : undefined;
};

const patternMissed = ({ pattern }: Check, value: unknown): string | undefined => {
  if (pattern === undefined) return undefined;
  if (typeof value !== "string") return "it is no text";
  if (value.length > PATTERN_TEXT_CHARS) return `it is longer than ${PATTERN_TEXT_CHARS} characters`;
  return patternMatcher(pattern)(value) ? undefined : "it does not match its pattern";
};

/** Own members of objects, and entries of lists by number; never what objects inherit. */
const valueAt = (payload: unknown, segments: readonly string[]): unknown => {
  let value = payload;
  for (const segment of segments) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, segment)) return undefined;
    if (Array.isArray(value) && !/^\d+$/.test(segment)) return undefined;
    value = Reflect.get(value, segment);
  }
  return value;
};

const TOKEN = /("[^"\\]*(?:\\.[^"\\]*)*")(\s*:)?|[{}[\]]/gs;

/** Of a key that is there twice one reader takes the first value, another the last. */
const repeatsKeys = (json: string): boolean => {
  const open: (Set<string> | undefined)[] = [];
  for (const [token, text, colon] of json.matchAll(TOKEN)) {
    if (token === "{") open.push(new Set());
    else if (token === "[") open.push(undefined);
    else if (text === undefined) open.pop();
    else if (colon !== undefined) {
      const keys = open.at(-1);
      const key: unknown = JSON.parse(text);
      if (keys?.has(String(key))) return true;
      keys?.add(String(key));
    }
  }
  return false;
};
