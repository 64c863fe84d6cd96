import { describe, expect, it } from "vitest";
import type { ValidatorSpec } from "../../src/core/spec.js";
import { touchedTests } from "../../src/pev/protect.js";
import { check, type Over, refusedKinds } from "./protect-fixtures.js";

describe("programs that a judge of the plan starts", () => {
  const commands = (...targets: string[]): ValidatorSpec[] =>
    targets.map((target) => ({ type: "command_pass", target, params: {} }));

  it.each<[string, string]>([
    ["sh check.sh", "check.sh"],
    ["bash -eu ./ops/all.sh --fast", "ops/all.sh"],
    ["CI=1 timeout 60 sh check", "check"],
    ["cd web && ./check.sh", "web/check.sh"],
    ["./gate", "gate"],
    ["sh -c 'cd web; sh check.sh'", "web/check.sh"],
    ["sh < check.sh", "check.sh"],
    ["if ./gate; then true; fi", "gate"],
    ["out=$(sh check.sh)", "check.sh"],
    ['"./the gate"', "the gate"],
    ["node build.js", "build.js"],
    ["node --import ./hooks.mjs run-checks.mjs", "run-checks.mjs"],
    ["node --import=./scripts/hooks.mjs main.mjs", "scripts/hooks.mjs"],
    ["python3 scripts/compare.py out.json", "scripts/compare.py"],
    ["node verifySum.mjs", "verifySum.mjs"],
    ["true; node .ci/all.js | tee log", ".ci/all.js"],
  ])("%s: %s may neither change nor go", async (target, path) => {
    expect(await refusedKinds(path, { validators: commands("true", target) })).toEqual([
      "modified",
      "deleted",
      "renamed away",
    ]);
    expect(await refusedKinds(path)).toEqual([]);
    expect(await refusedKinds(path, { validators: commands(target), may: [path] })).toEqual([]);
  });

  it.each<[string, string]>([
    ["grep -q foo src/a.js", "src/a.js"],
    ["node src/main.mjs --help", "src/main.mjs"],
    ["node main.mjs check", "main.mjs"],
    ["python3 app/build.py", "app/build.py"],
    ["bin/shop.js --version", "bin/shop.js"],
    ["bash -n install.sh", "install.sh"],
    ["shellcheck scripts/deploy.sh", "scripts/deploy.sh"],
    ["test -x run.sh", "run.sh"],
    ["node --check scripts.mjs && cmp out.txt golden.txt", "golden.txt"],
  ])("%s asks for work on %s, which may change", async (target, path) => {
    expect(await refusedKinds(path, { validators: commands(target) })).toEqual([]);
  });

  const scripts = {
    before: JSON.stringify({
      scripts: {
        test: "sh t.sh",
        prebuild: "node ci/gen.js",
        build: "npm run b2",
        b2: "sh b.sh",
        start: "sh s.sh",
        toString: "sh z.sh",
      },
    }),
  };
  it.each<[ValidatorSpec, readonly string[]]>([
    [{ type: "test_pass", target: "", params: {} }, ["t.sh"]],
    [{ type: "build_pass", target: "", params: {} }, ["b.sh", "ci/gen.js"]],
    [
      { type: "command_pass", target: "yarn test && npm run build", params: {} },
      ["b.sh", "ci/gen.js", "t.sh"],
    ],
    [{ type: "test_pass", target: "./checks/sum.mjs", params: {} }, ["checks/sum.mjs", "t.sh"]],
    [{ type: "test_pass", target: "sums.py::test_a", params: {} }, ["sums.py", "t.sh"]],
    [{ type: "file_changed", target: "sh b.sh", params: {} }, []],
  ])("are looked for in the scripts of package.json too: %j", async (validator, expected) => {
    const paths = ["t.sh", "b.sh", "s.sh", "z.sh", "ci/gen.js", "checks/sum.mjs", "sums.py"];
    const changed = paths.map((path) => ({ path, change: "modified" }) as const);
    const { protectedPaths } = await check(changed, { validators: [validator], texts: scripts });
    expect(protectedPaths).toEqual(expected);
  });

  it("that go round in circles, or a package.json that is none, do no harm", async () => {
    const validators: ValidatorSpec[] = [{ type: "build_pass", target: "", params: {} }];
    const circle = JSON.stringify({ scripts: { build: "npm run build && sh b.sh" } });
    const changed = [{ path: "b.sh", change: "modified" }] as const;
    expect((await check(changed, { validators, texts: { before: circle } })).protectedPaths).toEqual([
      "b.sh",
    ]);
    for (const before of ["{", "null", "[]", '{ "scripts": 5 }'])
      expect((await check(changed, { validators, texts: { before } })).protectedPaths).toEqual([]);
  });
});

describe("tests that stand in the file they test", () => {
  const edit = async (path: string, before: string, after?: string, over: Over = {}) => {
    const texts = { before, ...(after === undefined ? {} : { after }) };
    return (await check([{ path, change: "modified" }], { ...over, texts })).protectedPaths;
  };
  const CODE = "pub fn add(a: i32) -> i32 {\n    a\n}\n";
  const RUST =
    "\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn adds() {\n        assert_eq!(1, 1);\n    }\n}\n";
  const VITEST =
    'if (import.meta.vitest) {\n  const { test } = import.meta.vitest;\n  test("a", () => {});\n}\n';

  it.each<[string, string]>([
    ["src/lib.rs", RUST],
    ["src/lib.rs", "#[tokio::test]\nasync fn adds() {}\n"],
    ["src/lib.rs", "#[cfg(all(test, unix))]\nmod tests {}\n"],
    ["src/lib.rs", "#[cfg(\n    test\n)]\nmod tests {}\n"],
    ["src/sum.ts", VITEST],
    ["src/sum.mjs", VITEST],
  ])("may not change in %s, while the code before them may: %j", async (path, tests) => {
    expect(await edit(path, CODE + tests, `// better\n${CODE}\n${tests}`)).toEqual([]);
    expect(await edit(path, CODE + tests, `${CODE}${tests}// more\n`)).toEqual([path]);
    expect(await edit(path, CODE + tests, CODE)).toEqual([path]);
    expect(await edit(path, CODE + tests, `${tests}${CODE}${tests}`)).toEqual([path]);
    expect(await edit(path, CODE + tests, `${CODE}/*\n${tests.replace("t", "T")}`)).toEqual([path]);
    expect(await edit(path, CODE + tests, undefined)).toEqual([path]);
    expect(await edit(path, CODE + tests, CODE, { may: [path] })).toEqual([]);
    expect(await edit(path, CODE, CODE + tests)).toEqual([]);
  });

  it("are recognised where Rust declares them, wherever that is, and may not be led elsewhere", async () => {
    const declared = "#[cfg(test)]\nmod tests;\n";
    expect(await edit("src/lib.rs", `mod a;\n${declared}${CODE}`, `mod a;\nmod b;\n${declared}\n`)).toEqual(
      [],
    );
    for (const after of [
      '#[cfg(test)]\n#[path = "easy.rs"]\nmod tests;\n',
      '#[path = "easy.rs"]\n#[cfg(test)]\nmod tests;\n',
      "#[cfg(test)]\nmod easy;\n",
    ])
      expect(await edit("src/lib.rs", `${declared}${CODE}`, `${after}${CODE}`)).toEqual(["src/lib.rs"]);
  });

  it("are a whole file that says so, and none where only the opposite is said", async () => {
    expect(await edit("src/a.rs", "#![cfg(test)]\nuse b;\nfn f() {}\n", "#![cfg(test)]\nuse b;\n")).toEqual([
      "src/a.rs",
    ]);
    for (const none of [
      "#[cfg(not(test))]\n",
      '#[cfg(feature = "test")]\n',
      "#[derive(Debug)]\n",
      "// #[test]\n",
    ])
      expect(await edit("src/a.rs", `${none}struct A;\n`, "struct B;\n")).toEqual([]);
  });
});

describe("files in which tests ran at the base", () => {
  const touched = (judgedBy: string[], mayChange: string[] = [], base = "") =>
    touchedTests({ judgedBy, mayChange, readBase: async () => base });

  it("may change only where the step names them", async () => {
    expect(await touched(["sum.mjs", "more.mjs"])).toEqual(["sum.mjs", "more.mjs"]);
    expect(await touched(["sum.mjs", "more.mjs"], ["more.*"])).toEqual(["sum.mjs"]);
  });

  it("are left to the comparison of their tests where they are code as well", async () => {
    const both = 'export const sum = 0;\nif (import.meta.vitest) import.meta.vitest.test("a", () => {});\n';
    expect(await touched(["src/sum.ts"], [], both)).toEqual([]);
  });
});
