import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import type { SelftestReport } from "../../src/index.js";
import { giveGoSeed } from "../helpers/go-seed.js";
import { makeSample, onePlan, type Sample } from "../helpers/project.js";
import { wholeSweeps } from "../helpers/sweep.js";
import { has, type ToolchainSample, toolchainSamples } from "../helpers/toolchain-samples.js";

const samples: Sample[] = [];
afterEach(async () => {
  for (const sample of samples.splice(0)) await sample.dispose();
});

const fixture = (path: string): string => readFileSync(join("test/fixtures/java", path), "utf8");
const CALC = "src/main/java/sample/Calc.java";
const JAVA: ToolchainSample = {
  name: "java",
  programs: ["mvn"],
  files: {
    "pom.xml": fixture("pom.xml"),
    ".gitignore": "target/\n",
    [CALC]: fixture(CALC).replace("a + b", "a - b"),
    "src/test/java/sample/CalcTest.java": fixture("src/test/java/sample/CalcTest.java"),
  },
  bug: CALC,
  repaired: fixture(CALC),
};

/** With leave to change everything, the runner's report and our own failing test refuse all but tests that say nothing. */
const GAMED_WITH_LEAVE = ["edited tests"];

const reported = async (
  { files, bug, repaired }: ToolchainSample,
  step: Readonly<Record<string, unknown>>,
): Promise<SelftestReport> => {
  const sample = await makeSample(files);
  samples.push(sample);
  sample.git("checkout", "--quiet", "-b", "done");
  await sample.write({ [bug]: repaired });
  sample.commit("done");
  sample.git("checkout", "--quiet", "main");
  const app = await sample.open();
  await giveGoSeed(app, files);
  return app.selftest(onePlan(step), { solutions: ["done"] });
};

/** What a judge lets pass hangs on its report; the slowest compilers add minutes to that, which the whole suite has. */
const QUICK = new Set(["node", "python", "rust"]);

/** Compilers on a busy machine. */
const LONG_MS = 900_000;

const table = ({ validators }: SelftestReport): readonly string[] =>
  validators.flatMap(({ trials }) =>
    trials.map(
      ({ submission, outcome, reason, message }) => `${submission}: ${outcome} ${reason}: ${message}`,
    ),
  );

describe.each([...toolchainSamples, JAVA])("tests in $name", (project) => {
  const missing = project.programs.find((program) => !has(program));
  const skipped = missing === undefined ? "" : ` (skipped: ${missing} is not installed)`;

  it.skipIf(missing !== undefined)(
    `refuse every cheat and no solution${skipped}`,
    async () => {
      const report = await reported(project, { validator: { type: "test_pass" } });
      expect({ findings: report.findings, table: table(report) }).toMatchObject({ findings: [] });
    },
    LONG_MS,
  );

  if (!wholeSweeps && !QUICK.has(project.name)) return;
  it.skipIf(missing !== undefined)(
    `are gamed by whoever may change them${skipped}`,
    async () => {
      const report = await reported(project, { validator: { type: "test_pass" }, may_change: ["**"] });
      const gamed = report.findings.flatMap(({ kind, submissions }) =>
        kind === "gamed" ? submissions : [kind],
      );
      expect({ gamed, table: table(report) }).toMatchObject({ gamed: GAMED_WITH_LEAVE });
    },
    LONG_MS,
  );
});
