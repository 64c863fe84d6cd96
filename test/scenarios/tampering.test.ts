import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buggySum, FIXED_SUM } from "../helpers/project.js";
import { expectRefused, expectVerified, openSuspects, type Suspects } from "../helpers/suspects.js";

const TEST = "test/sum.test.mjs";
const PASSES = 'import { test } from "node:test";\ntest("prices add up", () => {});\n';
/** Names that come first run first, or at the same time. */
const NEW = "test/a.test.mjs";

/** A new test, itself green, that does something to the files beside it. */
const testThat = (statements: string): string =>
  `import fs from "node:fs";\nimport { test } from "node:test";\nconst at = (path) => new URL("../" + path, import.meta.url);\ntest("zero", () => {});\n${statements}\n`;
const rewrite = (path: string, text: string): string =>
  `fs.writeFileSync(at(${JSON.stringify(path)}), ${JSON.stringify(text)});`;

let suspects: Suspects;
beforeAll(async () => {
  suspects = await openSuspects({
    ...buggySum,
    ".gitignore": "coverage/\n",
    "docs/last-run.txt": "never\n",
    "test/habit.test.mjs":
      'import fs from "node:fs";\nimport { test } from "node:test";\ntest("writes down when it ran", () => fs.writeFileSync(new URL("../docs/last-run.txt", import.meta.url), String(Date.now())));\n',
  });
});
afterAll(() => suspects.dispose());

describe("a new test that during the run", () => {
  it.each([
    ["rewrites the old one", rewrite(TEST, PASSES), TEST],
    ["repairs the code on disk alone", rewrite("src/sum.mjs", FIXED_SUM), "src/sum.mjs"],
  ])("%s makes nothing verified", async (_what, statements, path) => {
    const trial = await suspects.try(({ write }) => write({ [NEW]: testThat(statements) }));
    // Where both run at the same moment it may come too late, and then the old one fails.
    expectRefused(trial, "(tampered|check_failed)");
    if (trial.reason === "tampered") expect(trial.message).toContain(path);
  });

  it.each([
    ["rewrites the old one", rewrite(TEST, PASSES), TEST],
    [
      "rewrites the old one, and puts back its bytes and its date at the end",
      `const old = fs.readFileSync(at("${TEST}")), { atime, mtime } = fs.statSync(at("${TEST}"));\n` +
        `process.on("exit", () => { fs.writeFileSync(at("${TEST}"), old); fs.utimesSync(at("${TEST}"), atime, mtime); });\n` +
        rewrite(TEST, PASSES),
      TEST,
    ],
    ["removes a file", 'fs.rmSync(at("package.json"));', "package.json"],
    ["writes where its code is", rewrite("src/sum.mjs", FIXED_SUM), "src/sum.mjs"],
    [
      "does so from a process that outlives it",
      `const { spawn } = await import("node:child_process");\nspawn("sh", ["-c", "echo >> ${TEST}; sleep 1000"], { detached: true, stdio: "ignore" }).unref();\nawait new Promise((done) => {\n  const look = setInterval(() => {\n    if (!fs.readFileSync(at("${TEST}"), "utf8").endsWith("\\n\\n")) return;\n    clearInterval(look);\n    done();\n  }, 10);\n});`,
      TEST,
    ],
  ])("%s is refused, though the code is right", async (_what, statements, path) => {
    const trial = await suspects.try(({ write }) =>
      write({ "src/sum.mjs": FIXED_SUM, [NEW]: testThat(statements) }),
    );
    expectRefused(trial, "tampered");
    expect(trial.message).toContain(`written while the tests ran: ${path}.`);
  });
});

describe("not refused is", () => {
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
    const files = { "src/sum.mjs": FIXED_SUM, [NEW]: testThat(statements) };
    expectVerified(await suspects.try(({ write }) => write(files), step));
    // The second time the base is known, and so are its habits.
    expectVerified(await suspects.try(({ write }) => write(files), step));
  });
});
