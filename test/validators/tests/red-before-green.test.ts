import { afterAll, describe, expect, test } from "vitest";
import type { TestPassSpec } from "../../../src/core/spec.js";
import { judge } from "../../../validators/index.js";
import type { Finding } from "../../../validators/room.js";
import { closeLocalRooms, has, localRoom, type Sample } from "../../helpers/local-room.js";

const run = async (
  sample: Sample,
  params: TestPassSpec["params"] = { redBeforeGreen: true },
): Promise<Finding> =>
  judge({ type: "test_pass", target: "", params }, await localRoom({ fixture: "node", ...sample }));

const wrong = { "calc.mjs": "export const add = (a, b) => a - b;\n" };
const right = "export const add = (a, b) => a + b;\n";
const adds = ["calc.test.mjs > adds", "calc.test.mjs > adds negative numbers"];
const doubles = (assertion: string) =>
  `import assert from "node:assert";\nimport test from "node:test";\nimport * as calc from "./calc.mjs";\ntest("doubles", () => ${assertion});\n`;

afterAll(closeLocalRooms);

describe("a step that demands red before green", () => {
  test("passes when a test that failed at the base passes now, and names it", async () => {
    const judgement = await run({ both: wrong, change: { "calc.mjs": right } });
    expect(judgement).toMatchObject({ outcome: "passed", reason: "ok" });
    expect(judgement.tests?.turnedGreen).toEqual({ count: 2, names: adds });
    expect(judgement.message).toContain("2 tests turned green.");
  });

  test("is vacuous when everything passed before", async () => {
    const judgement = await run({ change: { "calc.mjs": `${right}\n` } });
    expect(judgement).toMatchObject({ outcome: "failed", reason: "vacuous", counts: { passed: 2 } });
    expect(judgement.message).toContain("had failed at the base");
    expect((await run({})).reason).toBe("vacuous");
  });

  test("takes no new test for evidence that passes without the change as well", async () => {
    const change = { "calc.mjs": `${right}\n`, "more.test.mjs": doubles("assert.equal(calc.add(1, 1), 2)") };
    const judgement = await run({ change });
    expect(judgement).toMatchObject({ outcome: "failed", reason: "vacuous", counts: { passed: 3 } });
    expect(judgement.message).toContain("without the change");
  });

  test("takes a new test that fails without the change, whatever its file is called", async () => {
    const both = {
      "package.json": JSON.stringify({ scripts: { test: "node --test calc.test.mjs more.mjs" } }),
      "more.mjs": "",
    };
    const change = {
      "calc.mjs": `${right}export const double = (a) => 2 * a;\n`,
      "more.mjs": doubles("assert.equal(calc.double(3), 6)"),
    };
    const judgement = await run({ both, change });
    expect(judgement).toMatchObject({ outcome: "passed" });
    expect(judgement.tests?.turnedGreen).toEqual({ count: 1, names: ["more.mjs > doubles"] });
  });

  test("takes a new test whose file cannot even be loaded without the change", async () => {
    const change = {
      "calc.mjs": `${right}export const double = (a) => 2 * a;\n`,
      "more.test.mjs": `import { double } from "./calc.mjs";\n${doubles("assert.equal(double(3), 6)")}`,
    };
    expect(await run({ change })).toMatchObject({ outcome: "passed", tests: { turnedGreen: { count: 1 } } });
  });

  test("is vacuous where nobody knows what failed before", async () => {
    const change = { "calc.mjs": right };
    const alone = await run({ both: wrong, change, noBase: true });
    expect(alone).toMatchObject({ outcome: "failed", reason: "vacuous" });
    expect(alone.message).toContain("there is no base");
    const unread = { "package.json": JSON.stringify({ scripts: { test: "true; true" } }) };
    expect(await run({ both: unread })).toMatchObject({ outcome: "failed", reason: "vacuous" });
  });
});

test("what turned green is told although nobody demands it", async () => {
  const judgement = await run({ both: wrong, change: { "calc.mjs": right } }, {});
  expect(judgement).toMatchObject({ outcome: "passed", tests: { turnedGreen: { count: 2, names: adds } } });
  expect(await run({}, {})).toMatchObject({ outcome: "passed", tests: { turnedGreen: { count: 0 } } });
  expect(await run({ noBase: true }, {})).toMatchObject({ outcome: "passed", tests: { turnedGreen: null } });
});

const noCargo = !has("cargo", "--version");
test.skipIf(noCargo)("a base whose tests do not compile was red as a whole (needs cargo)", async () => {
  const both = { "tests/later.rs": "#[test]\nfn later() {\n    assert!(calc::later());\n}\n" };
  const change = { "src/lib.rs": (old: string) => `${old}\npub fn later() -> bool {\n    true\n}\n` };
  const judgement = await run({ fixture: "rust", both, change });
  expect(judgement).toMatchObject({ outcome: "passed", tests: { turnedGreen: { count: 3 } } });
});
