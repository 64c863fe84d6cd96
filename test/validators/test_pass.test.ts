import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import type { TestPassSpec } from "../../src/core/spec.js";
import { Judgement } from "../../src/core/verdict.js";
import { judge } from "../../validators/index.js";
import { closeLocalRooms, has, localRoom, pathOf, type Sample } from "../helpers/local-room.js";

type Cases = {
  readonly name: string;
  /** Why these tests cannot run here; undefined when they can. */
  readonly absent: string | undefined;
  readonly sample: Sample;
  /** The program that is missed when nothing can be found. */
  readonly program: string;
  readonly code: string;
  readonly tests: string;
  readonly second: {
    readonly id: string;
    readonly delete: [RegExp, string];
    readonly skip: [RegExp, string];
  };
  /** Replaces the code under test: leaves with 0 as soon as it is loaded. */
  readonly leaves: { readonly code: string; readonly reason: string };
  /** Where the toolchain itself takes no other file for a test, reports need not name files. */
  readonly testsKnownByName?: true;
  /** The same code, minus the failing sign. */
  readonly wrong: [string, string];
};

const repoModules = fileURLToPath(new URL("../../node_modules", import.meta.url));
const withModules = { links: { node_modules: repoModules } };
const missing = (program: string, ...args: string[]) =>
  has(program, ...args) ? undefined : `${program} is not installed`;

/** Without site packages there is no pytest, wherever it may be installed. */
const withoutPytest = { python3: `exec ${pathOf("python3")} -S "$@"` };

/** Maven needs its plugins, from the local repository or from the network. */
const mavenAbsent = async (): Promise<string | undefined> => {
  if (!has("mvn", "--version")) return "mvn is not installed";
  const room = await localRoom({ fixture: "java" });
  const { exitCode } = await room.exec(["mvn", "-q", "-B", "test"]);
  return exitCode === 0 ? undefined : "Maven cannot get the plugins it needs";
};

const spec = (target = "", params: TestPassSpec["params"] = {}): TestPassSpec => ({
  type: "test_pass",
  target,
  params,
});

const javascript: Pick<Cases, "code" | "tests" | "second" | "wrong"> = {
  code: "calc.mjs",
  tests: "calc.test.mjs",
  wrong: ["a + b", "a - b"],
  second: {
    id: "calc.test.mjs > adds negative numbers",
    delete: [/test\("adds negative.*\n/, ""],
    skip: [/test\("adds neg/, 'test.skip("adds neg'],
  },
};

const runners: readonly Cases[] = [
  {
    name: "go test",
    absent: missing("go", "version"),
    sample: { fixture: "go" },
    program: "go",
    testsKnownByName: true,
    code: "calc.go",
    tests: "calc_test.go",
    wrong: ["a + b", "a - b"],
    second: {
      id: "sample.test/calc TestAddNegative",
      delete: [/func TestAddNegative[\s\S]*/, ""],
      skip: [/(func TestAddNegative.*\n)/, "$1\tt.Skip()\n"],
    },
    leaves: {
      code: 'package calc\n\nimport "os"\n\nfunc init() { os.Exit(0) }\n\nfunc Add(a, b int) int { return 0 }\n',
      reason: "report_missing",
    },
  },
  {
    name: "node --test",
    absent: undefined,
    sample: { fixture: "node" },
    program: "node",
    ...javascript,
    leaves: { code: "process.exit(0);\nexport const add = () => 0;\n", reason: "zero_tests" },
  },
  {
    name: "vitest",
    absent: undefined,
    sample: { fixture: "vitest", ...withModules },
    program: "node",
    ...javascript,
    leaves: { code: "process.exit(0);\nexport const add = () => 0;\n", reason: "check_failed" },
  },
  {
    name: "pytest",
    absent: missing("python3", "-c", "import pytest"),
    sample: { fixture: "pytest" },
    program: "python3",
    code: "calc.py",
    tests: "test_calc.py",
    wrong: ["a + b", "a - b"],
    second: {
      id: "test_calc.py::test_add_negative",
      delete: [/def test_add_negative[\s\S]*/, ""],
      skip: [/def test_add_negative/, "import pytest\n\n\n@pytest.mark.skip\ndef test_add_negative"],
    },
    leaves: { code: "import os\n\nos._exit(0)\n", reason: "report_missing" },
  },
  {
    name: "unittest",
    absent: missing("python3", "--version"),
    sample: { fixture: "unittest", programs: withoutPytest },
    program: "python3",
    code: "calc.py",
    tests: "tests/test_calc.py",
    wrong: ["a + b", "a - b"],
    second: {
      id: "test_calc.CalcTest.test_add_negative",
      delete: [/ {4}def test_add_negative[\s\S]*/, ""],
      skip: [/( {4}def test_add_negative)/, "    @unittest.skip('later')\n$1"],
    },
    leaves: { code: "import os\n\nos._exit(0)\n", reason: "report_missing" },
  },
  {
    name: "cargo test",
    absent: missing("cargo", "--version"),
    sample: { fixture: "rust" },
    program: "cargo",
    code: "src/lib.rs",
    tests: "tests/calc.rs",
    wrong: ["a + b", "a - b"],
    second: {
      id: "calc tests/calc.rs adds_negative",
      delete: [/#\[test\]\nfn adds_negative[\s\S]*/, ""],
      skip: [/(fn adds_negative)/, "#[ignore]\n$1"],
    },
    leaves: {
      code: "pub fn add(_a: i32, _b: i32) -> i32 {\n    std::process::exit(0)\n}\n",
      reason: "report_missing",
    },
  },
  {
    name: "mvn test",
    absent: await mavenAbsent(),
    sample: { fixture: "java" },
    program: "mvn",
    code: "src/main/java/sample/Calc.java",
    tests: "src/test/java/sample/CalcTest.java",
    wrong: ["a + b", "a - b"],
    second: {
      id: "sample.CalcTest.addsNegative",
      delete: [/@Test\n {4}public void addsNegative[\s\S]*/, "}\n"],
      skip: [/@Test(\n {4}public void addsNegative)/, "@org.junit.Ignore @Test$1"],
    },
    leaves: {
      code: "package sample;\n\npublic class Calc {\n  public static int add(int a, int b) { System.exit(0); return 0; }\n}\n",
      reason: "check_failed",
    },
  },
];

afterAll(closeLocalRooms);

for (const {
  name,
  absent,
  sample,
  program,
  code,
  tests,
  second,
  leaves,
  wrong,
  testsKnownByName,
} of runners) {
  const title = absent === undefined ? name : `${name} (skipped: ${absent})`;
  describe.skipIf(absent !== undefined)(title, () => {
    test("passes with the counts of the runner's own report", async () => {
      const judgement = await judge(spec(), await localRoom(sample));
      expect(judgement).toMatchObject({ outcome: "passed", reason: "ok", exitCode: 0, missing: [] });
      expect(judgement.counts).toEqual({ passed: 2, failed: 0, skipped: 0 });
      const { judgedBy, ...told } = judgement;
      expect(judgedBy).toEqual([]);
      expect(Judgement.parse(told)).toEqual(told);
    });

    test("tells that the proposal changed a file that held tests, although each of them still ran", async () => {
      const room = await localRoom({ ...sample, change: { [tests]: (old) => `${old}\n` } });
      const judgement = await judge(spec(), room);
      expect(judgement).toMatchObject({ outcome: "passed", judgedBy: testsKnownByName ? [] : [tests] });
    });

    test("fails for a wrong result and does not run the base", async () => {
      const room = await localRoom({ ...sample, change: { [code]: (old) => old.replace(...wrong) } });
      const judgement = await judge(spec(), room);
      expect(judgement).toMatchObject({ outcome: "failed", reason: "check_failed" });
      expect(judgement.counts?.failed).toBeGreaterThan(0);
      expect(room.baseRuns()).toBe(0);
    });

    test("fails when no test ran", async () => {
      const judgement = await judge(spec(), await localRoom({ ...sample, remove: [tests] }));
      expect(judgement).toMatchObject({ outcome: "failed", reason: "zero_tests" });
    });

    test("fails when the code under test leaves with exit code 0", async () => {
      const judgement = await judge(spec(), await localRoom({ ...sample, change: { [code]: leaves.code } }));
      expect(judgement).toMatchObject({ outcome: "failed", reason: leaves.reason });
    });

    test("fails when a test of the base is gone, and names it", async () => {
      const change = { [tests]: (old: string) => old.replace(...second.delete) };
      const judgement = await judge(spec(), await localRoom({ ...sample, change }));
      expect(judgement).toMatchObject({ outcome: "failed", reason: "tests_lost", missing: [second.id] });
      expect(judgement.counts).toEqual({ passed: 1, failed: 0, skipped: 0 });
    });

    test("fails when a test of the base is skipped now, and names it", async () => {
      const change = { [tests]: (old: string) => old.replace(...second.skip) };
      const judgement = await judge(spec(), await localRoom({ ...sample, change }));
      expect(judgement).toMatchObject({ outcome: "failed", reason: "tests_skipped", missing: [second.id] });
    });

    test("cannot judge without the toolchain, and says which program is missing", async () => {
      const judgement = await judge(spec(), await localRoom({ ...sample, noPath: true, programs: {} }));
      expect(judgement).toMatchObject({ outcome: "errored", reason: "toolchain_missing" });
      expect(judgement.message).toContain(`"${program}"`);
      expect(judgement.hint).toContain(`"${program}"`);
    });
  });
}

test("names stay short in the judgement however long they are, and their number is told", async () => {
  const many = Array.from({ length: 60 }, (_, at) => `test("${"𝄞".repeat(400)}${at}", () => {});`).join("\n");
  const both = { "calc.test.mjs": `import test from "node:test";\n${many}\n` };
  const change = { "calc.test.mjs": 'import test from "node:test";\ntest("other", () => {});\n' };
  const judgement = await judge(spec(), await localRoom({ fixture: "node", both, change }));
  expect(judgement).toMatchObject({ outcome: "failed", reason: "tests_lost" });
  expect(judgement.message).toContain("and 55 more");
  expect(judgement.missing).toHaveLength(50);
  expect(judgement.missing.every((id) => id.length <= 301 && Buffer.from(id).toString() === id)).toBe(true);
});
