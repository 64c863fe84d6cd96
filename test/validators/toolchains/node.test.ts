import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import type { TestPassSpec } from "../../../src/core/spec.js";
import type { Judgement } from "../../../src/core/verdict.js";
import { judge } from "../../../validators/index.js";
import { closeLocalRooms, localRoom, type Sample } from "../../helpers/local-room.js";
import { recorded } from "../reports/recorded.js";

const run = async (sample: Sample, target = "", params: TestPassSpec["params"] = {}): Promise<Judgement> =>
  judge({ type: "test_pass", target, params }, await localRoom({ fixture: "node", ...sample }));

const script = (test: string, more: Readonly<Record<string, string>> = {}) =>
  JSON.stringify({ type: "module", scripts: { test, ...more } });

const testFile = (title: string) => `import test from "node:test";\ntest("${title}", () => {});\n`;

afterAll(closeLocalRooms);

describe("node --test", () => {
  test("keeps the options of the script", async () => {
    const both = {
      "package.json": script("node --import ./given.mjs --test-name-pattern='^adds$' --test calc.test.mjs"),
      "given.mjs": `import { writeFileSync } from "node:fs";\nwriteFileSync("given", "");\n`,
    };
    const room = await localRoom({ fixture: "node", both });
    const { counts } = await judge({ type: "test_pass", target: "", params: {} }, room);
    expect(counts).toMatchObject({ passed: 1 });
    expect(existsSync(join(room.root, "given"))).toBe(true);
  });

  test("replaces reporters that the script asks for", async () => {
    const both = { "package.json": script("node --test --test-reporter tap --test-reporter-destination=x") };
    expect((await run({ both })).counts).toEqual({ passed: 2, failed: 0, skipped: 0 });
  });

  test("expands globs as the shell would for the script", async () => {
    const both = {
      "package.json": script("node --test checks/*.mjs"),
      "checks/one.mjs": testFile("one"),
      "checks/two.mjs": testFile("two"),
    };
    expect((await run({ both })).counts).toEqual({ passed: 2, failed: 0, skipped: 0 });
  });

  test("is narrowed by a target, in place of the files of the script", async () => {
    const both = { "package.json": script("node --test calc.test.mjs"), "more.test.mjs": testFile("more") };
    expect((await run({ both }, "more.test.mjs")).counts).toEqual({ passed: 1, failed: 0, skipped: 0 });
  });

  test("does not take an option for a target", async () => {
    const change = { "plant.cjs": "process.exit(0)" };
    expect(await run({ change }, "--require=./plant.cjs")).toMatchObject({ outcome: "failed" });
  });

  test("demands as many tests as the plan says, and none skipped if the plan says so", async () => {
    const skipped = `${testFile("one")}test.skip("two", () => {});\ntest.todo("three");\n`;
    const sample = { both: { "calc.test.mjs": skipped } };
    expect(await run(sample, "", { minTests: 2 })).toMatchObject({
      outcome: "failed",
      reason: "too_few_tests",
    });
    expect(await run(sample, "", { noSkips: true })).toMatchObject({
      outcome: "failed",
      reason: "tests_skipped",
      missing: ["calc.test.mjs > two", "calc.test.mjs > three"],
    });
    expect(await run(sample, "", { minTests: 1 })).toMatchObject({
      outcome: "passed",
      counts: { skipped: 2 },
    });
  });

  test("takes only skipped and only unfinished tests for none", async () => {
    const both = {
      "calc.test.mjs": `import test from "node:test";\ntest.skip("a", () => {});\ntest.todo("b");\n`,
    };
    expect(await run({ both })).toMatchObject({ outcome: "failed", reason: "zero_tests" });
  });

  test("fails when a file that could not be loaded at the base leaves early now", async () => {
    const sample = {
      both: { "new.test.mjs": `import { sub } from "./sub.mjs";\n${testFile("subtracts")}` },
      change: { "sub.mjs": "process.exit(0);\nexport const sub = 0;\n" },
    };
    expect(await run(sample)).toMatchObject({
      outcome: "failed",
      reason: "tests_lost",
      missing: ["new.test.mjs"],
    });
    const honest = { ...sample, change: { "sub.mjs": "export const sub = 0;\n" } };
    expect(await run(honest)).toMatchObject({ outcome: "passed", counts: { passed: 3 } });
  });

  test("gives tests the same name in every room", async () => {
    const change = { "calc.mjs": "// moved down\n\nexport const add = (a, b) => b + a;\n" };
    expect(await run({ change })).toMatchObject({ outcome: "passed" });
  });

  test("has nothing to compare with when there is no base, and says so", async () => {
    const change = { "calc.test.mjs": testFile("other") };
    const judgement = await run({ change, noBase: true });
    expect(judgement).toMatchObject({ outcome: "passed" });
    expect(judgement.message).toContain("no readable report of the base");
    expect((await run({})).message).not.toContain("base");
  });

  test("tells of changed files in which tests ran at the base, whatever they are called", async () => {
    const both = {
      "package.json": script("node --test sum.mjs more.mjs"),
      "sum.mjs": testFile("sum"),
      "more.mjs": testFile("more"),
    };
    const change = { "sum.mjs": `// easier\n${testFile("sum")}`, "calc.mjs": (old: string) => `${old}\n` };
    expect(await run({ both, change })).toMatchObject({ outcome: "passed", judgedBy: ["sum.mjs"] });
  });

  test.each([
    ["hangs", "for (;;);", "time limit"],
    ["kills its runner", 'process.kill(process.ppid, "SIGKILL");', "SIGKILL"],
  ])("cannot judge where the base %s, for nobody knows what ran there", async (_what, body, said) => {
    const both = { "calc.mjs": `${body}\nexport const add = 0;\n` };
    const change = { "calc.mjs": "export const add = (a, b) => a + b;\n" };
    const judgement = await run({ both, change, limitMs: 4_000 });
    expect(judgement).toMatchObject({ outcome: "errored", reason: "room_failed", exitCode: null });
    expect(judgement.message).toMatch(new RegExp(`at the base.*${said}`));
    expect(judgement.hint).toContain("command_pass");
  });

  test("ends at the time limit although a grandchild holds the pipe", async () => {
    const hangs = `
      import { spawn } from "node:child_process";
      import test from "node:test";
      test("hangs", async () => {
        spawn("sleep", ["600"], { stdio: "inherit" });
        await new Promise(() => setInterval(() => {}, 1_000));
      });`;
    const judgement = await run({ change: { "calc.test.mjs": hangs }, limitMs: 1_500 });
    expect(judgement).toMatchObject({ outcome: "failed", reason: "timed_out", exitCode: null });
  });

  test("never passes when the runner is killed", async () => {
    const judgement = await run({ programs: { node: "kill -9 $$" } });
    expect(judgement).toMatchObject({ outcome: "failed", reason: "killed", signal: "SIGKILL" });
  });

  test("never passes when the runner exits with 0 and leaves no report", async () => {
    expect(await run({ programs: { node: "exit 0" } })).toMatchObject({
      outcome: "failed",
      reason: "report_missing",
    });
  });
});

describe("a test script whose runner is unknown", () => {
  const unknown = (test: string, more = {}) => ({ both: { "package.json": script(test, more) } });

  test("is judged by its exit code, and the count is unknown", async () => {
    const judgement = await run(unknown("node calc.test.mjs | cat"));
    expect(judgement).toMatchObject({ outcome: "passed", counts: null });
    expect(judgement.message).toContain("unknown");
    expect(await run(unknown("false | false"))).toMatchObject({ outcome: "failed", reason: "check_failed" });
  });

  test("cannot satisfy a number of tests", async () => {
    const judgement = await run(unknown("true; true"), "", { minTests: 1 });
    expect(judgement).toMatchObject({ outcome: "failed", reason: "too_few_tests" });
  });

  test("cannot take the place of one that could be read at the base", async () => {
    const judgement = await run({ change: { "package.json": script("true; true") } });
    expect(judgement).toMatchObject({ outcome: "failed", reason: "tests_lost" });
    expect(judgement.missing).toHaveLength(2);
  });

  test("runs without lifecycle scripts and without the shell and options of an .npmrc", async () => {
    const room = await localRoom({
      fixture: "node",
      both: {
        "package.json": script("false; false", { pretest: "touch pre", posttest: "touch post" }),
        ".npmrc": "script-shell=/bin/true\nnode-options=--require=./plant.cjs\n",
        "plant.cjs": "process.exit(0)",
      },
    });
    const judgement = await judge({ type: "test_pass", target: "", params: {} }, room);
    expect(judgement).toMatchObject({ outcome: "failed", reason: "check_failed", exitCode: 1 });
    expect([existsSync(join(room.root, "pre")), existsSync(join(room.root, "post"))]).toEqual([false, false]);
  });

  test.each([
    ["npm", { "package-lock.json": "{}" }, ["npm", "run", "test", "--", "calc"]],
    ["pnpm", { "pnpm-lock.yaml": "" }, ["pnpm", "run", "test", "calc"]],
    ["yarn", { "yarn.lock": "" }, ["yarn", "run", "test", "calc"]],
  ])("is run by %s where its lockfile lies", async (manager, both, argv) => {
    const sample = { both: { "package.json": script("mocha"), ...both }, programs: { [manager]: "exit 0" } };
    expect(await run(sample, "calc")).toMatchObject({ outcome: "passed", command: argv });
  });
});

describe("vitest", () => {
  const sample: Sample = {
    fixture: "vitest",
    links: { node_modules: fileURLToPath(new URL("../../../node_modules", import.meta.url)) },
    both: {
      "package.json": script("cross-env GIVEN=yes vitest watch --reporter dot calc"),
      "more.test.mjs": `import { expect, test } from "vitest";\ntest("given", () => expect(process.env.GIVEN).toBe("yes"));\n`,
    },
  };

  test("runs once what the script names", async () => {
    expect(await run(sample)).toMatchObject({ outcome: "passed", counts: { passed: 2 } });
  });

  test("is found behind a package manager that is not there", async () => {
    const both = { ...sample.both, "package.json": script("npm run unit", { unit: "pnpm vitest run calc" }) };
    expect(await run({ ...sample, both })).toMatchObject({ outcome: "passed", counts: { passed: 2 } });
  });

  test("is narrowed by a target and given the variables of the script", async () => {
    expect(await run(sample, "more")).toMatchObject({ outcome: "passed", counts: { passed: 1 } });
  });

  test("is not the tree itself under that name", async () => {
    const forged = JSON.stringify({
      testResults: ["calc", "more"].map((name) => ({
        name: `${name}.test.mjs`,
        assertionResults: [{ title: "forged", status: "passed" }],
      })),
    });
    const itself = {
      name: "vitest",
      exports: { "./*": "./*" },
      bin: "./fake.cjs",
      scripts: { test: "vitest" },
    };
    const fake = `
      const option = process.argv.find((word) => word.startsWith("--outputFile.json="));
      require("node:fs").writeFileSync(option.slice("--outputFile.json=".length), ${JSON.stringify(forged)});`;
    const change = {
      "package.json": JSON.stringify(itself),
      "fake.cjs": fake,
      "calc.mjs": "export const add = () => 0;\n",
    };
    const judgement = await run({ ...sample, both: {}, change, noBase: true });
    expect(judgement).toMatchObject({ outcome: "failed", reason: "check_failed", counts: { failed: 2 } });
  });

  test("never passes when its worker leaves behind its back", async () => {
    const change = { "calc.mjs": "process.reallyExit(0);\nexport const add = 0;\n" };
    expect((await run({ ...sample, change })).outcome).toBe("failed");
  });
});

describe("jest", () => {
  const stub = (body: string) => ({
    "package.json": script("jest --watch --passWithNoTests src"),
    "node_modules/jest/package.json": '{ "bin": "./cli.cjs" }',
    "node_modules/jest/cli.cjs": body,
  });
  const writes = `
    const option = process.argv.find((word) => word.startsWith("--outputFile="));
    const text = ${JSON.stringify(recorded("jest.json"))}.replaceAll("/room", process.cwd());
    require("node:fs").writeFileSync(option.slice("--outputFile=".length), text);
    console.log(process.argv.slice(2).join(" "));`;

  test("is called without its watcher and read from its file", async () => {
    const judgement = await run({ both: stub(`${writes}\nprocess.exit(1);`) }, "calc");
    expect(judgement).toMatchObject({ reason: "check_failed", counts: { passed: 3, failed: 1, skipped: 2 } });
    expect(judgement.message).toContain("test/a.test.js > group > bad");
    expect(judgement.tail).toMatch(/^--json --outputFile=\S+ --passWithNoTests src -- calc\n$/);
  });

  test("contradicts itself when it exits with 0 after a failed test", async () => {
    expect(await run({ both: stub(writes) })).toMatchObject({
      outcome: "failed",
      reason: "report_contradicts",
    });
  });

  test("is missed by its name", async () => {
    const judgement = await run({ both: { "package.json": script("jest") } });
    expect(judgement).toMatchObject({ outcome: "errored", reason: "toolchain_missing" });
    expect(judgement.hint).toContain('"jest"');
  });

  test("is found where a package manager links it, and nowhere in the tree itself", async () => {
    const { "package.json": project, ...files } = stub(writes);
    const at = (folder: string) => ({
      "package.json": project,
      "node_modules/other/index.js": "",
      ...Object.fromEntries(
        Object.entries(files).map(([path, text]) => [path.replace("node_modules/jest", folder), text]),
      ),
    });
    const pnpm = "node_modules/.pnpm/jest@1/node_modules/jest";
    const linked = { both: at(pnpm), links: { "node_modules/jest": ".pnpm/jest@1/node_modules/jest" } };
    expect(await run(linked)).toMatchObject({ reason: "report_contradicts" });
    const workspace = { both: at("packages/jest"), links: { "node_modules/jest": "../packages/jest" } };
    expect(await run(workspace)).toMatchObject({ outcome: "errored", reason: "toolchain_missing" });
  });

  test("is not loaded from a folder that the proposal brings", async () => {
    const judgement = await run({ change: stub(writes) });
    expect(judgement).toMatchObject({ outcome: "failed", reason: "check_failed", command: null });
  });
});

describe("a package", () => {
  test("without a test script needs another validator", async () => {
    const judgement = await run({ both: { "package.json": "{}" } });
    expect(judgement).toMatchObject({ outcome: "errored", reason: "toolchain_unknown" });
    expect(judgement.hint).toContain("command_pass");
  });

  test.each(["{", "[]", ""])("whose package.json is %j fails", async (text) => {
    const judgement = await run({ change: { "package.json": text } });
    expect(judgement).toMatchObject({ outcome: "failed", reason: "check_failed" });
  });
});
