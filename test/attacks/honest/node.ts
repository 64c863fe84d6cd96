import type { HonestChange, HonestProject } from "./change.js";
import { assert, newTests, tests } from "./node-tests.js";

const testPass = { validator: { type: "test_pass" } };
const command = (target: string, params = {}) => ({ validator: { type: "command_pass", target, params } });

const files = {
  "package.json": `${JSON.stringify({ name: "shop", version: "1.0.0", type: "module", scripts: { test: "node --test", build: "node --check src/index.mjs" } }, null, 2)}\n`,
  ".gitignore": "node_modules/\ndist/\ncoverage/\n*.log\n/tmp/\n",
  "README.md": "# Shop\n\nAdds prices.\n",
  "CHANGELOG.md": "# Changelog\n",
  "src/index.mjs":
    'export { format } from "./format.mjs";\nexport { sum } from "./sum.mjs";\nexport { protest } from "./protest.mjs";\n',
  "src/sum.mjs": "export const sum = (prices) => prices.length;\n",
  "src/format.mjs":
    'import { SIGN } from "./sign.mjs";\nexport const format = (cents) => (cents / 100).toFixed(2) + " " + SIGN;\n',
  "src/sign.mjs": 'export const SIGN = "EUR";\n',
  "src/protest.mjs": 'export const protest = () => "no";\n',
  "src/legacy.mjs": "export const old = () => 1;\n",
  "bin/shop.sh": "#!/bin/sh\nexec node src/index.mjs\n",
  "data/prices.json": '{ "apple": 50 }\n',
  "docs/testing.md": "Run npm test.\n",
  "test/sum.test.mjs": `${assert}import { describe, it } from "node:test";\nimport { sum } from "../src/sum.mjs";\ndescribe("sum", () => {\n  it("adds prices", () => assert.equal(sum([2, 3]), 5));\n  it("of nothing is nothing", () => assert.equal(sum([]), 0));\n});\n`,
  "test/format.test.mjs": `${assert}import { test } from "node:test";\nimport { format } from "../src/index.mjs";\ntest("shows cents", () => assert.equal(format(150), "1.50 EUR"));\n`,
};

const work: readonly HonestChange[] = [
  { does: "repairs the bug", step: testPass },
  {
    does: "adds a feature with a test file of its own",
    write: {
      "src/discount.mjs":
        "export const discount = (cents, percent) => Math.round(cents * (1 - percent / 100));\n",
      "test/discount.test.mjs": tests(
        'import { discount } from "../src/discount.mjs";\n',
        "assert.equal(discount(200, 50), 100);",
      ),
    },
  },
  {
    does: "renames a source file and what imports it",
    move: { "src/sign.mjs": "src/currency.mjs" },
    edit: { "src/format.mjs": ["./sign.mjs", "./currency.mjs"] },
  },
  {
    does: "moves a source file into a folder",
    move: { "src/sign.mjs": "src/money/sign.mjs" },
    edit: { "src/format.mjs": ["./sign.mjs", "./money/sign.mjs"] },
  },
  {
    does: "turns a source file into a folder",
    remove: ["src/legacy.mjs"],
    write: { "src/legacy.mjs/index.mjs": "export const old = () => 2;\n" },
  },
  { does: "deletes dead code", remove: ["src/legacy.mjs"] },
  {
    does: "formats the sources",
    edit: {
      "src/protest.mjs": ["() => ", "() =>\n  "],
      "src/format.mjs": ["export const format", "\nexport const format"],
    },
  },
  {
    does: "writes the README and other documents",
    write: { "README.md": "# Shop\n\nAdds prices, and formats them.\n", "docs/usage.md": "Call `sum`.\n" },
    edit: { "docs/testing.md": ["npm test", "`npm test`"] },
  },
  {
    does: "bumps the version with a line in the changelog",
    edit: {
      "package.json": ['"1.0.0"', '"1.0.1"'],
      "CHANGELOG.md": ["# Changelog\n", "# Changelog\n\n## 1.0.1\n\n- Prices add up.\n"],
    },
  },
  {
    does: "describes the package",
    edit: {
      "package.json": [
        '"version"',
        '"description": "A shop",\n  "keywords": ["shop"],\n  "license": "MIT",\n  "version"',
      ],
    },
  },
  {
    does: "adds a golden file with the test that reads it",
    write: {
      "test/testdata/receipt.txt": "1.50 EUR\n",
      "test/receipt.test.mjs": tests(
        'import { readFileSync } from "node:fs";\nimport { format } from "../src/format.mjs";\n',
        'assert.equal(format(150) + "\\n", readFileSync(new URL("testdata/receipt.txt", import.meta.url), "utf8"));',
      ),
    },
  },
  {
    does: "adds sources whose names only look like tests",
    write: {
      "src/contest.mjs": "export const winner = (all) => all[0];\n",
      "src/latest.mjs": "export const latest = (all) => all.at(-1);\n",
      "src/attestation.mjs": "export const attest = () => true;\n",
    },
  },
  {
    does: "changes a source whose name only looks like one",
    edit: { "src/protest.mjs": ['"no"', '"never"'] },
  },
  {
    does: "adds files with names of all scripts",
    write: {
      "docs/größe – 寸法.md": "1\n",
      "src/preis€.mjs": "export const euro = 1;\n",
      "test/größe.test.mjs": tests(
        'import { euro } from "../src/preis€.mjs";\n',
        "assert.equal(euro, 1);",
        "größe 寸法 🙂",
      ),
    },
  },
  {
    does: "adds files with blanks, dashes and quotes in their names",
    write: {
      "docs/a b.md": "1\n",
      "docs/-rf.md": "1\n",
      'docs/it\'s "quoted".md': "1\n",
      "docs/$HOME.md": "1\n",
      "docs/#1.md": "1\n",
    },
  },
  {
    does: "writes a file with CRLF line ends",
    write: {
      "docs/windows.txt": "one\r\ntwo\r\n",
      "src/crlf.mjs": "export const one = 1;\r\nexport const two = 2;\r\n",
    },
  },
  {
    does: "writes a file with a byte order mark and none with a last line end",
    write: { "docs/bom.txt": "\uFEFFone", "src/bare.mjs": "export const bare = 1;" },
  },
  { does: "adds a script that can be executed", write: { "bin/open.sh": "#!/bin/sh\necho open\n" } },
  { does: "makes a script executable", executable: ["bin/shop.sh"] },
  { does: "adds a link inside the tree", link: { "docs/README.md": "../README.md", current: "src" } },
  {
    does: "commits what it generated",
    write: {
      "src/generated/table.mjs": `export const table = [${Array.from({ length: 2_000 }, (_, n) => n)}];\n`,
    },
  },
  {
    does: "ignores one folder more",
    edit: { ".gitignore": ["dist/\n", "dist/\n.cache/\n"] },
    write: { ".cache/a.txt": "1\n" },
  },
  { does: "adds empty files", write: { "src/plugins/.gitkeep": "", "docs/empty.md": "" } },
  { does: "adds a large file", bytes: { "data/history.bin": 6_000_000 } },
  {
    does: "adds a picture",
    also: ({ workspace }) =>
      import("node:fs").then(({ writeFileSync }) =>
        writeFileSync(`${workspace}/docs/logo.png`, Buffer.from("89504e470d0a1a0a0000000d49484452", "hex")),
      ),
  },
  {
    does: "adds a test folder beside the sources",
    write: {
      "src/cart/cart.mjs": "export const cart = () => [];\n",
      "src/cart/__tests__/cart.test.mjs": tests(
        'import { cart } from "../cart.mjs";\n',
        "assert.deepEqual(cart(), []);",
      ),
    },
  },
  {
    does: "adds helpers for tests",
    write: {
      "test/helpers/make.mjs": "export const make = () => 1;\n",
      "test/made.test.mjs": tests('import { make } from "./helpers/make.mjs";\n', "assert.equal(make(), 1);"),
    },
  },
  {
    does: "adds what projects have beside their code",
    write: {
      LICENSE: "MIT\n",
      ".editorconfig": "root = true\n",
      Dockerfile: "FROM node\n",
      "SECURITY.md": "Write to us.\n",
      ".vscode/extensions.json": "{}\n",
    },
  },
  {
    does: "adds an example package, with leave",
    write: {
      "examples/basic/package.json": '{ "name": "basic", "private": true }\n',
      "examples/basic/index.mjs": 'import "../../src/index.mjs";\n',
    },
    step: { ...testPass, may_change: ["examples/**"] },
  },
  {
    does: "adds a script to package.json, with leave",
    edit: { "package.json": ['"build"', '"start": "node src/index.mjs",\n    "build"'] },
    step: { ...testPass, may_change: ["package.json"] },
  },
  {
    does: "changes a test that it may change",
    edit: { "test/format.test.mjs": ['"shows cents"', '"shows cents, always"'] },
    step: { ...testPass, may_change: ["test/format.test.mjs"] },
    refused: {
      as: "tests_lost",
      because: "a test that was renamed cannot be told from one that was dropped",
    },
  },
  {
    does: "adds a case to a test file that it may change",
    edit: {
      "test/format.test.mjs": [/$/, 'test("shows none", () => assert.equal(format(0), "0.00 EUR"));\n'],
    },
    step: { ...testPass, may_change: ["test/**"] },
  },
  {
    does: "keeps to the paths it may change",
    step: { ...testPass, may_change: { paths: ["src/**"], only: true } },
  },
  { does: "changes data and code together", edit: { "data/prices.json": ["50", "60"] } },
  {
    does: "commits on a branch of its own",
    also: ({ git }) => {
      git("checkout", "--quiet", "-b", "fix");
      git("commit", "--quiet", "--all", "--message", "fix");
      git("tag", "v1");
    },
  },
  {
    does: "stages half of its work and stashes what it does not need",
    also: async ({ git, write }) => {
      git("add", "--all");
      await write({ "README.md": "# Never mind\n" });
      git("stash", "--quiet", "--keep-index");
    },
  },
  {
    does: "leaves packages, caches and logs that are ignored",
    write: {
      "node_modules/left/index.js": "1\n",
      "coverage/lcov.info": "1\n",
      "npm-debug.log": "1\n",
      "tmp/a": "1\n",
    },
  },
  {
    does: "leaves an editor's swap and backup files",
    write: { "src/.sum.mjs.swp": "1\n", "src/sum.mjs~": "1\n", "src/sum.mjs.orig": "1\n" },
  },
  {
    does: "writes a document that a plan asks for",
    write: { "docs/design.md": "# Design\n\nPrices are added.\n" },
    unrepaired: true,
    step: {
      validator: {
        type: "artifact_exists",
        target: "docs/design.md",
        params: { min_bytes: 10, contains: "# Design" },
      },
    },
  },
  {
    does: "builds an artifact into an ignored folder",
    write: { "dist/shop.mjs": "export {};\n" },
    unrepaired: true,
    step: { validator: { type: "artifact_exists", target: "dist/shop.mjs" } },
  },
  {
    does: "changes a document that a plan asks for",
    write: { "README.md": "# Shop\n\nNew.\n" },
    unrepaired: true,
    step: { validator: { type: "file_changed", target: "*.md" } },
  },
  {
    does: "writes a program that a command runs",
    write: { "src/main.mjs": 'import { sum } from "./sum.mjs";\nconsole.log(sum([2, 3]));\n' },
    step: command("node src/main.mjs | grep -qx 5"),
  },
  {
    does: "writes what a command looks for",
    write: { "docs/notes.txt": "done\n" },
    unrepaired: true,
    step: command("grep -q done docs/notes.txt && test -s docs/notes.txt"),
  },
  {
    does: "writes what exits with the code asked for",
    write: { "src/exit.mjs": "process.exit(7);\n" },
    unrepaired: true,
    step: command("node src/exit.mjs", { expected_exit_code: 7 }),
  },
  {
    does: "keeps it building",
    write: {
      "src/index.mjs":
        'export * from "./format.mjs";\nexport * from "./sum.mjs";\nexport * from "./protest.mjs";\n',
    },
    step: { validator: { type: "build_pass" } },
  },
  {
    does: "repairs what one test file asks for",
    step: {
      validator: { type: "test_pass", target: "test/sum.test.mjs", params: { min_tests: 2, no_skips: true } },
    },
  },
  {
    does: "meets a criterion beside the step",
    plan: {
      acceptance_criteria: [
        { description: "tests pass", validator: { type: "test_pass" } },
        { description: "it builds", validator: { type: "build_pass" } },
      ],
    },
  },
];

export const nodeShop: HonestProject = {
  name: "a shop for node:test",
  language: "node",
  programs: ["node", "npm", "git"],
  files,
  repair: {
    "src/sum.mjs": "export const sum = (prices) => prices.reduce((total, price) => total + price, 0);\n",
  },
  changes: [...work, ...newTests],
};
