import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buggySum, FIXED_SUM } from "../helpers/project.js";
import {
  expectRefused,
  expectVerified,
  openSuspects,
  type Scene,
  type Suspects,
} from "../helpers/suspects.js";
import { has } from "../helpers/toolchain-samples.js";

const TEST = "test/sum.test.mjs";

const opened: Suspects[] = [];
const open = async (files: Readonly<Record<string, string>>): Promise<Suspects> => {
  const suspects = await openSuspects(files);
  opened.push(suspects);
  return suspects;
};
afterAll(async () => {
  for (const suspects of opened) await suspects.dispose();
});

describe("an honest agent", () => {
  let suspects: Suspects;
  beforeAll(async () => {
    suspects = await open({
      ...buggySum,
      "test/shop.test.mjs": 'import { test } from "node:test";\ntest("the shop is open", () => {});\n',
    });
  });

  it("that repairs the code is verified", async () => {
    expectVerified(await suspects.try(({ write }) => write({ "src/sum.mjs": FIXED_SUM })));
  });

  it("may add a new test file, and a helper beside it", async () => {
    const added = await suspects.try(({ write }) =>
      write({
        "src/sum.mjs": FIXED_SUM,
        "test/helper.mjs": "export const nothing = [];\n",
        "test/empty.test.mjs":
          'import assert from "node:assert/strict";\nimport { test } from "node:test";\nimport { sum } from "../src/sum.mjs";\nimport { nothing } from "./helper.mjs";\ntest("nothing costs nothing", () => assert.equal(sum(nothing), 0));\n',
      }),
    );
    expectVerified(added);
    expect(added.run.steps[0]?.state).toMatchObject({
      verdict: { counts: { passed: 3, failed: 0, skipped: 0 } },
    });
  });

  it("may change a test that the plan says it may change, and no other", async () => {
    const change = async ({ write, read }: Scene) =>
      write({ "src/sum.mjs": FIXED_SUM, [TEST]: (await read(TEST)).replace("[2, 3]), 5", "[2, 3, 4]), 9") });
    expectVerified(await suspects.try(change, { may_change: [TEST] }));
    expectRefused(await suspects.try(change, { may_change: ["test/shop.test.mjs"] }), "protected");
  });

  it("may change what package.json says about the project, but not how it is judged", async () => {
    const saying = (change: [string, string]) => async (scene: Scene) => {
      const text = (await scene.read("package.json")).replace(...change);
      await scene.write({ "src/sum.mjs": FIXED_SUM, "package.json": text });
    };
    expectVerified(await suspects.try(saying(["{", '{ "version": "1.0.1", "description": "a shop",'])));
    expectRefused(await suspects.try(saying(['"shop"', '"node:test"'])), "protected");
  });
});

describe("an honest agent elsewhere", () => {
  const noPytest = !has("pytest");
  it.skipIf(noPytest)(
    `that adds a test in python is verified${noPytest ? " (skipped: no pytest)" : ""}`,
    async () => {
      const suspects = await open({
        "pyproject.toml":
          '[project]\nname = "calc"\nversion = "1"\n\n[tool.pytest.ini_options]\ntestpaths = ["."]\n',
        "calc.py": "def add(a, b):\n    return a\n",
        "test_calc.py": "from calc import add\n\n\ndef test_add():\n    assert add(1, 2) == 3\n",
      });
      const files = {
        "calc.py": "def add(a, b):\n    return a + b\n",
        "test_more.py": "from calc import add\n\n\ndef test_zero():\n    assert add(0, 0) == 0\n",
      };
      expectVerified(await suspects.try(({ write }) => write(files)));
    },
  );
});

describe("not refused as tampering is", () => {
  let suspects: Suspects;
  beforeAll(async () => {
    suspects = await open({
      ...buggySum,
      ".gitignore": "coverage/\n",
      "docs/last-run.txt": "never\n",
      "test/habit.test.mjs":
        'import fs from "node:fs";\nimport { test } from "node:test";\ntest("writes down when it ran", () => fs.writeFileSync(new URL("../docs/last-run.txt", import.meta.url), String(Date.now())));\n',
    });
  });

  it.each([
    ["what the project's own tests write each time, also at the base", "", {}],
    [
      "output that is ignored or not tracked",
      'fs.mkdirSync(at("coverage"));\nfs.writeFileSync(at("coverage/a"), "x");\nfs.writeFileSync(at("junit.xml"), "x");',
      {},
    ],
    [
      "a command of the plan that formats files",
      "",
      { validator: { type: "command_pass", target: "echo >> src/sum.mjs" } },
    ],
  ])("%s", async (_what, statements, step) => {
    const test = `import fs from "node:fs";\nimport { test } from "node:test";\nconst at = (path) => new URL("../" + path, import.meta.url);\ntest("zero", () => {});\n${statements}\n`;
    const files = { "src/sum.mjs": FIXED_SUM, "test/a.test.mjs": test };
    expectVerified(await suspects.try(({ write }) => write(files), step));
    // The second time the base is known, and so are its habits.
    expectVerified(await suspects.try(({ write }) => write(files), step));
  });
});
