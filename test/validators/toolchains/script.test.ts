import { describe, expect, test } from "vitest";
import { readScript, withoutOptions } from "../../../validators/toolchains/script.js";

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
