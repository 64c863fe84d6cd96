import type { LanguageModelV3Message } from "@ai-sdk/provider";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { userSays } from "../../../src/engine/agents/llm/asking.js";
import {
  charsOf,
  clearedBefore,
  excerpt,
  keptFrom,
  shortenedFrom,
  transcriptOf,
  withCuts,
} from "../../../src/engine/agents/llm/window.js";

/** Answers that call tools, each with its results behind it. */
const conversation = (turns: readonly (readonly string[])[]): LanguageModelV3Message[] => [
  { role: "system", content: "rules" },
  userSays("the task"),
  ...turns.flatMap((results, turn): LanguageModelV3Message[] => [
    {
      role: "assistant",
      content: results.map((_, at) => ({
        ...{ type: "tool-call" as const, toolCallId: `${turn}.${at}`, toolName: "fs_read", input: { at } },
      })),
    },
    {
      role: "tool",
      content: results.map((value, at) => ({
        ...{ type: "tool-result" as const, toolCallId: `${turn}.${at}`, toolName: "fs_read" },
        output: { type: "text" as const, value },
      })),
    },
  ]),
];

const ids = (messages: readonly LanguageModelV3Message[]): readonly (readonly string[])[] =>
  messages.map(({ content }) =>
    typeof content === "string"
      ? []
      : content.flatMap((part) => ("toolCallId" in part ? [part.toolCallId] : [])),
  );

/** As JSON writes half of a character. */
const HALF = /\\ud[89a-f]/;

const result = fc.string({ unit: "binary", maxLength: 6_000, size: "max" });
const turns = fc.array(fc.array(result, { maxLength: 3 }), { maxLength: 6 });

describe("a conversation that is compacted", () => {
  it("keeps each call with its result, in the same order, and what is left of them is text", () => {
    fc.assert(
      fc.property(turns, fc.nat(3), fc.nat(20_000), (said, kept, chars) => {
        const messages = conversation(said);
        const end = keptFrom(messages, { turns: kept + 1, chars });
        expect(["assistant", undefined]).toContain(messages[end]?.role);
        for (const cuts of [clearedBefore(messages, end), shortenedFrom(messages, end, chars)]) {
          const cut = withCuts(messages, cuts);
          expect(ids(cut)).toEqual(ids(messages));
          expect(charsOf(cut)).toBeLessThanOrEqual(charsOf(messages));
          expect(withCuts(messages, JSON.parse(JSON.stringify(cuts)))).toEqual(cut);
        }
        expect(withCuts(messages, clearedBefore(messages, end)).slice(end)).toEqual(messages.slice(end));
        expect(transcriptOf(messages, 3_000).length).toBeLessThan(3_100);
      }),
      { numRuns: 60 },
    );
  });

  it("keeps of the last turns as many as fit, and always the last", () => {
    const messages = conversation([["a"], ["b".repeat(900)], ["c"], ["d"]]);
    expect(keptFrom(messages, { turns: 3, chars: 5_000 })).toBe(4);
    expect(keptFrom(messages, { turns: 3, chars: 800 })).toBe(6);
    expect(keptFrom(messages, { turns: 3, chars: 1 })).toBe(8);
    expect(keptFrom(conversation([]), { turns: 3, chars: 1 })).toBe(2);
  });

  it("is cut between characters, never inside of one", () => {
    for (const chars of [100, 101, 102, 103])
      expect(JSON.stringify(excerpt("😀".repeat(1_000), chars))).not.toMatch(HALF);
    const messages = conversation([[`x${"😀".repeat(3_000)}`]]);
    const cut = JSON.stringify(withCuts(messages, shortenedFrom(messages, 2, 1_501)));
    expect(cut).toContain("Shortened: ");
    expect(cut).not.toMatch(HALF);
  });
});
