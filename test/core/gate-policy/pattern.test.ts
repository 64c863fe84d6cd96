import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { patternMatcher, patternProblem } from "../../../src/core/gate-policy/pattern.js";

describe("patterns of policies", () => {
  it.each([
    ["^[^@]+@[^@]+$", "a@b", "a@b@c"],
    ["a|bc", "xbcx", "ac b".replace("a", "")],
    ["^(?:ab){2,3}$", "ababab", "abab ab"],
    ["^\\d{3}-\\d{4}$", "555-1234", "555-12345"],
    ["\\bsue\\b", "we sue", "issue"],
    ["^\\p{Lu}\\p{Ll}+$", "Ärger", "ärger"],
    ["^.$", "😀", "ab"],
    ["^\\u{1F600}\\ud83d\\ude00$", "😀😀", "😀"],
    ["^[\\]\\-a-c]*$", "a]-c", "d"],
    ["^(a*)*$", "aaa", "aab"],
    ["", "anything", undefined],
    ["^$", "", "x"],
    ["a+?b", "aab", "ba"],
    ["^a{2}$", "aa", "aaa"],
    ["^a{2,}$", "aaaa", "a"],
  ])("%s matches %s and not %s", (pattern, matching, other) => {
    expect(patternProblem(pattern)).toBeUndefined();
    expect(patternMatcher(pattern)(matching)).toBe(true);
    if (other !== undefined) expect(patternMatcher(pattern)(other)).toBe(false);
  });

  it.each([
    "(",
    "[b-a]",
    "a{2,1}",
    "(a)\\1",
    "(?=a)",
    "(?!a)",
    "(?<=a)b",
    "(?<name>a)",
    "((a{50}){50}){50}",
    "x".repeat(501),
  ])("refuses %s", (pattern) => {
    expect(patternProblem(pattern)).toBeDefined();
  });

  it("takes no longer for a text that makes others go back for ever", () => {
    expect(patternMatcher("^(a+)+$")(`${"a".repeat(5_000)}!`)).toBe(false);
    expect(patternMatcher("^(a|a)*$")(`${"a".repeat(5_000)}!`)).toBe(false);
    expect(patternMatcher("^([a-z]+)*@(.*)*x$")("a".repeat(5_000))).toBe(false);
  });

  it("agrees with JavaScript", () => {
    const atom = fc.constantFrom(
      "a",
      "b",
      ".",
      "\\d",
      "\\w",
      "\\W",
      "[ab]",
      "[^a]",
      "\\b",
      "\\B",
      "^",
      "$",
      "1",
      " ",
      "\\.",
      "é",
    );
    const { pattern } = fc.letrec<{ pattern: string }>((tie) => ({
      pattern: fc.oneof(
        { maxDepth: 4 },
        atom,
        fc.tuple(tie("pattern"), tie("pattern")).map(([a, b]) => a + b),
        fc.tuple(tie("pattern"), tie("pattern")).map(([a, b]) => `${a}|${b}`),
        tie("pattern").map((a) => `(${a})`),
        fc
          .tuple(tie("pattern"), fc.constantFrom("*", "+", "?", "{2}", "{0,2}", "{1,}", "*?"))
          .map(([a, q]) => `(?:${a})${q}`),
      ),
    }));
    const text = fc.string({ unit: fc.constantFrom("a", "b", "1", " ", ".", "é", "\n"), maxLength: 8 });
    fc.assert(
      fc.property(pattern, text, (source, subject) => {
        fc.pre(patternProblem(source) === undefined);
        expect(patternMatcher(source)(subject)).toBe(new RegExp(source, "u").test(subject));
      }),
      { numRuns: 2_000 },
    );
  });
});
