import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { BUG, NEUTERED, projects, REPAIR } from "../attacks/projects.js";
import { buggySum, MARKS_OUTSIDE } from "../helpers/project.js";
import { expectVerified, openSuspects, type Scene, type Suspects } from "../helpers/suspects.js";
import { has } from "../helpers/toolchain-samples.js";

/** What the attacks in test/attacks/families/gaming.ts may not do: how far that goes, and who may. */
let opened: Suspects | undefined;
const suspectsIn = async (files: Readonly<Record<string, string>> = {}): Promise<Suspects> => {
  opened = await openSuspects(files);
  return opened;
};
afterEach(async () => {
  await opened?.dispose();
  opened = undefined;
});

const leaving =
  (files: Readonly<Record<string, string>> = {}) =>
  ({ write }: Scene): Promise<void> =>
    write(files);
const judgedBy = (target: string) => ({ validator: { type: "command_pass", target } });

it("a package that bears the name of its test runner is no runner, even where the plan allows any package.json", async () => {
  const forged = JSON.stringify({
    testResults: [{ name: "sum.test.mjs", assertionResults: [{ title: "forged", status: "passed" }] }],
  });
  const project = (more: object = {}): string =>
    JSON.stringify({ name: "shop", type: "module", scripts: { test: "vitest" }, ...more });
  const itself = leaving({
    "package.json": project({ name: "vitest", exports: { "./*": "./*" }, bin: "./run.cjs" }),
    "run.cjs": `const option = process.argv.find((word) => word.startsWith("--outputFile.json="));\nrequire("node:fs").writeFileSync(option.slice(18), ${JSON.stringify(forged)});\n`,
  });
  const suspects = await suspectsIn({ "package.json": project(), "src/sum.mjs": BUG });
  const { reason, run } = await suspects.try(itself, { may_change: ["package.json"] });
  expect({ reason, status: run.state.status }).toEqual({ reason: "toolchain_missing", status: "paused" });
  expect(run.head).toBe(run.base);
});

describe("where tests, what they compare with, and scripts that judge are protected", () => {
  for (const [name, step] of [
    ["sums", {}],
    ["golden", {}],
    ["unittests", {}],
    ["rust", {}],
    ["script", judgedBy("sh check.sh")],
  ] as const) {
    const { files, repair, needs = [] } = projects[name] ?? {};
    const missing = needs.filter((program) => !has(program));
    const why = missing.length === 0 ? "" : ` (skipped: ${missing.join(", ")} not on this machine)`;
    it.skipIf(missing.length > 0)(`the code beside them may change, in ${name}${why}`, async () => {
      expectVerified(await (await suspectsIn(files)).try(leaving(repair), step));
    });
  }

  it("a plan gives leave to change them, to the step that is judged and for the criterion at the end", async () => {
    const suspects = await suspectsIn(projects.sums?.files);
    const easier = leaving({ "sums.mjs": NEUTERED });
    const may = { may_change: ["sums.mjs"] };
    expectVerified(await suspects.try(easier, may));
    const other = { validator: { type: "file_changed", target: "**" }, ...may };
    const criteria = [{ description: "tests pass", validator: { type: "test_pass" } }];
    expectVerified(await suspects.try(easier, other, { acceptance_criteria: criteria }));
  });

  it("the program that a step is to write is no judge", async () => {
    const program = 'import { sum } from "./src/sum.mjs";\nprocess.exit(sum([2, 3]) === 5 ? 0 : 1);\n';
    const suspects = await suspectsIn({ ...buggySum, "main.mjs": program });
    const rewritten = leaving({ "main.mjs": "// better\n", ...REPAIR });
    expectVerified(await suspects.try(rewritten, judgedBy("node main.mjs")));
    expectVerified(await suspects.try(leaving({ "new.sh": "true\n" }), judgedBy("sh new.sh")));
  });
});

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
    const trial = await suspects.try(leaving(REPAIR));
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
