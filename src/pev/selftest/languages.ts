import { posix } from "node:path";
import type { Toolchain } from "../../core/spec.js";
import { inlineTests } from "../inline-tests.js";

/** A file of the base that holds tests. */
export type TestFile = { readonly path: string; readonly text: string; readonly names: readonly string[] };

/** What cheats must know about a language: how its tests look, what they load, and how a program leaves. */
export type Language = {
  readonly isSource: (path: string) => boolean;
  /** Names of the tests in a file; none where it holds none. */
  readonly testNames: (text: string) => readonly string[];
  /** The same tests by name, with nothing in them. */
  readonly hollow: (test: TestFile) => string;
  readonly skipped: (test: TestFile) => string;
  /** What is left of the file without its tests; null when that is nothing. */
  readonly without: (test: TestFile) => string | null;
  /** A test of its own that always passes, beside one that is there. */
  readonly easy: (beside: TestFile) => readonly [path: string, text: string];
  /** Paths that loading this text may mean; which of them exist is for the caller to see. */
  readonly loads: (path: string, text: string) => readonly string[];
  /** The file once loading it says `words` on stdout and then ends the program with `code`. */
  readonly leaving: (path: string, text: string, code: number, words: string) => readonly [string, string];
};

const matchesOf = (text: string, pattern: RegExp, group: number): readonly string[] =>
  [...text.matchAll(pattern)].flatMap((found) => found[group] ?? []);

const NODE_TEST = /(?:^|[^.\w])(?:test|it)(?:\.\w+)*\s*\(\s*(["'`])((?:\\.|(?!\1)[^\\])*)\1/g;
const NODE_ENDINGS = ["", ".js", ".mjs", ".cjs", ".ts", ".mts", ".tsx", ".jsx", "/index.js", "/index.ts"];

/** How a test file of this runner begins, in the kind of module that the file is. */
const nodeHeader = (text: string): string => {
  const runner = text.includes("node:test") ? "node:test" : /["']vitest["']/.test(text) ? "vitest" : "";
  if (runner === "") return "";
  return /\brequire\s*\(/.test(text)
    ? `const { test } = require("${runner}");\n`
    : `import { test } from "${runner}";\n`;
};

const node: Language = {
  isSource: (path) => /\.[cm]?[jt]sx?$/.test(path),
  testNames: (text) => matchesOf(text, NODE_TEST, 2),
  hollow: ({ text, names }) =>
    `${nodeHeader(text)}${names.map((name) => `test(${JSON.stringify(name)}, () => {});\n`).join("")}`,
  skipped: ({ text }) => text.replace(/(^|[^.\w])(test|it)(\s*\()/g, "$1$2.skip$3"),
  without: () => null,
  easy: ({ path, text }) => [
    posix.join(posix.dirname(path), `runledger-selftest${endingOf(path)}`),
    `${nodeHeader(text)}test("nothing is wrong", () => {});\n`,
  ],
  loads: (path, text) =>
    matchesOf(text, /(?:from|import|require)\s*\(?\s*(["'])(\.{1,2}\/[^"']+)\1/g, 2).flatMap((name) => {
      const plain = posix.join(posix.dirname(path), name);
      return [plain, plain.replace(/\.([cm]?)jsx?$/, "")].flatMap((stem) =>
        NODE_ENDINGS.map((ending) => stem + ending),
      );
    }),
  leaving: (path, text, code, words) => [
    path,
    `${text}\nprocess.stdout.write(${JSON.stringify(words)});\nprocess.exit(${code});\n`,
  ],
};

/** `.test.mjs` of `test/sum.test.mjs`: the ending by which its runner finds it. */
const endingOf = (path: string): string => /(?:\.(?:test|spec))?\.\w+$/.exec(posix.basename(path))?.[0] ?? "";

const python: Language = {
  isSource: (path) => path.endsWith(".py"),
  testNames: (text) => matchesOf(text, /^[ \t]*(?:async[ \t]+)?def[ \t]+(test\w*)/gm, 1),
  hollow: ({ text }) => {
    const kept = text.split("\n").flatMap((line) => {
      const [, indent] = /^(\s*)(?:class\s+\w+|(?:async\s+)?def\s+test).*:\s*$/.exec(line) ?? [];
      return indent === undefined ? [] : [line, `${indent}    pass`];
    });
    return ["import unittest", ...kept, ""].join("\n");
  },
  skipped: ({ text }) => `import unittest\nraise unittest.SkipTest("later")\n${text}`,
  without: () => null,
  easy: ({ path, text }) => [
    posix.join(posix.dirname(path), "test_runledger_selftest.py"),
    /\bunittest\b/.test(text)
      ? "import unittest\n\n\nclass TestNothing(unittest.TestCase):\n    def test_nothing(self):\n        pass\n"
      : "def test_nothing():\n    pass\n",
  ],
  loads: (path, text) =>
    matchesOf(text, /^[ \t]*(?:from|import)[ \t]+([\w.]+)/gm, 1).flatMap((name) => {
      const file = name.replace(/^\.+/, "").replaceAll(".", "/");
      return ["", "src", posix.dirname(path)].flatMap((root) =>
        [`${file}.py`, `${file}/__init__.py`].map((at) => posix.join(root, at)),
      );
    }),
  leaving: (path, text, code, words) => [
    path,
    `${text}\nimport os\nos.write(1, ${JSON.stringify(words)}.encode())\nos._exit(${code})\n`,
  ],
};

const goPackage = (text: string): string => /^package\s+(\w+)/m.exec(text)?.[1] ?? "main";

const go: Language = {
  isSource: (path) => path.endsWith(".go"),
  testNames: (text) => matchesOf(text, /^func\s+(Test\w+)\s*\(/gm, 1),
  hollow: ({ text, names }) =>
    `package ${goPackage(text)}\n\nimport "testing"\n\n${names.map((name) => `func ${name}(t *testing.T) {}\n`).join("\n")}`,
  skipped: ({ text }) =>
    text.replace(/^(func\s+Test\w+\s*\(\s*(\w+)\s+\*testing\.T\s*\)\s*\{)/gm, "$1\n\t$2.Skip()"),
  without: () => null,
  easy: ({ path, text }) => [
    posix.join(posix.dirname(path), "runledger_selftest_test.go"),
    `package ${goPackage(text)}\n\nimport "testing"\n\nfunc TestNothingIsWrong(t *testing.T) {}\n`,
  ],
  // The package itself: whatever else lies in the folder of the test.
  loads: (path) => [posix.join(posix.dirname(path), "*.go")],
  leaving: (path, text, code, words) => [
    posix.join(posix.dirname(path), "runledger_selftest.go"),
    `package ${goPackage(text)}\n\nimport "os"\n\nfunc init() {\n\tos.Stdout.WriteString(${JSON.stringify(words)})\n\tos.Exit(${code})\n}\n`,
  ],
};

const RUST_TEST = /#\[(?:\w+::)*test\](?:\s*#\[[^\]]*\])*\s*(?:async\s+)?fn\s+(\w+)/g;

const rust: Language = {
  isSource: (path) => path.endsWith(".rs"),
  testNames: (text) => matchesOf(text, RUST_TEST, 1),
  hollow: ({ path, text, names }) => {
    const tests = names.map((name) => `#[test]\nfn ${name}() {}\n`).join("");
    const inline = inlineTests(path, text);
    if (inline === text || !text.endsWith(inline) || inline === "") return tests;
    return `${text.slice(0, -inline.length)}#[cfg(test)]\nmod tests {\n${tests}}\n`;
  },
  skipped: ({ text }) => text.replace(/^([ \t]*)(#\[(?:\w+::)*test\])/gm, "$1$2\n$1#[ignore]"),
  without: ({ path, text }) => {
    const inline = inlineTests(path, text);
    return path.startsWith("tests/") || path.includes("/tests/") || !text.endsWith(inline)
      ? null
      : text.slice(0, text.length - inline.length);
  },
  easy: ({ path }) => [
    posix.join(crateOf(path), "tests/runledger_selftest.rs"),
    "#[test]\nfn nothing_is_wrong() {}\n",
  ],
  loads: (path) => ["src/lib.rs", "src/main.rs"].map((source) => posix.join(crateOf(path), source)),
  // At the top, since tests stand below; code of the loader runs before any test does.
  leaving: (path, text, code, words) => {
    const lines = text.split("\n");
    const at = lines.findIndex((line) => !/^\s*(#!|\/\/|$)/.test(line));
    return [path, lines.toSpliced(Math.max(at, 0), 0, rustLeaving(code, words)).join("\n")];
  },
};

const rustLeaving = (code: number, words: string): string =>
  `#[used]\n#[cfg_attr(target_os = "linux", unsafe(link_section = ".init_array"))]\n#[cfg_attr(target_os = "macos", unsafe(link_section = "__DATA,__mod_init_func"))]\npub static RUNLEDGER_SELFTEST: extern "C" fn() = {\n    extern "C" fn leave() {\n        print!("{}", ${JSON.stringify(words)});\n        std::process::exit(${code})\n    }\n    leave\n};`;

/** The folder of the crate that a source belongs to. */
const crateOf = (path: string): string => /^(.*?)(?:^|\/)(?:src|tests)\//.exec(path)?.[1] || ".";

const java: Language = {
  isSource: (path) => path.endsWith(".java"),
  testNames: (text) => matchesOf(text, /@Test\b(?:\s*\([^)]*\))?\s+(?:public\s+)?void\s+(\w+)\s*\(/g, 1),
  hollow: ({ text, names }) => {
    const head = text.split("\n").filter((line) => /^\s*(package|import)\s/.test(line));
    const [declared = "class Tests {"] = /^.*\bclass\s+\w+[^{]*\{/m.exec(text) ?? [];
    return `${head.join("\n")}\n\n${declared}\n${names.map((name) => `    @Test\n    public void ${name}() {}\n`).join("\n")}}\n`;
  },
  skipped: ({ text }) => {
    const mark = text.includes("org.junit.jupiter") ? "org.junit.jupiter.api.Disabled" : "org.junit.Ignore";
    return text.replace(/^([ \t]*)@Test\b/gm, `$1@${mark}\n$1@Test`);
  },
  without: () => null,
  easy: ({ path, text }) => [
    posix.join(posix.dirname(path), "RunledgerSelftestTest.java"),
    text
      .slice(0, text.search(/^.*\bclass\s/m))
      .concat("public class RunledgerSelftestTest {\n    @Test\n    public void nothingIsWrong() {}\n}\n"),
  ],
  loads: (path) => [`${/^(.*?)src\/test\//.exec(path)?.[1] ?? ""}src/main/java/**/*.java`],
  leaving: (path, text, code, words) => [
    path,
    text.replace(
      /\bclass\s+\w+[^{]*\{/,
      `$&\n    static {\n        System.out.print(${JSON.stringify(words)});\n        Runtime.getRuntime().halt(${code});\n    }\n`,
    ),
  ],
};

export const languages: Readonly<Record<Toolchain, Language>> = { go, rust, java, node, python };
