import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { buggySum, FIXED_SUM, MARKS_OUTSIDE } from "../helpers/project.js";
import {
  expectRefused,
  expectVerified,
  openSuspects,
  type Scene,
  type Suspects,
} from "../helpers/suspects.js";
import { has } from "../helpers/toolchain-samples.js";

let opened: Suspects | undefined;
const suspectsIn = async (files: Readonly<Record<string, string>>): Promise<Suspects> => {
  opened = await openSuspects(files);
  return opened;
};
afterEach(async () => {
  await opened?.dispose();
  opened = undefined;
});

const project = (scripts: Readonly<Record<string, string>>, more: object = {}): string =>
  JSON.stringify({ name: "shop", type: "module", scripts, ...more });
const BUG = "export const sum = (prices) => prices.length;\n";
const SUM_TEST = (body: string): string =>
  `import assert from "node:assert/strict";\nimport { test } from "node:test";\nimport { sum } from "./src/sum.mjs";\ntest("prices add up", () => ${body});\n`;
const HONEST = SUM_TEST("assert.equal(sum([2, 3]), 5)");
const EASY = SUM_TEST("assert.ok(sum)");
const repair = ({ write }: Scene) => write({ "src/sum.mjs": FIXED_SUM });

describe("a package that bears the name of its test runner", () => {
  const forged = JSON.stringify({
    testResults: [{ name: "sum.test.mjs", assertionResults: [{ title: "forged", status: "passed" }] }],
  });
  const itself = ({ write }: Scene) =>
    write({
      "package.json": project(
        { test: "vitest" },
        { name: "vitest", exports: { "./*": "./*" }, bin: "./run.cjs" },
      ),
      "run.cjs": `const option = process.argv.find((word) => word.startsWith("--outputFile.json="));\nrequire("node:fs").writeFileSync(option.slice(18), ${JSON.stringify(forged)});\n`,
    });

  it("is refused as protected, and is no runner even where the plan allows any package.json", async () => {
    const suspects = await suspectsIn({ "package.json": project({ test: "vitest" }), "src/sum.mjs": BUG });
    expectRefused(await suspects.try(itself), "protected");
    const allowed = await suspects.try(itself, { may_change: ["package.json"] });
    expect(allowed).toMatchObject({ reason: "toolchain_missing", run: { state: { status: "paused" } } });
    expect(allowed.run.head).toBe(allowed.run.base);
  });
});

describe("tests in files that no convention knows", () => {
  const files = {
    "package.json": project({ test: "node --test sums.mjs" }),
    "src/sum.mjs": BUG,
    "sums.mjs": HONEST,
  };
  const cheat = ({ write }: Scene) => write({ "sums.mjs": EASY });

  it("may not become easier, for they were run at the base", async () => {
    const suspects = await suspectsIn(files);
    const easier = await suspects.try(cheat);
    expectRefused(easier, "protected");
    expect(easier.message).toContain("sums.mjs");
    const moved = ({ write, git }: Scene) => {
      git("mv", "sums.mjs", "old.mjs");
      return write({ "sums.mjs": EASY });
    };
    expectRefused(await suspects.try(moved), "protected");
  });

  it("may change where the plan says so, and the code under test always", async () => {
    const suspects = await suspectsIn(files);
    expectVerified(await suspects.try(cheat, { may_change: ["sums.mjs"] }));
    expectVerified(await suspects.try(repair));
  });

  it("may not have been changed by a step with another judge, says the criterion at the end", async () => {
    const suspects = await suspectsIn(files);
    const step = { validator: { type: "file_changed", target: "**" } };
    const criteria = [{ description: "tests pass", validator: { type: "test_pass" } }];
    const { run, reason } = await suspects.try(cheat, step, { acceptance_criteria: criteria });
    expect({ reason, status: run.state.status }).toEqual({ reason: "protected", status: "failed" });
    const may = { ...step, may_change: ["sums.mjs"] };
    expectVerified(await suspects.try(cheat, may, { acceptance_criteria: criteria }));
  });

  const noPython = !has("python3");
  it.skipIf(noPython)(
    `but a runner of python${noPython ? " (skipped: python3 is not installed)" : ""}`,
    async () => {
      const test = (body: string) =>
        `import unittest\nfrom shop import total\n\n\nclass TestTotal(unittest.TestCase):\n    def test_prices_add_up(self):\n        self.${body}\n`;
      const suspects = await suspectsIn({
        "pyproject.toml": '[tool.pytest.ini_options]\npython_files = ["test*.py"]\n',
        "shop.py": "def total(prices):\n    return len(prices)\n",
        "testShop.py": test("assertEqual(total([2, 3]), 5)"),
      });
      const easy = test("assertTrue(total)");
      const named = await suspects.try(({ write }) => write({ "testShop.py": easy }));
      expectRefused(named, "protected");
      const fixed = "def total(prices):\n    return sum(prices)\n";
      expectVerified(await suspects.try(({ write }) => write({ "shop.py": fixed })));
    },
  );
});

describe("the script that a plan calls as its judge", () => {
  const files = {
    ...buggySum,
    "check.sh": "node test/sum.test.mjs\n",
    "main.mjs": 'import { sum } from "./src/sum.mjs";\nprocess.exit(sum([2, 3]) === 5 ? 0 : 1);\n',
  };
  const judgedBy = (target: string) => ({ validator: { type: "command_pass", target } });
  const easier = ({ write }: Scene) => write({ "check.sh": "true\n" });

  it("may not be rewritten, by that step or by another", async () => {
    const suspects = await suspectsIn(files);
    expectRefused(await suspects.try(easier, judgedBy("sh check.sh")), "protected");
    const criteria = [{ description: "checked", validator: judgedBy("sh check.sh").validator }];
    const other = { validator: { type: "file_changed", target: "**" } };
    expectRefused(await suspects.try(easier, other, { acceptance_criteria: criteria }), "protected");
    expectVerified(await suspects.try(repair, judgedBy("sh check.sh")));
  });

  it("is distinguished from the program that the step is to write", async () => {
    const suspects = await suspectsIn(files);
    const rewritten = ({ write }: Scene) => write({ "main.mjs": "// better\n", "src/sum.mjs": FIXED_SUM });
    expectVerified(await suspects.try(rewritten, judgedBy("node main.mjs")));
    expectVerified(await suspects.try(({ write }) => write({ "new.sh": "true\n" }), judgedBy("sh new.sh")));
  });
});

describe("what tests compare with", () => {
  it("may not be brought in line with the bug", async () => {
    const test =
      'import assert from "node:assert/strict";\nimport { readFileSync } from "node:fs";\nimport { test } from "node:test";\nimport { sum } from "../src/sum.mjs";\ntest("prices add up", () => assert.equal(sum([2, 3]), Number(readFileSync("src/testdata/sum.txt", "utf8"))));\n';
    const suspects = await suspectsIn({
      ...buggySum,
      "test/sum.test.mjs": test,
      "src/testdata/sum.txt": "5\n",
    });
    const golden = ({ write }: Scene) => write({ "src/testdata/sum.txt": "2\n" });
    expectRefused(await suspects.try(golden), "protected");
    expectVerified(await suspects.try(repair));
  });
});

const noCargo = !has("cargo");
describe.skipIf(noCargo)(
  `tests inside rust code${noCargo ? " (skipped: cargo is not installed)" : ""}`,
  () => {
    it("may not become easier, while the code above them may change", async () => {
      const lib = (body: string, check: string) =>
        `pub fn add(a: i32, b: i32) -> i32 {\n    ${body}\n}\n\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn adds() {\n        assert_eq!(super::add(1, 2), ${check});\n    }\n}\n`;
      const suspects = await suspectsIn({
        "Cargo.toml": '[package]\nname = "calc"\nversion = "0.1.0"\nedition = "2021"\n',
        "Cargo.lock": 'version = 3\n\n[[package]]\nname = "calc"\nversion = "0.1.0"\n',
        "src/lib.rs": lib("a - b", "3"),
      });
      const writing =
        (text: string) =>
        ({ write }: Scene) =>
          write({ "src/lib.rs": text });
      expectRefused(await suspects.try(writing(lib("a - b", "-1"))), "protected");
      expectVerified(await suspects.try(writing(lib("a + b", "3"))));
    });
  },
);

describe("a base whose tests could not be run", () => {
  let place = "";
  beforeAll(async () => {
    place = await mkdtemp(join(tmpdir(), "runledger-test-"));
  });
  afterAll(() => rm(place, { recursive: true }));

  it("is not taken for one without tests: the judge says so and tries again", async () => {
    const killed = join(place, "killed");
    // The base kills the runner once; as long as nobody knows what ran there, nothing passes.
    const fragile = `import { existsSync, writeFileSync } from "node:fs";\nif (!existsSync(${JSON.stringify(killed)})) {\n  writeFileSync(${JSON.stringify(killed)}, "");\n  process.kill(process.ppid, "SIGKILL");\n}\n${BUG}`;
    const suspects = await suspectsIn({
      ...buggySum,
      "src/sum.mjs": fragile,
      "runledger.yaml": MARKS_OUTSIDE,
    });
    const trial = await suspects.try(repair);
    expect(existsSync(killed)).toBe(true);
    expectVerified(trial);
    const verdicts = (await suspects.app.ledger.events(trial.run.runId, 0, 100)).flatMap(({ payload }) =>
      "verdict" in payload ? [payload.verdict] : [],
    );
    expect(verdicts.map(({ outcome, reason }) => [outcome, reason])).toEqual([
      ["errored", "room_failed"],
      ["passed", "ok"],
    ]);
    expect(verdicts[1]?.message).not.toContain("base");
  });
});
