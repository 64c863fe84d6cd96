import { describe, expect, it } from "vitest";
import type { ValidatorSpec } from "../../src/core/spec.js";
import { checkProtection, type ProtectInput, touchedTests } from "../../src/pev/protect.js";
import type { ChangedFile } from "../../validators/room.js";

type Texts = Partial<Record<"before" | "after", string>>;
type Over = Partial<Pick<ProtectInput, "protect" | "validators">> & {
  may?: string[];
  only?: boolean;
  texts?: Texts;
};

const check = (changed: readonly ChangedFile[], over: Over = {}) =>
  checkProtection({
    changed,
    step: { mayChange: { paths: over.may ?? [], only: over.only ?? false } },
    protect: over.protect ?? [],
    validators: over.validators ?? [],
    read: async (side) => over.texts?.[side],
  });

const changes = (path: string) =>
  ({
    added: { path, change: "added" },
    modified: { path, change: "modified" },
    deleted: { path, change: "deleted" },
    "renamed away": { path: "src/other.txt", change: "renamed", from: path },
    "renamed here": { path, change: "renamed", from: "src/other.txt" },
  }) as const satisfies Record<string, ChangedFile>;
type Kind = keyof ReturnType<typeof changes>;
const KINDS: readonly Kind[] = ["added", "modified", "deleted", "renamed away", "renamed here"];

/** The kinds of change to this path that are refused. */
const refusedKinds = async (path: string, over: Over = {}): Promise<Kind[]> => {
  const refused: Kind[] = [];
  for (const kind of KINDS) {
    const { protectedPaths } = await check([changes(path)[kind]], over);
    expect([[], [path]]).toContainEqual(protectedPaths);
    if (protectedPaths.length > 0) refused.push(kind);
  }
  return refused;
};

describe("what decides how work is judged", () => {
  it.each([
    "vitest.config.ts",
    "packages/a/vite.config.mjs",
    "jest.config.js",
    ".mocharc",
    ".mocharc.json",
    ".babelrc",
    "vitest.setup.ts",
    "vitest.workspace.ts",
    "tsconfig.json",
    "tsconfig.build.json",
    "app/tsconfig.test.json",
    ".npmrc",
    "pnpm-workspace.yaml",
    "package-lock.json",
    "yarn.lock",
    "conftest.py",
    "tests/unit/conftest.py",
    "pytest.ini",
    "tox.ini",
    "setup.cfg",
    "pyproject.toml",
    "sitecustomize.py",
    "poetry.lock",
    "Cargo.toml",
    "Cargo.lock",
    "build.rs",
    ".cargo/config.toml",
    "crates/a/.cargo/config.toml",
    "go.mod",
    "go.sum",
    "go.work",
    "Makefile",
    "tools/GNUmakefile",
    "pom.xml",
    ".mvn/maven.config",
    "mvnw",
    "node_modules/vitest/index.js",
    "web/node_modules/.bin/vitest",
    ".venv/bin/python",
    ".github/workflows/ci.yml",
    ".gitlab-ci.yml",
    "Jenkinsfile",
    ".gitattributes",
    "deep/.gitattributes",
    ".gitmodules",
    ".env",
    ".env.test",
    "server/.env.local",
    "runledger.yaml",
    "VITEST.CONFIG.TS",
    "Tsconfig.JSON",
    "vitest.unit.config.mts",
    "karma.conf.js",
    "jest-setup.js",
    "src/setupTests.ts",
    ".pytest.ini",
    "pytest.toml",
    ".pytest.toml",
    "jsconfig.json",
    ".yarn/releases/yarn-4.1.0.cjs",
    ".yarn/plugins/evil.cjs",
    ".pnp.cjs",
    ".pnp.loader.mjs",
    ".pnpmfile.cjs",
    "turbo.json",
    "nx.json",
    "gulpfile.mjs",
    "Gruntfile.js",
    "bunfig.toml",
    "deno.json",
    "deno.jsonc",
    ".python-version",
    ".tool-versions",
    "requirements.txt",
    "requirements-dev.txt",
    "src/__mocks__/fs.js",
    "__mocks__/axios.ts",
    "node_modules",
  ])("%s may be neither added, changed, removed nor moved", async (path) => {
    expect(await refusedKinds(path)).toEqual(KINDS);
  });

  it.each([
    "test/sum.test.mjs",
    "src/sum.test.ts",
    "src/sum.spec.tsx",
    "src/__tests__/sum.js",
    "calc_test.go",
    "test_calc.py",
    "pkg/calc_test.py",
    "tests/data/golden.json",
    "spec/models.rb",
    "src/test/java/CalcTest.java",
    "CalcTest.java",
    "CalcIT.java",
    "SRC/SUM.TEST.TS",
    "test.mjs",
    "spec.js",
    "tests.ts",
    "sum-test.mjs",
    "lib/sum_test.cjs",
    "test-sum.mjs",
    "src/sum.test-d.ts",
    "src/sum.cy.tsx",
    "e2e/login.ts",
    "login.e2e.ts",
    "cypress/support/commands.js",
    "shop/tests.py",
    "testShop.py",
    "src/testing.py",
    "src/tests.rs",
    "src/calc_test.rs",
    "ITCalc.java",
    "TestCalc.java",
    "CalcTestCase.kt",
    "calc/testdata/golden.json",
    "src/__snapshots__/sum.js.snap",
    "src/sum.snap",
    "src/__fixtures__/a.json",
    "tests/fixtures/a.json",
    "e2e/login-snapshots/chromium.png",
  ])("%s may be added, but neither changed, removed nor moved away", async (path) => {
    expect(await refusedKinds(path)).toEqual(["modified", "deleted", "renamed away"]);
  });

  it.each([
    "src/sum.mjs",
    "src/contest.py",
    "src/latest.ts",
    "attestation/readme.md",
    "README.md",
    "config/vitest.ts",
    "src/environment.ts",
    ".envrc.md",
    "docs/runledger.yaml",
    "src/tsconfig.md",
    "src/my-tests.md",
    "src/Commit.java",
    "src/Latest.java",
    "src/Iterator.java",
    "src/contest-sum.js",
    "src/bench.js",
    "fixtures/seed.sql",
    "specs/design.md",
    "src/turbo.ts",
    "docs/requirements.md",
    "src/pytest.ts",
  ])("%s is nobody's judge and may change freely", async (path) => {
    expect(await refusedKinds(path)).toEqual([]);
  });
});

describe("may_change", () => {
  it.each<[string, string[]]>([
    ["by name", ["test/sum.test.mjs"]],
    ["by glob", ["test/**"]],
    ["by extension", ["**/*.test.mjs"]],
    ["by folder", ["test"]],
    ["by folder with a slash", ["./test/"]],
    ["in another case", ["TEST/Sum.test.mjs"]],
  ])("lifts the protection of what it names: %s", async (_how, may) => {
    expect(await refusedKinds("test/sum.test.mjs", { may })).toEqual([]);
  });

  it("lifts nothing beside what it names", async () => {
    const may = ["test/sum.test.mjs"];
    expect(await refusedKinds("test/tax.test.mjs", { may })).toEqual(["modified", "deleted", "renamed away"]);
    expect(await refusedKinds("test/sum.test.mjs.snap", { may: ["test/sum"] })).not.toEqual([]);
    const both = await check([{ path: "new/a.test.ts", change: "renamed", from: "old/a.test.ts" }], {
      may: ["new/**"],
    });
    expect(both.protectedPaths).toEqual(["old/a.test.ts"]);
  });

  it("names literally what looks like a glob", async () => {
    const may = ["app/[id]/page.test.tsx"];
    expect(await refusedKinds("app/[id]/page.test.tsx", { may })).toEqual([]);
  });

  it("with only, refuses every path outside, and tells it apart from a protected one", async () => {
    const over = { may: ["src/**"], only: true };
    const found = await check(
      [
        { path: "src/a.ts", change: "modified" },
        { path: "README.md", change: "modified" },
        { path: "src/b.ts", change: "renamed", from: "lib/b.ts" },
        { path: "test/a.test.ts", change: "deleted" },
      ],
      over,
    );
    expect(found).toEqual({
      outside: ["README.md", "lib/b.ts", "test/a.test.ts"],
      protectedPaths: ["test/a.test.ts"],
    });
    expect(await check([{ path: "a.ts", change: "added" }], { may: [], only: true })).toMatchObject({
      outside: ["a.ts"],
    });
  });
});

describe("protect of the plan and the settings", () => {
  it.each<[string, string[]]>([
    ["a glob", ["docs/contract/**"]],
    ["a folder", ["docs/contract"]],
    ["a folder with a slash", ["docs/contract/"]],
    ["a name", ["docs/contract/api.md"]],
    ["one of several", ["x/**", "**/api.*"]],
  ])("keeps what %s names from any change: %j", async (_what, protect) => {
    expect(await refusedKinds("docs/contract/api.md", { protect })).toEqual(KINDS);
    expect(await refusedKinds("docs/contracts.md", { protect })).toEqual([]);
  });

  it("gives way to a step that names the path", async () => {
    const over = { protect: ["docs/**"], may: ["docs/api.md"] };
    expect(await refusedKinds("docs/api.md", over)).toEqual([]);
    expect(await refusedKinds("docs/other.md", over)).toEqual(KINDS);
  });
});

describe("package.json", () => {
  const was = {
    name: "shop",
    version: "1.0.0",
    description: "a shop",
    type: "module",
    scripts: { test: "node --test" },
    dependencies: { zod: "^4.0.0" },
  };
  const edited = async (
    after: unknown,
    change: ChangedFile["change"] = "modified",
    path = "package.json",
  ) => {
    const texts: Texts = {
      before: JSON.stringify(was),
      ...(after === undefined ? {} : { after: typeof after === "string" ? after : JSON.stringify(after) }),
    };
    return (await check([{ path, change }], { texts })).protectedPaths;
  };

  it("may change in what does not decide how the project is built and judged", async () => {
    expect(await edited({ ...was, version: "1.0.1", description: "a better shop", files: ["dist"] })).toEqual(
      [],
    );
    expect(await edited(JSON.stringify({ ...was, private: true }, null, 8))).toEqual([]);
    expect(await edited({ ...was, keywords: [] }, "modified", "packages/a/package.json")).toEqual([]);
  });

  it.each([
    ...[
      "scripts",
      "type",
      "dependencies",
      "devDependencies",
      "optionalDependencies",
      "overrides",
      "resolutions",
    ],
    ...["packageManager", "workspaces", "engines", "jest", "vitest", "mocha", "ava", "c8", "babel", "pnpm"],
    // Under these a package finds itself, in the place of what it should load.
    ...["name", "exports", "imports", "main", "module", "bin", "browser"],
    "whatever a runner will ask for next",
  ])("may not change in %s: neither set, changed nor removed", async (key) => {
    expect(await edited({ ...was, [key]: "other" })).toEqual(["package.json"]);
    const { [key]: _gone, ...without } = was as Record<string, unknown>;
    expect(await edited(without)).toEqual(key in was ? ["package.json"] : []);
  });

  it("may be written in another order, but what it exports may not", async () => {
    const { name, ...rest } = was;
    expect(await edited({ ...rest, name })).toEqual([]);
    const conditions = { ...was, exports: { node: "./a.js", default: "./b.js" } };
    const swapped = { ...was, exports: { default: "./b.js", node: "./a.js" } };
    const texts = { before: JSON.stringify(conditions), after: JSON.stringify(swapped) };
    const { protectedPaths } = await check([{ path: "package.json", change: "modified" }], { texts });
    expect(protectedPaths).toEqual(["package.json"]);
  });

  it("may not become unreadable, vanish, or be no object", async () => {
    for (const after of ["{", "", "null", "[]", "5", undefined])
      expect(await edited(after), String(after)).toEqual(["package.json"]);
    expect(await edited(undefined, "deleted")).toEqual(["package.json"]);
  });

  it("may be added where it says nothing of that, in any folder", async () => {
    const added = async (text: string) =>
      (await check([{ path: "packages/b/package.json", change: "added" }], { texts: { after: text } }))
        .protectedPaths;
    expect(await added('{ "version": "1.0.0", "private": true }')).toEqual([]);
    expect(await added('{ "name": "vitest" }')).toEqual(["packages/b/package.json"]);
    expect(await added('{ "scripts": { "test": "true" } }')).toEqual(["packages/b/package.json"]);
    expect(await added("not json")).toEqual(["packages/b/package.json"]);
  });

  it("may not be added as a link or larger than can be read", async () => {
    const { protectedPaths } = await check([{ path: "packages/b/package.json", change: "added" }]);
    expect(protectedPaths).toEqual(["packages/b/package.json"]);
  });

  it("may change altogether where the step names it", async () => {
    const texts = { before: JSON.stringify(was), after: "{}" };
    expect(
      await check([{ path: "package.json", change: "modified" }], { texts, may: ["package.json"] }),
    ).toEqual({
      protectedPaths: [],
      outside: [],
    });
  });
});

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
