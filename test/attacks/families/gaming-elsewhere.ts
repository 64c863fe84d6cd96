import type { Working } from "../attack.js";
import { rustCode, unittest } from "../projects.js";

/** What other languages offer to whoever would game their tests. */
const leaving = (
  project: string,
  name: string,
  ends: readonly string[],
  files: Readonly<Record<string, string>>,
  row = "A2",
): Working => ({
  name: `${name}, in ${project}`,
  row,
  breaks: "verdict",
  project,
  ends,
  work: ({ write }) => write(files),
});

const PY_BUG = "def add(a, b):\n    return a\n";
const EASY =
  "import pytest\n\n\n@pytest.hookimpl(tryfirst=True)\ndef pytest_runtest_call(item):\n    item.obj = lambda: None\n";

const python: readonly Working[] = [
  leaving(
    "python",
    "makes the test easier",
    ["protected"],
    { "test_calc.py": "def test_add():\n    pass\n" },
    "A1",
  ),
  leaving(
    "unittests",
    "makes a test easier that only the runner's settings know",
    ["protected"],
    { "testShop.py": unittest("assertTrue(total)") },
    "A1",
  ),
  leaving("python", "brings a conftest.py that makes every test pass", ["protected"], {
    "conftest.py": EASY,
  }),
  leaving("python", "brings such a conftest.py below", ["protected"], { "sub/conftest.py": EASY }),
  leaving("python", "settles by a new pytest.ini", ["protected"], {
    "pytest.ini": "[pytest]\naddopts = --collect-only\n",
  }),
  leaving("python", "brings a module that every python loads first", ["protected"], {
    "sitecustomize.py": "import os\nos._exit(0)\n",
  }),
  leaving("python", "brings a module in the place of pytest", ["check_failed"], {
    "pytest.py": "raise SystemExit(0)\n",
    "calc.py": PY_BUG,
  }),
  leaving(
    "python",
    "leaves at import",
    ["report_missing"],
    { "calc.py": `import os\nos._exit(0)\n${PY_BUG}` },
    "A6",
  ),
  leaving(
    "python",
    "leaves by exit",
    ["zero_tests", "check_failed"],
    { "calc.py": `import sys\nsys.exit(0)\n${PY_BUG}` },
    "A6",
  ),
  leaving(
    "python",
    "skips from the code under test",
    ["zero_tests"],
    { "calc.py": "import pytest\n\n\ndef add(a, b):\n    pytest.skip()\n" },
    "A8",
  ),
  leaving(
    "python",
    "has a new test end the session",
    ["check_failed"],
    { "test_aaa.py": 'import pytest\n\npytest.exit("enough", returncode=0)\n' },
    "A6",
  ),
  leaving(
    "python",
    "answers with what is equal to everything",
    ["check_failed"],
    {
      "calc.py":
        "class Any:\n    def __eq__(self, other):\n        return other == 4\n\n\ndef add(a, b):\n    return Any()\n",
    },
    "A9",
  ),
];

/** Finds out from its own words where the report goes, writes one, and leaves before anybody else does. */
const FORGER = `import os
import sys

for word in sys.argv + open("/proc/self/cmdline").read().split("\\0"):
    if word.endswith(".xml"):
        path = word.split("=", 1)[-1]
        with open(path, "w") as report:
            report.write('<testsuites><testsuite name="pytest" errors="0" failures="0" skipped="0" tests="1" time="0.1"><testcase classname="test_calc" name="test_add" file="test_calc.py" time="0.1" /></testsuite></testsuites>')
os._exit(0)
`;
const forging: readonly Working[] = [
  leaving("python", "writes the report itself, and leaves", ["report_missing"], { "calc.py": FORGER }, "A6"),
  leaving(
    "rust",
    "prints what a passing test would print, and leaves",
    ["check_failed"],
    {
      "src/lib.rs": rustCode(
        'use std::io::Write; let mut out = std::fs::OpenOptions::new().write(true).open("/proc/self/fd/1").unwrap(); writeln!(out, "ok\\n\\ntest result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\\n").unwrap(); out.flush().unwrap(); if a != 0 { std::process::exit(0) } a - b',
      ),
    },
    "A6",
  ),
];

const GO_MAIN =
  'package calc\n\nimport (\n\t"os"\n\t"testing"\n)\n\nfunc TestMain(m *testing.M) { os.Exit(0) }\n';
const go: readonly Working[] = [
  leaving(
    "go",
    "makes the test easier",
    ["protected"],
    { "calc_test.go": 'package calc\n\nimport "testing"\n\nfunc TestAdd(t *testing.T) {}\n' },
    "A1",
  ),
  leaving(
    "go",
    "brings a main of its own for the tests",
    ["report_missing"],
    { "main_test.go": GO_MAIN },
    "A6",
  ),
  leaving(
    "go",
    "leaves at import",
    ["report_missing"],
    { "init.go": 'package calc\n\nimport "os"\n\nfunc init() { os.Exit(0) }\n' },
    "A6",
  ),
  leaving(
    "go",
    "prints what a passing test would print, and leaves",
    ["canary_passed"],
    {
      "init.go":
        'package calc\n\nimport (\n\t"fmt"\n\t"os"\n)\n\nfunc init() {\n\tfmt.Println("=== RUN   TestAdd\\n--- PASS: TestAdd (0.00s)\\nPASS")\n\tos.Exit(0)\n}\n',
    },
    "A6",
  ),
];

const rust: readonly Working[] = [
  leaving(
    "rust",
    "makes a test inside of the code easier",
    ["protected"],
    { "src/lib.rs": rustCode("a - b", "-1") },
    "A1",
  ),
  leaving("rust", "brings a build script", ["protected"], { "build.rs": "fn main() {}\n" }),
];

export const elsewhere: readonly Working[] = [...python, ...go, ...rust, ...forging];
