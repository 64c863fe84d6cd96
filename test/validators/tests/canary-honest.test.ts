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
const SANG = "failed as it must";

afterAll(closeLocalRooms);

describe("the canary of an honest project", () => {
  test.each<[string, Sample, readonly string[]]>([
    ["go test", { fixture: "go" }, ["go", "version"]],
    ["node --test", { fixture: "node" }, []],
    ["vitest", { fixture: "vitest", links: { node_modules: repoModules } }, []],
    ["pytest", { fixture: "pytest" }, ["python3", "-c", "import pytest"]],
    ["unittest", { fixture: "unittest", programs: withoutPytest }, ["python3", "--version"]],
    ["cargo test", { fixture: "rust" }, ["cargo", "--version"]],
  ])("fails as it must: %s", async (_runner, sample, [program, ...args]) => {
    if (program !== undefined && !has(program, ...args)) return;
    expect(await run(sample)).toMatchObject({ outcome: "passed", tests: { canary: SANG } });
  });

  const script = (test: string) => JSON.stringify({ type: "module", scripts: { test } });

  test("fails as it must in a script, a package below, and a folder of tests", async () => {
    const both = {
      "package.json": '{ "scripts": { "test": "node --test" } }',
      "old.test.cjs": 'const test = require("node:test");\ntest("old", () => {});',
      "plain.test.js": 'require("node:test")("plain", () => {});',
      "test/new.mjs": 'import test from "node:test";\ntest("new", () => {}) // no line end',
    };
    const judgement = await run({ fixture: "node", both });
    expect(judgement).toMatchObject({ outcome: "passed", counts: { passed: 5 }, tests: { canary: SANG } });
  });

  test("is heard although the runner stops at the first that fails", async () => {
    const links = { node_modules: repoModules };
    const both = { "package.json": script("vitest --bail=1"), "more.test.mjs": MORE };
    expect(await run({ fixture: "vitest", links, both })).toMatchObject({ tests: { canary: SANG } });
  });

  test("is not run where the runner selects tests by their names", async () => {
    const both = { "package.json": script("node --test --test-name-pattern=adds") };
    const judgement = await run({ fixture: "node", both });
    const canary = expect.stringMatching(/^not run: beside calc\.test\.mjs the runner does not find it/);
    expect(judgement).toMatchObject({ outcome: "passed", tests: { canary } });
  });

  test("takes the place of the files that a script names", async () => {
    const both = { "package.json": script("node --test checks.mjs"), "checks.mjs": CHECKS };
    expect(await run({ fixture: "node", both })).toMatchObject({ tests: { canary: SANG } });
  });

  test("is not run where the tests cannot be loaded twice", async () => {
    const both = {
      "calc.test.mjs": `import { existsSync, writeFileSync } from "node:fs";\nimport test from "node:test";\nif (existsSync("taken")) throw new Error("taken");\nwriteFileSync("taken", "");\ntest("adds", () => {});\n`,
    };
    const judgement = await run({ fixture: "node", both });
    expect(judgement).toMatchObject({
      outcome: "passed",
      tests: { canary: expect.stringMatching(/^not run: beside calc\.test\.mjs/) },
    });
  });

  test("is not run where nobody can read the report, and not in the user's own folder", async () => {
    const unread = await run({ fixture: "node", both: { "package.json": script("true; true") } });
    expect(unread.tests?.canary).toBe("not run: the report of this runner cannot be read");
    const { lay: _, ...own } = await localRoom({ fixture: "node" });
    const judgement = await judge({ type: "test_pass", target: "", params: {} }, own);
    expect(judgement.tests?.canary).toContain("without workspace isolation");
  });

  test("does not run after tests that failed", async () => {
    const judgement = await run({ fixture: "node", change: { "calc.mjs": "export const add = () => 0;\n" } });
    expect(judgement).toMatchObject({ outcome: "failed", tests: { canary: null } });
  });
});

const MORE = 'import { expect, test } from "vitest";\ntest("more", () => expect(1).toBe(1));\n';
const CHECKS = 'import test from "node:test";\ntest("checks", () => {});\n';
