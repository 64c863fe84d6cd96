import { describe, expect, test } from "vitest";
import { followScript, withoutOptions } from "../../../validators/toolchains/script.js";

const readScript = (test: string, more = {}) => followScript("test", { test, ...more });
const texts = (script: string) => readScript(script)?.words.map(({ text }) => text);

describe("a test script", () => {
  test("is one program with its words", () => {
    expect(readScript("node --test")).toMatchObject({ program: "node", env: {} });
    expect(texts("node --import tsx --test \"a b.mjs\" 'c'")).toEqual([
      "--import",
      "tsx",
      "--test",
      "a b.mjs",
      "c",
    ]);
  });

  test("may set variables and go through a program that only starts another", () => {
    expect(readScript("CI=1 npx vitest run")).toMatchObject({ program: "vitest", env: { CI: "1" } });
    expect(readScript("cross-env A=b=c jest")).toMatchObject({ program: "jest", env: { A: "b=c" } });
  });

  test.each([
    ["npm run unit", { unit: "A=1 vitest run" }, "vitest", ["run"], { A: "1" }],
    [
      "B=2 npm run -s unit",
      { unit: "npm run-script more", more: "A=1 jest" },
      "jest",
      [],
      { A: "1", B: "2" },
    ],
    ["yarn unit", { unit: "node --test" }, "node", ["--test"], {}],
    ["pnpm run unit", { unit: "node --test" }, "node", ["--test"], {}],
    ["CI=1 pnpm vitest run", {}, "vitest", ["run"], { CI: "1" }],
    ["pnpm exec vitest run", {}, "vitest", ["run"], {}],
    ["npm exec -- vitest run", {}, "vitest", ["run"], {}],
  ])("is followed through a package manager: %s", (script, more, program, words, env) => {
    const call = readScript(script, more);
    expect({ ...call, words: call?.words.map(({ text }) => text) }).toEqual({ program, words, env });
  });

  test.each([
    ["npm run test", {}],
    ["npm run a", { a: "npm run b", b: "npm run a" }],
    ["npm run unit", {}],
    ["npm run unit", { unit: 1 }],
    ["npm run unit -- --coverage", { unit: "jest" }],
    ["npm run unit", { unit: "tsc && jest" }],
    ["npm vitest", {}],
    ["npm", {}],
    ["npm run toString", {}],
  ])("is left to its package manager: %s of %j", (script, more) => {
    expect(readScript(script, more)).toBeUndefined();
  });

  test("keeps globs apart that a shell would expand", () => {
    const words = readScript(`node --test test/*.mjs 'lib/*.mjs'`)?.words ?? [];
    expect(words.map(({ raw, glob }) => [raw, glob])).toEqual([
      ["--test", false],
      ["test/*.mjs", true],
      ["'lib/*.mjs'", false],
    ]);
  });

  test.each([
    "tsc && node --test",
    "node --test | tee log",
    "node --test; exit 0",
    "node --test > out",
    "node --test $FILES",
    "node --test `ls`",
    'node --test "$HOME"',
    "node --test & wait",
    "node --test # comment",
    "node --test 'open",
    "node --test a\\ b",
    "",
  ])("that needs a shell is not read: %s", (script) => {
    expect(readScript(script)).toBeUndefined();
  });

  test("loses options together with their values", () => {
    const words = readScript("node --watch --test-reporter dot --test-reporter=tap --test a")?.words ?? [];
    const kept = withoutOptions(words, { "--watch": "flag", "--test-reporter": "value" });
    expect(kept.map(({ text }) => text)).toEqual(["--test", "a"]);
  });
});
