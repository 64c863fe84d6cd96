import { type Flaw, quoted } from "./defects.js";
import { LedgerError } from "./errors.js";
import * as limit from "./limits.js";

type JsonText = { readonly value: unknown; readonly repeatedKeys: readonly Flaw[] };

/**
 * Models wrap their JSON into prose and fences. The whole text counts when it is JSON, else the first fenced block that
 * is, else the first balanced stretch. One pass each: no text makes this slow.
 */
export const jsonFromText = (text: string, opening: "{" | "[", what: string): JsonText => {
  if (text.length > limit.PLAN_TEXT_CHARS) {
    const sizes = `${text.length} characters long; at most ${limit.PLAN_TEXT_CHARS} are read`;
    throw new LedgerError("parse_failed", `The text with the ${what} is ${sizes}.`);
  }
  const trimmed = text.trim();
  const whole = parsed(trimmed);
  const found = whole.ok ? whole : (inFence(trimmed, opening) ?? inProse(trimmed, opening) ?? whole);
  if (found.ok) return { value: found.value, repeatedKeys: repeatedKeys(found.json) };
  const hint = `Answer with one fenced \`\`\`json block that holds the ${what}.`;
  const said = found !== whole || LOOKS_LIKE_JSON.test(trimmed);
  const sentence = said ? `The ${what} is not JSON: ${found.error}.` : `There is no ${what} in this text.`;
  throw new LedgerError("parse_failed", sentence, { hint });
};

type Parsed =
  | { readonly ok: true; readonly json: string; readonly value: unknown }
  | { readonly ok: false; readonly error: string };

const LOOKS_LIKE_JSON = /^[[{]/;
/** Fences begin a line, and no JSON string can: so backticks inside strings never open one. */
const FENCE = /^[ \t]*`{3,}(?:[ \t]*json)?\s*/gim;
/** Each try may read on to the end of the text; no answer has so many fences. */
const FENCES_TRIED = 50;

const parsed = (json: string): Parsed => {
  try {
    return { ok: true, json, value: JSON.parse(json) };
  } catch (error) {
    return { ok: false, error: error instanceof Error ? error.message : String(error) };
  }
};

/** A fence's body ends with its balanced value, so backticks inside strings cannot cut it. */
const inFence = (text: string, opening: "{" | "["): Parsed | undefined => {
  let tries = 0;
  for (const fence of text.matchAll(FENCE)) {
    const start = fence.index + fence[0].length;
    if (text[start] !== opening) continue;
    if (++tries > FENCES_TRIED) return undefined;
    const end = balancedEnd(text, start);
    if (end === undefined || !fenceClosesAt(text, end)) continue;
    const body = parsed(text.slice(start, end));
    if (body.ok) return body;
  }
  return undefined;
};

/** A fence that a model's length limit left open still counts when its value is whole. */
const fenceClosesAt = (text: string, end: number): boolean => {
  const rest = /\s*/y;
  rest.lastIndex = end;
  const close = end + (rest.exec(text)?.[0].length ?? 0);
  return close === text.length || text.startsWith("```", close);
};

/** A broken stretch is skipped whole: its inner objects are pieces of a plan, not plans. */
const inProse = (text: string, opening: "{" | "["): Parsed | undefined => {
  const opens = opening === "{" ? /\{\s*"/g : /\[\s*\{/g;
  let firstBroken: Parsed | undefined;
  for (let match = opens.exec(text); match !== null; match = opens.exec(text)) {
    const end = balancedEnd(text, match.index);
    if (end === undefined) return firstBroken ?? { ok: false, error: unclosed(text, match.index) };
    const stretch = parsed(text.slice(match.index, end));
    if (stretch.ok) return stretch;
    firstBroken ??= stretch;
    opens.lastIndex = end;
  }
  return firstBroken;
};

const unclosed = (text: string, start: number): string => {
  const line = text.slice(0, start).split("\n").length;
  return `what begins in line ${line} with ${quoted(text.slice(start, start + 20))} is never closed`;
};

/** Where the value that opens at `start` ends; undefined when the text ends before. */
const balancedEnd = (text: string, start: number): number | undefined => {
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    const char = text[at];
    if (char === '"') at = closingQuote(text, at);
    else if (char === "{" || char === "[") depth++;
    else if (char === "}" || char === "]") {
      depth--;
      if (depth === 0) return at + 1;
    }
  }
  return undefined;
};

const closingQuote = (text: string, opening: number): number => {
  let at = opening + 1;
  while (at < text.length && text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
  return at;
};

type Frame = { readonly keys: Set<string> | null; segment: string | number; wantsKey: boolean };

/** JSON.parse lets the last of two equal keys win: then what a person reads first is not what runs. */
const repeatedKeys = (json: string): Flaw[] => {
  const flaws: Flaw[] = [];
  const frames: Frame[] = [];
  for (let at = 0; at < json.length; at++) {
    const char = json[at];
    const frame = frames.at(-1);
    if (char === "{") frames.push({ keys: new Set(), segment: "", wantsKey: true });
    else if (char === "[") frames.push({ keys: null, segment: 0, wantsKey: false });
    else if (char === "}" || char === "]") frames.pop();
    else if (char === "," && frame !== undefined) nextEntry(frame);
    else if (char === '"') {
      const end = closingQuote(json, at);
      if (frame?.wantsKey === true) {
        const repeated = !nameEntry(frame, JSON.parse(json.slice(at, end + 1)));
        if (repeated && flaws.length < REPEATED_KEYS_MAX) flaws.push(repeatedKey(frames));
      }
      at = end;
    }
  }
  return flaws;
};

/** Each is told with its place, and a place may be deep: more than these help nobody. */
const REPEATED_KEYS_MAX = 50;

const nextEntry = (frame: Frame): void => {
  if (typeof frame.segment === "number") frame.segment++;
  else frame.wantsKey = true;
};

/** False when the object already has this key. */
const nameEntry = (frame: Frame, key: string): boolean => {
  const isNew = frame.keys?.has(key) === false;
  frame.keys?.add(key);
  frame.segment = key;
  frame.wantsKey = false;
  return isNew;
};

const repeatedKey = (frames: readonly Frame[]): Flaw => ({
  at: frames.map(({ segment }) => segment),
  found: "the same key again",
  expected: "each key once",
});
