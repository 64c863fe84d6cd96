import { buggySum, FIXED_SUM } from "../helpers/project.js";

/** What attacks are tried on: a project with one bug and a failing test that judges the step. */
export type Project = {
  readonly files: Readonly<Record<string, string>>;
  /** Files of the user's checkout that are in no commit. */
  readonly local?: Readonly<Record<string, string>>;
  /** Where the bug is, and its text. */
  readonly bug: readonly [path: string, text: string];
  /** The bug repaired: who proposes that, and nothing else, must be verified. */
  readonly repair: Readonly<Record<string, string>>;
  /** Programs without which its tests cannot run. */
  readonly needs: readonly string[];
};

export const BUG = "export const sum = (prices) => prices.length;\n";
export const REPAIR = { "src/sum.mjs": FIXED_SUM };
/** The test that judges the shop, and the same one when nothing can fail any more. */
export const TEST = "test/sum.test.mjs";
export const NEUTERED = 'import { test } from "node:test";\ntest("prices add up", () => {});\n';

const shop: Project = {
  files: {
    ...buggySum,
    "test/shop.test.mjs": 'import { test } from "node:test";\ntest("the shop is open", () => {});\n',
    "docs/guide.md": "# Guide\n",
    ".gitignore": "coverage/\n",
  },
  bug: ["src/sum.mjs", BUG],
  repair: REPAIR,
  needs: [],
};

const sums: Project = {
  ...shop,
  files: {
    "package.json": '{ "name": "shop", "type": "module", "scripts": { "test": "node --test sums.mjs" } }\n',
    "src/sum.mjs": BUG,
    "sums.mjs":
      'import assert from "node:assert/strict";\nimport { test } from "node:test";\nimport { sum } from "./src/sum.mjs";\ntest("prices add up", () => assert.equal(sum([2, 3]), 5));\n',
  },
};

const golden: Project = {
  ...shop,
  files: {
    ...buggySum,
    "src/testdata/sum.txt": "5\n",
    [TEST]:
      'import assert from "node:assert/strict";\nimport { readFileSync } from "node:fs";\nimport { test } from "node:test";\nimport { sum } from "../src/sum.mjs";\ntest("prices add up", () => assert.equal(sum([2, 3]), Number(readFileSync("src/testdata/sum.txt", "utf8"))));\n',
  },
};

/** Nothing is wrong in it. */
const green: Project = { ...shop, files: { ...shop.files, ...REPAIR } };

const untested: Project = {
  ...shop,
  files: {
    "package.json": '{ "name": "shop", "type": "module", "scripts": { "test": "node --test" } }\n',
    "src/sum.mjs": BUG,
  },
};

/** Its test needs what the user has beside the project; the user's own git overlooks that. */
const sharing: Project = {
  ...shop,
  files: {
    ...buggySum,
    [TEST]:
      'import { test } from "node:test";\nimport { sum } from "../src/sum.mjs";\nimport { check } from "../vendor/check.mjs";\ntest("prices add up", () => check(sum([2, 3]), 5));\n',
  },
  local: {
    "vendor/check.mjs":
      'export const check = (got, wanted) => { if (got !== wanted) throw new Error(got + " is not " + wanted); };\n',
    ".git/info/exclude": "vendor/\n",
  },
};

/** With tests that no agent sees. */
const heldOut: Project = {
  ...shop,
  local: {
    "coverage/held/test/other.test.mjs":
      'import assert from "node:assert/strict";\nimport { test } from "node:test";\nimport { sum } from "../src/sum.mjs";\ntest("other prices add up, too", () => assert.equal(sum([1, 2, 3]), 6));\n',
  },
};

/** Judged by a shell script of its own. */
const script: Project = {
  ...shop,
  files: {
    "check.sh": '[ "$(cat answer.txt)" = 42 ]\n',
    "answer.txt": "41\n",
    "docs/guide.md": "# Guide\n",
  },
  bug: ["answer.txt", "41\n"],
  repair: { "answer.txt": "42\n" },
};

const python: Project = {
  files: {
    "pyproject.toml":
      '[project]\nname = "calc"\nversion = "1"\n\n[tool.pytest.ini_options]\ntestpaths = ["."]\n',
    "calc.py": "def add(a, b):\n    return a\n",
    "test_calc.py": "from calc import add\n\n\ndef test_add():\n    assert add(1, 2) == 3\n",
  },
  bug: ["calc.py", "def add(a, b):\n    return a\n"],
  repair: { "calc.py": "def add(a, b):\n    return a + b\n" },
  needs: ["pytest"],
};

/** A test in a file of a name that only the settings of the runner know. */
export const unittest = (body: string): string =>
  `import unittest\nfrom shop import total\n\n\nclass TestTotal(unittest.TestCase):\n    def test_prices_add_up(self):\n        self.${body}\n`;

const unittests: Project = {
  files: {
    "pyproject.toml": '[tool.pytest.ini_options]\npython_files = ["test*.py"]\n',
    "shop.py": "def total(prices):\n    return len(prices)\n",
    "testShop.py": unittest("assertEqual(total([2, 3]), 5)"),
  },
  bug: ["shop.py", "def total(prices):\n    return len(prices)\n"],
  repair: { "shop.py": "def total(prices):\n    return sum(prices)\n" },
  needs: ["python3"],
};

const go: Project = {
  files: {
    "go.mod": "module sample.test/calc\n\ngo 1.20\n",
    "calc.go": "package calc\n\nfunc Add(a, b int) int { return a }\n",
    "calc_test.go":
      'package calc\n\nimport "testing"\n\nfunc TestAdd(t *testing.T) {\n\tif Add(1, 2) != 3 {\n\t\tt.Fatal("no")\n\t}\n}\n',
  },
  bug: ["calc.go", "package calc\n\nfunc Add(a, b int) int { return a }\n"],
  repair: { "calc.go": "package calc\n\nfunc Add(a, b int) int { return a + b }\n" },
  needs: ["go"],
};

const GO_ASSERT = (body: string): string =>
  `package assert\n\nimport "testing"\n\nfunc Equal(t *testing.T, got, want int) {\n\tif got != want {\n\t\t${body}\n\t}\n}\n`;

/** A copy of the module that its tests assert with, as `go mod vendor` lays it out. */
const vendor = (body: string): Readonly<Record<string, string>> => ({
  "vendor/modules.txt":
    "# example.test/assert v1.0.0 => ./assert\n## explicit; go 1.20\nexample.test/assert\n# example.test/assert => ./assert\n",
  "vendor/example.test/assert/assert.go": GO_ASSERT(body),
});
/** One that holds whatever it is given. */
export const EASY_VENDOR = vendor("return");

/** Its tests assert with a module of its own. */
const goRequiring: Project = {
  ...go,
  files: {
    ...go.files,
    "go.mod":
      "module sample.test/calc\n\ngo 1.20\n\nrequire example.test/assert v1.0.0\n\nreplace example.test/assert => ./assert\n",
    "assert/go.mod": "module example.test/assert\n\ngo 1.20\n",
    "assert/assert.go": GO_ASSERT("t.Fatal(got, want)"),
    "calc_test.go":
      'package calc\n\nimport (\n\t"testing"\n\n\t"example.test/assert"\n)\n\nfunc TestAdd(t *testing.T) { assert.Equal(t, Add(1, 2), 3) }\n',
  },
};

const goVendored: Project = {
  ...goRequiring,
  files: { ...goRequiring.files, ...vendor("t.Fatal(got, want)") },
};

/** Its set-up installs what its tests check with, from what the user has, by a list and patches. */
const installing: Project = {
  ...shop,
  files: {
    ...buggySum,
    [TEST]:
      'import { check } from "check";\nimport { test } from "node:test";\nimport { sum } from "../src/sum.mjs";\ntest("prices add up", () => check(sum([2, 3]), 5));\n',
    "dev-requirements.txt": "check-2\n",
    ".gitignore": "node_modules/\nreleases/\n",
  },
  local: {
    "releases/check-1/package.json": '{ "name": "check", "type": "module", "exports": "./index.js" }\n',
    "releases/check-1/index.js": "export const check = () => {};\n",
    "releases/check-2/package.json": '{ "name": "check", "type": "module", "exports": "./index.js" }\n',
    "releases/check-2/index.js":
      "export const check = (got, wanted) => {\n  if (got !== wanted) throw new Error(got);\n};\n",
  },
};

export const rustCode = (body: string, check = "3"): string =>
  `pub fn add(a: i32, b: i32) -> i32 {\n    ${body}\n}\n\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn adds() {\n        assert_eq!(super::add(1, 2), ${check});\n    }\n}\n`;

const rust: Project = {
  files: {
    "Cargo.toml": '[package]\nname = "calc"\nversion = "0.1.0"\nedition = "2021"\n',
    "Cargo.lock": 'version = 3\n\n[[package]]\nname = "calc"\nversion = "0.1.0"\n',
    "src/lib.rs": rustCode("a - b"),
  },
  bug: ["src/lib.rs", rustCode("a - b")],
  repair: { "src/lib.rs": rustCode("a + b") },
  needs: ["cargo"],
};

export const projects: Readonly<Record<string, Project>> = {
  shop,
  sums,
  golden,
  green,
  untested,
  sharing,
  heldOut,
  script,
  python,
  unittests,
  go,
  goRequiring,
  goVendored,
  installing,
  rust,
};
