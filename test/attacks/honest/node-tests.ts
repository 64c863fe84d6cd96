import type { HonestChange } from "./change.js";

export const assert = 'import assert from "node:assert/strict";\n';
/** A test file of its own, in the way of the project's others. */
export const tests = (imports: string, body: string, title = "it works"): string =>
  `${assert}import { test } from "node:test";\n${imports}test(${JSON.stringify(title)}, async (t) => {\n${body}\n});\n`;

/** Tests that do what tests of real projects do to the machine they run on. */
export const newTests: readonly HonestChange[] = [
  {
    does: "adds a test that works in temporary files",
    write: {
      "test/files.test.mjs": tests(
        'import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";\nimport { tmpdir } from "node:os";\nimport { join } from "node:path";\n',
        '  const folder = mkdtempSync(join(tmpdir(), "shop-"));\n  writeFileSync(join(folder, "a"), "1");\n  assert.equal(readFileSync(join(folder, "a"), "utf8"), "1");\n  rmSync(folder, { recursive: true });',
      ),
    },
  },
  {
    does: "adds a test that serves and fetches over the loopback",
    write: {
      "test/server.test.mjs": tests(
        'import { createServer } from "node:http";\n',
        '  const server = createServer((_, answer) => answer.end("open"));\n  await new Promise((done) => server.listen(0, "127.0.0.1", done));\n  const answer = await fetch("http://127.0.0.1:" + server.address().port);\n  assert.equal(await answer.text(), "open");\n  server.closeAllConnections();\n  await new Promise((done) => server.close(done));',
      ),
    },
  },
  {
    does: "adds a test that talks through a socket in a temporary folder",
    write: {
      "test/socket.test.mjs": tests(
        'import { mkdtempSync } from "node:fs";\nimport { connect, createServer } from "node:net";\nimport { tmpdir } from "node:os";\nimport { join } from "node:path";\n',
        '  const path = join(mkdtempSync(join(tmpdir(), "s-")), "s");\n  const server = createServer((socket) => socket.end("hi"));\n  await new Promise((done) => server.listen(path, done));\n  const said = await new Promise((done) => connect(path).once("data", (bytes) => done(String(bytes))));\n  assert.equal(said, "hi");\n  server.close();',
      ),
    },
  },
  {
    does: "adds a test that starts programs",
    write: {
      "test/program.test.mjs": tests(
        'import { execFileSync, spawnSync } from "node:child_process";\n',
        '  assert.equal(execFileSync(process.execPath, ["-p", "1 + 1"], { encoding: "utf8" }).trim(), "2");\n  assert.equal(spawnSync("sh", ["-c", "exit 3"]).status, 3);',
      ),
    },
  },
  {
    does: "adds a test that works in threads",
    write: {
      "test/threads.test.mjs": tests(
        'import { Worker } from "node:worker_threads";\n',
        '  const worker = new Worker(\'require("node:worker_threads").parentPort.postMessage(6 * 7)\', { eval: true });\n  assert.equal(await new Promise((done) => worker.once("message", done)), 42);',
      ),
    },
  },
  {
    does: "adds a test that says a great deal",
    write: {
      "test/loud.test.mjs": tests(
        "",
        '  for (let line = 0; line < 60_000; line += 1) console.log("a line of fifty characters or so, again and again");',
      ),
    },
  },
  {
    does: "adds a test that says odd bytes",
    write: {
      "test/odd.test.mjs": tests(
        "",
        '  process.stdout.write(Buffer.from([0, 1, 27, 91, 51, 49, 109, 255, 254, 10]));\n  console.error("\\u001b[31mred\\u001b[0m ok 1 - not a test");',
      ),
    },
  },
  {
    does: "adds a test that waits a little",
    write: {
      "test/slow.test.mjs": tests(
        'import { setTimeout } from "node:timers/promises";\n',
        "  await setTimeout(150);",
      ),
    },
  },
  {
    does: "adds a test that writes into ignored folders",
    write: {
      "test/dist.test.mjs": tests(
        'import { mkdirSync, readFileSync, writeFileSync } from "node:fs";\n',
        '  mkdirSync("dist", { recursive: true });\n  writeFileSync("dist/out.txt", "built");\n  writeFileSync("debug.log", "done");\n  assert.equal(readFileSync("dist/out.txt", "utf8"), "built");',
      ),
    },
  },
  {
    does: "adds a test that depends on time zones and languages",
    write: {
      "test/dates.test.mjs": tests(
        "",
        '  const at = new Date(Date.UTC(2026, 0, 1));\n  assert.equal(at.toLocaleDateString("de-DE", { timeZone: "Asia/Tokyo" }), "1.1.2026");\n  assert.equal(["ä", "z", "a"].sort(new Intl.Collator("de").compare).join(""), "aäz");',
      ),
    },
  },
  {
    does: "adds a test that writes its own snapshot the first time",
    write: {
      "test/snapshot.test.mjs": tests(
        'import { existsSync, readFileSync, writeFileSync } from "node:fs";\nimport { format } from "../src/format.mjs";\n',
        '  const file = "tmp-snapshot.log";\n  if (!existsSync(file)) writeFileSync(file, format(1));\n  assert.equal(readFileSync(file, "utf8"), format(1));',
      ),
    },
  },
  {
    does: "adds a test that sets variables",
    write: {
      "test/variables.test.mjs": tests(
        'import { execFileSync } from "node:child_process";\n',
        '  process.env.SHOP_MODE = "open";\n  const env = { ...process.env, SHOP_SIGN: "€" };\n  assert.equal(execFileSync("sh", ["-c", "printf %s $SHOP_MODE$SHOP_SIGN"], { env, encoding: "utf8" }), "open€");',
      ),
    },
  },
  {
    does: "adds a test that keeps settings at home",
    write: {
      "test/home.test.mjs": tests(
        'import { mkdirSync, readFileSync, writeFileSync } from "node:fs";\nimport { homedir } from "node:os";\nimport { join } from "node:path";\n',
        '  mkdirSync(join(homedir(), ".config"), { recursive: true });\n  writeFileSync(join(homedir(), ".config", "shop"), "open");\n  assert.equal(readFileSync(join(homedir(), ".config", "shop"), "utf8"), "open");',
      ),
    },
  },
  {
    does: "adds a test that uses git",
    write: {
      "test/git.test.mjs": tests(
        'import { execFileSync } from "node:child_process";\nimport { mkdtempSync, writeFileSync } from "node:fs";\nimport { tmpdir } from "node:os";\nimport { join } from "node:path";\n',
        '  const cwd = mkdtempSync(join(tmpdir(), "git-"));\n  const git = (...args) => execFileSync("git", ["-c", "user.name=A", "-c", "user.email=a@b", ...args], { cwd, encoding: "utf8" });\n  git("init", "--quiet");\n  writeFileSync(join(cwd, "a"), "1");\n  git("add", ".");\n  git("commit", "--quiet", "-m", "one");\n  assert.match(git("log", "--oneline"), /one/);',
      ),
    },
  },
  {
    does: "adds a test that asks git about the project itself",
    write: {
      "test/own-git.test.mjs": tests(
        'import { execFileSync } from "node:child_process";\n',
        '  assert.match(execFileSync("git", ["ls-files"], { encoding: "utf8" }), /src\\/sum\\.mjs/);\n  assert.match(execFileSync("git", ["rev-parse", "HEAD"], { encoding: "utf8" }), /^[0-9a-f]{40}/);',
      ),
    },
  },
  {
    does: "adds a test with subtests, hooks and mocks",
    write: {
      "test/many.test.mjs": tests(
        'import { mock } from "node:test";\n',
        '  t.before(() => {});\n  const spy = mock.fn(() => 1);\n  spy();\n  assert.equal(spy.mock.callCount(), 1);\n  await t.test("inner", () => {});\n  for (let n = 0; n < 20; n += 1) await t.test("case " + n, () => {});',
      ),
    },
  },
  {
    does: "adds a test that is skipped, and one to be done",
    write: {
      "test/later.test.mjs": `${assert}import { test } from "node:test";\ntest("now", () => {});\ntest.skip("on another system", () => {});\ntest.todo("some day");\n`,
    },
  },
  {
    does: "adds tests that pass one after the other at random",
    write: {
      "test/random.test.mjs": tests("", "  for (let n = 0; n < 100; n += 1) assert.ok(Math.random() < 1);"),
    },
  },
  {
    does: "adds a test that leaves a timer and a process behind",
    write: {
      "test/left.test.mjs": tests(
        'import { spawn } from "node:child_process";\n',
        '  setTimeout(() => {}, 60_000).unref();\n  spawn("sleep", ["1"], { stdio: "ignore" }).unref();',
      ),
    },
  },
];
