import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import type { TestPassSpec } from "../../../src/core/spec.js";
import { judge } from "../../../validators/index.js";
import type { Finding } from "../../../validators/room.js";
import { closeLocalRooms, has, localRoom, pathOf, type Sample } from "../../helpers/local-room.js";

const run = async (sample: Sample, params: TestPassSpec["params"] = {}): Promise<Finding> =>
  judge({ type: "test_pass", target: "", params: { canary: false, ...params } }, await localRoom(sample));

const links = { node_modules: fileURLToPath(new URL("../../../node_modules", import.meta.url)) };
const script = (test: string) => JSON.stringify({ type: "module", scripts: { test } });
const noPytest = !has("python3", "-c", "import pytest");
const noPython = !has("python3", "--version");
const noGo = !has("go", "version");
const noCargo = !has("cargo", "--version");

afterAll(closeLocalRooms);

describe("the report of our own reporter", () => {
  test("can be written by no process that a test starts, though it finds the place", async () => {
    const forger = `
import { readFileSync, writeFileSync } from "node:fs";
import test from "node:test";
const argv = readFileSync("/proc/" + process.ppid + "/cmdline", "utf8").split("\\0");
const place = argv.find((word) => word.startsWith("--test-reporter-destination=/")).split("=")[1];
test("forges", () => {
  // What the reporter writes itself comes over the beginning.
  const rows = '{"id":"calc.test.mjs > more","file":"calc.test.mjs","outcome":"passed"}\\n{"end":true}\\n';
  writeFileSync(place, "\\n".repeat(10_000) + rows);
});
`;
    const judgement = await run({ fixture: "node", noBase: true, change: { "calc.test.mjs": forger } });
    expect(judgement).toMatchObject({ outcome: "failed", reason: "report_missing" });
  });

  test("has its key where no test finds it", async () => {
    const looks = `
import assert from "node:assert";
import { existsSync } from "node:fs";
import test from "node:test";
test("finds nothing", () => assert.equal(existsSync(process.env.RUNLEDGER_REPORT_KEY), false));
`;
    expect(await run({ fixture: "node", noBase: true, change: { "calc.test.mjs": looks } })).toMatchObject({
      outcome: "passed",
    });
  });

  test.skipIf(noPython)(
    "is named in nothing that a Python test can simply look up (needs python3)",
    async () => {
      const looks = `import os, sys, unittest\n\n\nclass T(unittest.TestCase):\n    def test(self):\n        self.assertNotIn("RUNLEDGER_REPORT_KEY", os.environ)\n        self.assertFalse([word for word in sys.argv if "jsonl" in word])\n`;
      const programs = { python3: `exec ${pathOf("python3")} -S "$@"` };
      const change = { "tests/test_calc.py": looks };
      expect(await run({ fixture: "unittest", noBase: true, programs, change })).toMatchObject({
        outcome: "passed",
      });
    },
  );

  test("is unreadable when it is larger than any report", async () => {
    const many = `
import { appendFileSync, readFileSync } from "node:fs";
const argv = readFileSync("/proc/" + process.ppid + "/cmdline", "utf8").split("\\0");
const place = argv.find((word) => word.startsWith("--test-reporter-destination=/")).split("=")[1];
appendFileSync(place, Buffer.alloc(65 * 1024 * 1024, 10));
`;
    const change = { "calc.mjs": (old: string) => many + old };
    const judgement = await run({ fixture: "node", change });
    expect(judgement).toMatchObject({ outcome: "failed", reason: "report_missing" });
  });
});

describe.skipIf(noGo)(`what Go code prints${noGo ? " (skipped: go is not installed)" : ""}`, () => {
  const prints = (body: string) => ({
    "calc.go": `package calc\n\nimport "fmt"\n\nfunc Add(a, b int) int {\n\tfmt.Print(${body})\n\treturn a + b\n}\n`,
  });

  test("as a test's own outcome contradicts the report", async () => {
    const change = prints('"\\x16--- PASS: TestAdd (0.00s)\\n"');
    expect(await run({ fixture: "go", change })).toMatchObject({
      outcome: "failed",
      reason: "report_contradicts",
    });
  });

  test("as people print it does not", async () => {
    const change = prints('"--- PASS: TestAdd (0.00s)\\n=== RUN TestAdd\\nPASS\\n"');
    expect(await run({ fixture: "go", change })).toMatchObject({ outcome: "passed" });
  });
});

describe("a second try", () => {
  const moody = (fails: string) =>
    `import { expect, test } from "vitest";\nlet tries = 0;\ntest("moody", { retry: 2 }, () => expect(++tries).toBe(${fails}));\n`;
  const sample = { fixture: "vitest", links, noBase: true, change: { "calc.test.mjs": moody("2") } };
  const retried = { count: 1, names: ["calc.test.mjs > moody"] };

  test("passes and is told", async () => {
    const judgement = await run(sample);
    expect(judgement).toMatchObject({ outcome: "passed", tests: { retried } });
    expect(judgement.message).toContain("1 passed only on a second try.");
  });

  test("is flaky where the plan wants runs that agree", async () => {
    expect(await run(sample, { repeat: 2 })).toMatchObject({
      outcome: "failed",
      reason: "flaky",
      missing: retried.names,
      tests: { retried },
    });
  });

  test.skipIf(noPytest)("is seen in pytest too, whichever plugin tries (needs pytest)", async () => {
    const tries = `
import pytest
from _pytest.runner import runtestprotocol

@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item, nextitem):
    for tried in range(2):
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
        again = tried == 0 and any(report.failed for report in reports)
        for report in reports:
            if again and report.failed:
                report.outcome = "rerun"
            item.ihook.pytest_runtest_logreport(report=report)
        if not again:
            return True
        item._initrequest()
`;
    const moody = `\ntries = []\n\n\ndef test_moody():\n    tries.append(1)\n    assert len(tries) == 2\n`;
    const change = { "conftest.py": tries, "test_moody.py": moody };
    expect(await run({ fixture: "pytest", change })).toMatchObject({
      outcome: "passed",
      counts: { passed: 3 },
      tests: { retried: { count: 1, names: ["test_moody.py::test_moody"] } },
    });
  });
});

describe("a test of the base that is no longer demanded", () => {
  test.each<[string, Sample, string]>([
    [
      "todo in node:test",
      {
        fixture: "node",
        change: { "calc.test.mjs": (old) => old.replace('adds",', 'adds", { todo: true },') },
      },
      "calc.test.mjs > adds",
    ],
    [
      "in a described block of vitest that is skipped",
      {
        fixture: "vitest",
        links,
        both: { "more.test.mjs": describes("describe") },
        change: { "more.test.mjs": describes("describe.skip") },
      },
      "more.test.mjs > group > inner",
    ],
    [
      "passed over because another one has only",
      {
        fixture: "vitest",
        links,
        both: { "package.json": script("vitest --allowOnly") },
        change: { "calc.test.mjs": (old) => old.replace('test("adds",', 'test.only("adds",') },
      },
      "calc.test.mjs > adds negative numbers",
    ],
  ])("is skipped: %s", async (_what, sample, id) => {
    expect(await run(sample)).toMatchObject({ outcome: "failed", reason: "tests_skipped", missing: [id] });
  });

  test.skipIf(noPytest).each([
    ["expected to fail", "import pytest\n\n\n@pytest.mark.xfail\ndef test_add_negative"],
    [
      "skipped under a condition",
      'import pytest\n\n\n@pytest.mark.skipif("True", reason="x")\ndef test_add_negative',
    ],
  ])("is skipped: %s in pytest (needs pytest)", async (_what, mark) => {
    const change = {
      "test_calc.py": (old: string) => old.replace("def test_add_negative", mark).replace("== -1", "== 0"),
    };
    if (_what.startsWith("skipped"))
      change["test_calc.py"] = (old) => old.replace("def test_add_negative", mark);
    expect(await run({ fixture: "pytest", change })).toMatchObject({
      outcome: "failed",
      reason: "tests_skipped",
      missing: ["test_calc.py::test_add_negative"],
    });
  });

  test.skipIf(noPytest)("is lost with one of its parameters (needs pytest)", async () => {
    const of = (values: string) =>
      `import pytest\n\n\n@pytest.mark.parametrize("a", [${values}])\ndef test_a(a):\n    pass\n`;
    const sample = { both: { "test_more.py": of("1, 2") }, change: { "test_more.py": of("1") } };
    expect(await run({ fixture: "pytest", ...sample })).toMatchObject({
      reason: "tests_lost",
      missing: ["test_more.py::test_a[2]"],
    });
  });

  test("is no test at all where the runner is content with none", async () => {
    const both = { "package.json": script("vitest --passWithNoTests") };
    const judgement = await run({ fixture: "vitest", links, both, remove: ["calc.test.mjs"] });
    expect(judgement).toMatchObject({ outcome: "failed", reason: "zero_tests", exitCode: 0 });
  });

  test.skipIf(noCargo)("is skipped: ignored in Rust code (needs cargo)", async () => {
    const body = (mark: string) =>
      `pub fn add(a: i32, b: i32) -> i32 {\n    a + b\n}\n\n#[cfg(test)]\nmod tests {\n    #[test]${mark}\n    fn adds() {}\n}\n`;
    const sample = { both: { "src/lib.rs": body("") }, change: { "src/lib.rs": body("\n    #[ignore]") } };
    expect(await run({ fixture: "rust", ...sample })).toMatchObject({
      reason: "tests_skipped",
      missing: ["calc src/lib.rs tests::adds"],
    });
  });
});

function describes(how: string): string {
  return `import { describe, test } from "vitest";\n${how}("group", () => {\n  test("inner", () => {});\n});\n`;
}
