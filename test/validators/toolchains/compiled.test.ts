import { afterAll, describe, expect, test } from "vitest";
import { judge } from "../../../validators/index.js";
import type { Finding } from "../../../validators/room.js";
import { closeLocalRooms, has, localRoom, type Sample } from "../../helpers/local-room.js";

const run = async (sample: Sample, target = ""): Promise<Finding> =>
  judge({ type: "test_pass", target, params: {} }, await localRoom(sample));

afterAll(closeLocalRooms);

const noGo = !has("go", "version");
describe.skipIf(noGo)(`go test${noGo ? " (skipped: go is not installed)" : ""}`, () => {
  const inner = {
    "inner/inner.go": "package inner\n",
    "inner/inner_test.go": 'package inner\n\nimport "testing"\n\nfunc TestInner(t *testing.T) {}\n',
  };

  test("tests the target and no other package", async () => {
    const judgement = await run({ fixture: "go", both: inner }, "./inner");
    expect(judgement).toMatchObject({ outcome: "passed", counts: { passed: 1 } });
  });

  test("contradicts itself when TestMain swallows the outcome", async () => {
    const change = {
      "calc.go": (old: string) => old.replace("a + b", "a - b"),
      "main_test.go":
        'package calc\n\nimport (\n\t"os"\n\t"testing"\n)\n\nfunc TestMain(m *testing.M) {\n\tm.Run()\n\tos.Exit(0)\n}\n',
    };
    expect(await run({ fixture: "go", change })).toMatchObject({
      outcome: "failed",
      reason: "report_contradicts",
    });
  });

  test("has no report when one package of several leaves early, even where the base has no tests", async () => {
    const change = {
      ...inner,
      "inner/inner.go": 'package inner\n\nimport "os"\n\nfunc init() { os.Exit(0) }\n',
    };
    const judgement = await run({ fixture: "go", change, noBase: true });
    expect(judgement).toMatchObject({ outcome: "failed", reason: "report_missing", exitCode: 0 });
  });

  test("shows what the compiler said", async () => {
    const judgement = await run({ fixture: "go", change: { "calc.go": "package calc\n" } });
    expect(judgement).toMatchObject({ outcome: "failed", reason: "check_failed" });
    expect(judgement.tail).toContain("undefined: Add");
  });
});

const noCargo = !has("cargo", "--version");
describe.skipIf(noCargo)(`cargo test${noCargo ? " (skipped: cargo is not installed)" : ""}`, () => {
  test("takes a folder with a manifest for a crate and any other target for a filter", async () => {
    const both = {
      "other/Cargo.toml": '[package]\nname = "other"\nversion = "0.1.0"\nedition = "2021"\n\n[workspace]\n',
      "other/src/lib.rs": "#[test]\nfn only() {}\n",
    };
    expect(await run({ fixture: "rust", both }, "other")).toMatchObject({
      outcome: "passed",
      counts: { passed: 1 },
    });
    const filtered = await run({ fixture: "rust", both }, "adds_neg");
    expect(filtered).toMatchObject({ outcome: "passed", counts: { passed: 1 } });
    expect(await run({ fixture: "rust", both }, "nowhere")).toMatchObject({
      outcome: "failed",
      reason: "zero_tests",
    });
  });
});

describe.skipIf(noCargo)(`cargo's report${noCargo ? " (skipped: cargo is not installed)" : ""}`, () => {
  test("is missing where the tests of the base do not compile, and the verdict says so", async () => {
    const both = { "tests/later.rs": "#[test]\nfn later() {\n    assert!(calc::later());\n}\n" };
    const change = { "src/lib.rs": (old: string) => `${old}\npub fn later() -> bool {\n    true\n}\n` };
    const judgement = await run({ fixture: "rust", both, change });
    expect(judgement).toMatchObject({ outcome: "passed", counts: { passed: 3 } });
    expect(judgement.message).toContain("no readable report of the base");
  });

  test("names the source of a test that stands outside of the tests folder, and no code under test", async () => {
    const both = {
      "Cargo.toml":
        '[package]\nname = "calc"\nversion = "0.1.0"\nedition = "2021"\n\n[[test]]\nname = "checks"\npath = "checks/all.rs"\n',
      "checks/all.rs": "#[test]\nfn checked() {\n    assert_eq!(calc::add(1, 2), 3);\n}\n",
      "src/lib.rs":
        "pub fn add(a: i32, b: i32) -> i32 {\n    a + b\n}\n\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn adds() {}\n}\n",
    };
    const easier = (old: string) => `// easier\n${old}`;
    const change = { "checks/all.rs": easier, "src/lib.rs": easier };
    const judgement = await run({ fixture: "rust", both, change });
    expect(judgement).toMatchObject({ outcome: "passed", judgedBy: ["checks/all.rs"] });
  });
});

test("a missing cargo is missed although the shell that calls it is there", async () => {
  const judgement = await run({ fixture: "rust", noPath: true, programs: { sh: 'exec /bin/sh "$@"' } });
  expect(judgement).toMatchObject({ outcome: "errored", reason: "toolchain_missing" });
  expect(judgement.hint).toContain('"cargo"');
});

const noMaven = !has("mvn", "--version");
describe.skipIf(noMaven)(`mvn test${noMaven ? " (skipped: mvn is not installed)" : ""}`, () => {
  const report = "target/surefire-reports/TEST-sample.CalcTest.xml";
  const forged = '<testsuite tests="1"><testcase classname="sample.CalcTest" name="adds"/></testsuite>';

  test("does not read reports that came with the tree", async () => {
    const judgement = await run({
      fixture: "java",
      change: { [report]: forged },
      programs: { mvn: "exit 0" },
    });
    expect(judgement).toMatchObject({ outcome: "failed", reason: "zero_tests" });
  });

  test("reads the reports of every module and keeps equal classes apart", async () => {
    const writes = (folder: string) =>
      `mkdir -p ${folder}/target/surefire-reports; printf '%s' '${forged}' > ${folder}/${report}`;
    const mvn = ["a", "b/c"].map(writes).join("\n");
    const both = { "a/pom.xml": "", "b/c/pom.xml": "" };
    const judgement = await run({ fixture: "java", both, programs: { mvn } }, "CalcTest");
    expect(judgement).toMatchObject({ outcome: "passed", counts: { passed: 2 } });
    expect(judgement.command).toContain("-Dtest=CalcTest");
  });
});
