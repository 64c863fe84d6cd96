import { afterAll, describe, expect, test } from "vitest";
import type { Judgement } from "../../src/core/verdict.js";
import { judge } from "../../validators/index.js";
import { closeLocalRooms, has, localRoom, type Sample } from "../helpers/local-room.js";

const run = async (sample: Sample, target = ""): Promise<Judgement> =>
  judge({ type: "build_pass", target, params: {} }, await localRoom(sample));

afterAll(closeLocalRooms);

const toolchains = [
  { name: "go", program: "go", version: "version", fixture: "go", code: "calc.go" },
  { name: "node", program: "npm", version: "--version", fixture: "node", code: "calc.mjs" },
  { name: "python", program: "python3", version: "--version", fixture: "pytest", code: "calc.py" },
  { name: "rust", program: "cargo", version: "--version", fixture: "rust", code: "src/lib.rs" },
];

for (const { name, program, version, fixture, code } of toolchains) {
  const absent = !has(program, version);
  describe.skipIf(absent)(
    `a ${name} project${absent ? ` (skipped: ${program} is not installed)` : ""}`,
    () => {
      test("builds", async () => {
        expect(await run({ fixture })).toMatchObject({
          outcome: "passed",
          reason: "ok",
          exitCode: 0,
          counts: null,
        });
      });

      test("does not build with a syntax error, and the tail shows it", async () => {
        const judgement = await run({ fixture, change: { [code]: "(((" } });
        expect(judgement).toMatchObject({ outcome: "failed", reason: "check_failed" });
        expect(judgement.tail).toContain(code.split("/").at(-1));
      });

      test("cannot be built without its program", async () => {
        const judgement = await run({ fixture, noPath: true });
        expect(judgement).toMatchObject({ outcome: "errored", reason: "toolchain_missing" });
        expect(judgement.hint).toContain(`"${program}"`);
      });
    },
  );
}

describe("a build", () => {
  const noGo = !has("go", "version");
  test.skipIf(noGo)(
    `of one go program writes none into the tree${noGo ? " (skipped: no go)" : ""}`,
    async () => {
      const main = {
        "main.go": "package main\n\nfunc main() {}\n",
        "go.mod": "module sample.test/tool\n\ngo 1.21\n",
      };
      const room = await localRoom({ both: main });
      expect(await judge({ type: "build_pass", target: ".", params: {} }, room)).toMatchObject({
        outcome: "passed",
      });
      expect(await room.list(".")).toEqual(["go.mod", "main.go"]);
    },
  );

  test("of a python project leaves nothing in the tree and skips what is not its own", async () => {
    const room = await localRoom({
      fixture: "pytest",
      both: { ".venv/lib/odd.py": "(((", "node_modules/a/b.py": "(((" },
    });
    expect(await judge({ type: "build_pass", target: "", params: {} }, room)).toMatchObject({
      outcome: "passed",
    });
    expect(await room.list(".")).not.toContain("__pycache__");
  });

  test("of a python project is not done by a module of the tree that bears the compiler's name", async () => {
    const change = { "compileall.py": "import sys\nsys.exit(0)\n", "calc.py": "(((" };
    expect(await run({ fixture: "pytest", change })).toMatchObject({
      outcome: "failed",
      reason: "check_failed",
    });
  });

  test("of a package without a build script needs another validator", async () => {
    const judgement = await run({ fixture: "vitest" });
    expect(judgement).toMatchObject({ outcome: "errored", reason: "toolchain_unknown" });
  });

  test.each([
    ["npm", {}, ["npm", "run", "build", "--workspace=part"]],
    ["pnpm", { "pnpm-lock.yaml": "" }, ["pnpm", "--filter=part", "run", "build"]],
    ["yarn", { "yarn.lock": "" }, ["yarn", "workspace", "part", "build"]],
  ])("of one workspace is asked from %s", async (program, both, command) => {
    const judgement = await run({ fixture: "node", both, programs: { [program]: "exit 0" } }, "part");
    expect(judgement).toMatchObject({ outcome: "passed", command });
  });

  test.each([
    ["go", "go", ["go", "build", "-o", "/dev/null", "--", "./part"]],
    ["rust", "cargo", ["cargo", "build", "--package=./part"]],
    ["java", "mvn", ["mvn", "-q", "-B", "--projects=./part", "--also-make", "compile"]],
  ])("of one part of a %s project names it", async (fixture, program, command) => {
    const judgement = await run({ fixture, programs: { [program]: "exit 0" } }, "./part");
    expect(judgement).toMatchObject({ outcome: "passed", command });
  });
});
