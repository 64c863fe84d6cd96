import { afterAll, describe, expect, test } from "vitest";
import type { TestPassSpec } from "../../../src/core/spec.js";
import { judge } from "../../../validators/index.js";
import type { Finding } from "../../../validators/room.js";
import { closeLocalRooms, has, localRoom, type Sample } from "../../helpers/local-room.js";

const run = async (sample: Sample, params: TestPassSpec["params"] = {}): Promise<Finding> => {
  const spec = { heldOut: "held-out", canary: false, ...params };
  return judge(
    { type: "test_pass", target: "", params: spec },
    await localRoom({ fixture: "node", ...sample }),
  );
};

const asserts = (title: string, assertion: string): string =>
  `import assert from "node:assert/strict";\nimport test from "node:test";\nimport { add } from "./calc.mjs";\ntest("${title}", () => assert.equal(${assertion}));\n`;
const secret = { "secret.test.mjs": asserts("adds more", "add(20, 22), 42") };
/** Right for what the visible tests ask, and for nothing else. */
const overfit = { "calc.mjs": "export const add = (a, b) => (b === 2 ? 3 : -1);\n" };
const rest = ({ tests, ...judgement }: Finding): string => JSON.stringify(judgement);

afterAll(closeLocalRooms);

describe("held-out tests", () => {
  test("run after the visible ones, and what was laid is recorded", async () => {
    const judgement = await run({ heldOut: secret });
    expect(judgement).toMatchObject({ outcome: "passed", counts: { passed: 2 } });
    expect(judgement.message).toContain("1 held-out test passed.");
    expect(judgement.tests?.heldOut).toMatchObject({
      folder: "held-out",
      digest: "d".repeat(64),
      files: 1,
      counts: { passed: 1, failed: 0, skipped: 0 },
      turnedGreen: 0,
      wrong: { count: 0, names: [] },
    });
  });

  test("fail a step whose work fits the visible ones alone, and say how many and not which", async () => {
    const judgement = await run({ heldOut: secret, change: overfit });
    expect(judgement).toMatchObject({ outcome: "failed", reason: "check_failed", exitCode: 0 });
    expect(judgement.message).toBe("The visible tests pass, but 1 held-out test did not.");
    expect(judgement.tests?.heldOut?.wrong).toEqual({ count: 1, names: ["secret.test.mjs > adds more"] });
    expect(rest(judgement)).not.toMatch(/secret|adds more/);
  });

  test("are not run for a step whose visible tests fail", async () => {
    const judgement = await run({ heldOut: secret, change: { "calc.mjs": "export const add = () => 0;\n" } });
    expect(judgement).toMatchObject({ outcome: "failed", reason: "check_failed", tests: { heldOut: null } });
  });

  test("must all run that run at the base", async () => {
    const two = {
      "secret.test.mjs": `${secret["secret.test.mjs"]}if (add.length === 2) test("more", () => {});\n`,
    };
    const change = { "calc.mjs": "export const add = (...all) => all[0] + all[1];\n" };
    const judgement = await run({ heldOut: two, change });
    expect(judgement).toMatchObject({ outcome: "failed", reason: "tests_lost" });
    expect(judgement.tests?.heldOut?.wrong).toEqual({ count: 1, names: ["secret.test.mjs > more"] });
    expect(rest(judgement)).not.toContain("secret");
  });

  test("take the place of what the proposal calls by their names, and keep helpers beside them", async () => {
    const heldOut = {
      "test/secret.test.mjs": `import { is } from "./help/is.mjs";\nimport test from "node:test";\ntest("is", is);\n`,
      "test/help/is.mjs": "export const is = () => {};\n",
    };
    const change = { "test/secret.test.mjs": "process.exit(0);\n", "test/help/is.mjs": "process.exit(0);\n" };
    const judgement = await run({ heldOut, change, noBase: true });
    expect(judgement).toMatchObject({ tests: { heldOut: { counts: { passed: 1, failed: 0 } } } });
  });

  test("are evidence where the plan demands red before green", async () => {
    const sample = {
      heldOut: secret,
      both: overfit,
      change: { "calc.mjs": "export const add = (a, b) => a + b;\n" },
    };
    expect(await run(sample, { redBeforeGreen: true })).toMatchObject({
      outcome: "passed",
      tests: { turnedGreen: { count: 0 }, heldOut: { turnedGreen: 1 } },
    });
  });

  test("cannot judge where the runner finds none of them, or nobody can lay them", async () => {
    const none = await run({ heldOut: { "notes.txt": "none", "help.mjs": "" } });
    expect(none).toMatchObject({ outcome: "errored", hint: expect.stringContaining("sum_test.go") });
    const empty = await run({ heldOut: { "empty.test.mjs": "" } });
    expect(empty).toMatchObject({ outcome: "errored", reason: "room_failed" });
    expect(rest(empty)).not.toContain("empty.test");
    expect(await run({})).toMatchObject({ outcome: "errored", reason: "room_failed" });
  });

  const noGo = !has("go", "version");
  test.skipIf(noGo)(
    "of Go lie in the packages they test, and the canary's words stay with us (needs go)",
    async () => {
      const heldOut = {
        "secret_test.go":
          'package calc\n\nimport "testing"\n\nfunc TestSecret(t *testing.T) {\n\tif Add(20, 22) != 42 {\n\t\tt.Fatal("secret")\n\t}\n}\n',
      };
      expect(await run({ fixture: "go", heldOut }, { canary: true })).toMatchObject({
        outcome: "passed",
        tests: { canary: "failed as it must", heldOut: { counts: { passed: 3 } } },
      });
      const change = {
        "calc.go":
          "package calc\n\nfunc Add(a, b int) int {\n\tif b == 2 {\n\t\treturn 3\n\t}\n\treturn -1\n}\n",
      };
      const judgement = await run({ fixture: "go", heldOut, change });
      expect(judgement).toMatchObject({ outcome: "failed", tests: { heldOut: { wrong: { count: 1 } } } });
      expect(rest(judgement)).not.toMatch(/secret/i);
    },
  );
});
