import { describe, expect, it } from "vitest";
import { check, KINDS, refusedKinds } from "./protect-fixtures.js";

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
    expect(found).toMatchObject({
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
