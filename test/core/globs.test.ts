import fc from "fast-check";
import picomatch from "picomatch";
import { describe, expect, it } from "vitest";
import { globMatcher, globProblem } from "../../src/core/globs.js";

describe("a glob", () => {
  it.each([
    ["src/**", "src/a/b.ts"],
    ["docs/**", "docs"],
    ["**/*.ts", "a.ts"],
    ["a/**/b", "a/b"],
    ["./a", "a"],
    ["*.{ts,js}", ".eslintrc.js"],
    ["{a,b/**}/c", "b/x/y/c"],
    ["[a-c][!x]", "by"],
    ["app/[id]/{page,{a,b}}.tsx", "app/d/b.tsx"],
    ["app/(shop)/*", "app/(shop)/page.tsx"],
    ["a{b", "a{b"],
    ["{one}", "{one}"],
    ["a[", "a["],
    ["\u{1f4a5}/*", "\u{1f4a5}/x"],
  ])("%s matches %s", (glob, path) => expect(globMatcher(glob)(path)).toBe(true));

  it.each([
    ["*", "a/b"],
    ["*/**", "a"],
    ["?", "/"],
    ["[!x]", "/"],
    ["src/*", "src"],
    ["a/**", "ab"],
    ["A", "a"],
    ["{a,b}", "{a,b}"],
  ])("%s does not match %s", (glob, path) => expect(globMatcher(glob)(path)).toBe(false));

  it("overlooks letter case only when asked to", () => {
    expect(globMatcher("SRC/[A-C]*", { nocase: true })("src/b")).toBe(true);
  });

  it("means what picomatch means by it", () => {
    const bits = [
      "a",
      "b",
      "a.ts",
      "*",
      "?",
      "*.ts",
      "a*",
      "*b*",
      "[ab]",
      "[^a]",
      "{a,b}",
      "{,*.}a.ts",
      "**",
    ];
    const names = ["a", "b", "c", "a.ts", "b.a.ts", ".a", "ab", "aab"];
    const joined = (words: readonly string[]) =>
      fc.array(fc.constantFrom(...words), { minLength: 1, maxLength: 5 }).map((parts) => parts.join("/"));
    fc.assert(
      fc.property(joined([...bits, "{a,b/c}"]), joined(names), (glob, path) => {
        expect(globMatcher(glob)(path)).toBe(picomatch(glob, { dot: true })(path));
      }),
      { numRuns: 2_000 },
    );
  });

  it("costs no more than its length times that of the path", () => {
    // Each of these takes a backtracking matcher longer than a test may run.
    for (const [glob, path] of [
      [`${"*a".repeat(240)}b`, "a".repeat(4_000)],
      [`${"**/a/".repeat(90)}b`, "a/".repeat(2_000)],
      ["{a,a}".repeat(90), "a".repeat(91)],
      [`${"{*,".repeat(120)}x${"}".repeat(120)}b`, "a".repeat(4_000)],
    ] as const)
      expect(globMatcher(glob)(path)).toBe(false);
  });

  it.each([
    ["@(a|b)/c", '"@(…)"'],
    ["!(src)/**", '"!(…)"'],
    ["+(a+)b", '"+(…)"'],
    ["{1..9}.txt", "no ranges"],
    ["a".repeat(501), "at most 500 characters"],
  ])("is not %s", (glob, why) => expect(globProblem(glob)).toContain(why));
});
