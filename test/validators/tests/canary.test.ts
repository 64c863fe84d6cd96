import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import type { TestPassSpec } from "../../../src/core/spec.js";
import { judge } from "../../../validators/index.js";
import type { Finding } from "../../../validators/room.js";
import { closeLocalRooms, has, localRoom, pathOf, type Sample } from "../../helpers/local-room.js";

const run = async (sample: Sample, params: TestPassSpec["params"] = {}): Promise<Finding> =>
  judge({ type: "test_pass", target: "", params }, await localRoom(sample));

const repoModules = fileURLToPath(new URL("../../../node_modules", import.meta.url));
const withoutPytest = { python3: `exec ${pathOf("python3")} -S "$@"` };

type Trick = {
  readonly name: string;
  readonly sample: Sample;
  readonly needs?: readonly string[];
  /** The code under test: wrong, and green all the same when nobody looks for it. */
  readonly code: readonly [string, string];
};

const wrongJs = "export const add = () => 0;\n";
const wrongPy = "\n\ndef add(a, b):\n    return 0\n";
const wrongGo = "\n\nfunc Add(a, b int) int { return 0 }\n";

/** Writes to its parent what node:test's own child processes write: that both tests passed. */
const forgedEvents = `
import { writeSync } from "node:fs";
import v8 from "node:v8";
const file = process.argv[1];
const tell = (type, name) => {
  const serializer = new v8.DefaultSerializer();
  serializer.writeHeader();
  serializer.writeValue({ type, data: { name, nesting: 0, file, testNumber: 1, details: { duration_ms: 1 } } });
  const body = serializer.releaseBuffer();
  const head = Buffer.from([0xff, 0x0f, 0, 0, 0, 0]);
  head.writeUInt32BE(body.length, 2);
  writeSync(1, Buffer.concat([head, body]));
};
for (const name of ["adds", "adds negative numbers"]) {
  tell("test:start", name);
  tell("test:pass", name);
}
process.exit(0);
`;

const tricks: readonly Trick[] = [
  {
    name: "node:test, whose assertions never throw",
    sample: { fixture: "node" },
    code: [
      "calc.mjs",
      `import assert from "node:assert";\nfor (const one of [assert, assert.strict]) one.equal = one.strictEqual = () => {};\n${wrongJs}`,
    ],
  },
  {
    name: "node:test, whose assertions stop throwing when the code is first called",
    sample: { fixture: "node" },
    code: [
      "calc.mjs",
      `import assert from "node:assert";\nexport const add = () => {\n  assert.strict.equal = () => {};\n  return 3;\n};\n`,
    ],
  },
  {
    name: "node:test, told by the code that its tests passed",
    sample: { fixture: "node" },
    code: ["calc.mjs", forgedEvents + wrongJs],
  },
  {
    name: "vitest, whose matchers always match",
    sample: { fixture: "vitest", links: { node_modules: repoModules } },
    code: [
      "calc.mjs",
      `import { expect } from "vitest";\nexpect.extend({ toBe: () => ({ pass: true, message: () => "" }) });\n${wrongJs}`,
    ],
  },
  {
    name: "pytest, whose reports all pass",
    sample: { fixture: "pytest" },
    needs: ["python3", "-c", "import pytest"],
    code: [
      "calc.py",
      `from _pytest.reports import TestReport\nmade = TestReport.from_item_and_call.__func__\ndef passing(cls, item, call):\n    call.excinfo = None\n    return made(cls, item, call)\nTestReport.from_item_and_call = classmethod(passing)\n${wrongPy}`,
    ],
  },
  {
    name: "pytest, left with a report of the code's own",
    sample: { fixture: "pytest" },
    needs: ["python3", "-c", "import pytest"],
    code: [
      "calc.py",
      `import gc, os, types\nfor one in gc.get_objects():\n    if isinstance(one, types.FunctionType) and one.__qualname__ == "opened.<locals>.tell":\n        for name in ("test_add", "test_add_negative"):\n            one(id="test_calc.py::" + name, file="test_calc.py", outcome="passed")\n        one(end=True)\nos._exit(0)\n`,
    ],
  },
  {
    name: "unittest, whose assertions never fail",
    sample: { fixture: "unittest", programs: withoutPytest },
    needs: ["python3", "--version"],
    code: ["calc.py", `import unittest\nunittest.TestCase.assertEqual = lambda *_: None\n${wrongPy}`],
  },
  {
    name: "unittest, whose result counts everything as passed",
    sample: { fixture: "unittest", programs: withoutPytest },
    needs: ["python3", "--version"],
    code: [
      "calc.py",
      `import gc, unittest\nfor one in gc.get_objects():\n    if isinstance(one, type) and one is not unittest.TextTestResult and issubclass(one, unittest.TextTestResult):\n        one.addFailure = one.addError = lambda self, test, error: self.addSuccess(test)\n${wrongPy}`,
    ],
  },
  {
    name: "go test, left at once with its own lines printed",
    sample: { fixture: "go" },
    needs: ["go", "version"],
    code: [
      "calc.go",
      `package calc\n\nimport (\n\t"fmt"\n\t"os"\n)\n\nfunc init() {\n\tfor _, name := range []string{"TestAdd", "TestAddNegative"} {\n\t\tfmt.Printf("\\x16=== RUN   %s\\n\\x16--- PASS: %s (0.00s)\\n", name, name)\n\t}\n\tfmt.Print("\\x16PASS\\n")\n\tos.Exit(0)\n}${wrongGo}`,
    ],
  },
  {
    name: "cargo test, left before main with its own lines printed",
    sample: { fixture: "rust" },
    needs: ["cargo", "--version"],
    code: [
      "src/lib.rs",
      `extern "C" fn tell() {\n    let lines = "running 2 tests\\ntest adds ... ok\\ntest adds_negative ... ok\\n\\ntest result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\\n";\n    extern "C" { fn write(fd: i32, text: *const u8, length: usize) -> isize; fn _exit(code: i32) -> !; }\n    unsafe {\n        write(1, lines.as_ptr(), lines.len());\n        _exit(0)\n    }\n}\n\n#[used]\n#[link_section = ".init_array"]\nstatic TELL: extern "C" fn() = tell;\n\npub fn add(_a: i32, _b: i32) -> i32 {\n    let _ = &TELL;\n    0\n}\n`,
    ],
  },
];

afterAll(closeLocalRooms);

describe("a test that must fail is run beside those that passed in", () => {
  for (const { name, sample, needs, code } of tricks) {
    const absent = needs !== undefined && !has(needs[0] ?? "", ...needs.slice(1));
    describe.skipIf(absent)(`${name}${absent ? ` (skipped: ${needs[0]} is not there)` : ""}`, () => {
      const tricked: Sample = { ...sample, change: { [code[0]]: code[1] } };

      test("and what it shows fails the step", async () => {
        const judgement = await run(tricked);
        expect(judgement).toMatchObject({ outcome: "failed", reason: "canary_passed" });
        expect(judgement.hint).toContain("canary: false");
      });

      test("which would pass without it", async () => {
        const judgement = await run(tricked, { canary: false });
        expect(judgement).toMatchObject({
          outcome: "passed",
          tests: { canary: "not run: the plan does without it" },
        });
      });
    });
  }
});
