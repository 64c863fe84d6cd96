import type { LanguageModelV3Message } from "@ai-sdk/provider";

type Messages = readonly LanguageModelV3Message[];

/** A tool's result as it is told from now on: so many characters of it, and what is said of the rest. */
export type Cut = {
  /** Places in the conversation and in its message. */
  readonly message: number;
  readonly part: number;
  readonly keep: number;
  readonly note: string;
};

/** What every conversation begins with: the system's words and the task. They always stay. */
export const HEAD = 2;
/** A shorter result is hardly longer than what would stand in its place. */
const CLEARED_MIN = 400;
/** So much of a result can still be worked with. */
const SHORTENED_MIN = 1_000;
/** In a summary's material: what a call was given, and what came of it. */
const INPUT_CHARS = 1_000;
const RESULT_CHARS = 2_000;

export const charsOf = (messages: Messages): number => JSON.stringify(messages).length;

/**
 * From where the last turns stay as they are: the very last, and as many before it as fit. A turn is an answer of the model and
 * what it was told then, so no call loses its result.
 */
export const keptFrom = (
  messages: Messages,
  most: { readonly turns: number; readonly chars: number },
): number => {
  const begins = messages.flatMap(({ role }, at) => (role === "assistant" ? [at] : [])).slice(-most.turns);
  const fits = (at: number): boolean => charsOf(messages.slice(at)) <= most.chars;
  return begins.find(fits) ?? begins.at(-1) ?? HEAD;
};

export const turnsIn = (messages: Messages): number =>
  messages.filter(({ role }) => role === "assistant").length;

/** Of each long result before that place, only that there was one. */
export const clearedBefore = (messages: Messages, end: number): readonly Cut[] =>
  resultsIn(messages, HEAD, end)
    .filter(({ text }) => text.length > CLEARED_MIN)
    .map(({ message, part, tool, text }) => ({
      ...{ message, part, keep: 0 },
      note: `[Cleared to keep this conversation short: ${text.length} characters that ${tool} answered. What you need of it, look at again.]`,
    }));

/** Of each long result from that place on its beginning, so that all together have at most that many characters, or hardly more. */
export const shortenedFrom = (messages: Messages, start: number, chars: number): readonly Cut[] => {
  const results = resultsIn(messages, start, messages.length);
  const theirs = results.reduce((sum, { text }) => sum + text.length, 0);
  const room = chars - (charsOf(messages) - theirs);
  const each = Math.max(SHORTENED_MIN, Math.floor(room / Math.max(1, results.length)));
  return results
    .filter(({ text }) => text.length > each + CLEARED_MIN)
    .map(({ message, part, text }) => ({
      ...{ message, part, keep: whole(text, each) },
      note: `\n[Shortened: ${text.length - whole(text, each)} more characters would be too much. Ask for a smaller part.]`,
    }));
};

type Result = {
  readonly message: number;
  readonly part: number;
  readonly tool: string;
  readonly text: string;
};

const resultsIn = (messages: Messages, start: number, end: number): readonly Result[] =>
  messages
    .slice(start, end)
    .flatMap(({ role, content }, at) =>
      role !== "tool"
        ? []
        : content.flatMap((one, part) =>
            one.type === "tool-result" && "value" in one.output && typeof one.output.value === "string"
              ? [{ message: start + at, part, tool: one.toolName, text: one.output.value }]
              : [],
          ),
    );

/** Every call keeps its result: it only says less. */
export const withCuts = (messages: Messages, cuts: readonly Cut[]): LanguageModelV3Message[] => {
  const told = [...messages];
  for (const { message, part, keep, note } of cuts) {
    const one = told[message];
    if (one?.role !== "tool") continue;
    const content = one.content.map((result, at) => {
      if (at !== part || result.type !== "tool-result") return result;
      const { output } = result;
      if (output.type !== "text" && output.type !== "error-text") return result;
      return { ...result, output: { ...output, value: output.value.slice(0, keep) + note } };
    });
    told[message] = { ...one, content };
  }
  return told;
};

/** What was said and done, in words for who sums it up: all that was said, and of long calls and results both ends. */
export const transcriptOf = (messages: Messages, chars: number): string =>
  excerpt(messages.flatMap(linesOf).join("\n\n"), chars);

const linesOf = (message: LanguageModelV3Message): readonly string[] => {
  if (message.role === "system") return [];
  return message.content.flatMap((part) => {
    switch (part.type) {
      case "text":
        return [`${message.role === "assistant" ? "MODEL" : "TOLD"}: ${part.text}`];
      case "tool-call":
        return [`CALL ${part.toolName}: ${excerpt(JSON.stringify(part.input), INPUT_CHARS)}`];
      case "tool-result":
        return "value" in part.output && typeof part.output.value === "string"
          ? [`RESULT of ${part.toolName}: ${excerpt(part.output.value, RESULT_CHARS)}`]
          : [];
      default:
        return [];
    }
  });
};

/** Both ends of a text: what was wanted stands mostly at its beginning, and what came of it at its end. */
export const excerpt = (text: string, chars: number): string => {
  if (text.length <= chars) return text;
  const half = Math.floor(chars / 2);
  const first = whole(text, half);
  const last = whole(text, text.length - half);
  return `${text.slice(0, first)}\n[… ${last - first} characters …]\n${text.slice(last)}`;
};

/** No place in the middle of a character: its halves are no text. */
const whole = (text: string, at: number): number => {
  const code = text.charCodeAt(at - 1);
  return code >= 0xd800 && code <= 0xdbff ? at - 1 : at;
};
