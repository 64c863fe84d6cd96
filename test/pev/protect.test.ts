import { describe, expect, it } from "vitest";
import { checkProtection, type ProtectInput } from "../../src/pev/protect.js";
import type { ChangedFile } from "../../validators/room.js";

type Texts = Partial<Record<"before" | "after", string>>;

const check = (
  changed: readonly ChangedFile[],
  over: Partial<Pick<ProtectInput, "protect">> & { may?: string[]; only?: boolean; texts?: Texts } = {},
) =>
  checkProtection({
    changed,
    step: { mayChange: { paths: over.may ?? [], only: over.only ?? false } },
    protect: over.protect ?? [],
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
const refusedKinds = async (path: string, over: Parameters<typeof check>[1] = {}): Promise<Kind[]> => {
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
    "src/testing.py",
    "src/my-tests.md",
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
    "scripts",
    "packageManager",
    "dependencies",
    "devDependencies",
    "peerDependencies",
    "optionalDependencies",
    "overrides",
    "resolutions",
    "jest",
    "vitest",
    "mocha",
    "ava",
    "nyc",
    "c8",
    "babel",
    "imports",
    "type",
  ])("may not change in %s: neither set, changed nor removed", async (key) => {
    expect(await edited({ ...was, [key]: "other" })).toEqual(["package.json"]);
    const { [key]: _gone, ...without } = was as Record<string, unknown>;
    expect(await edited(without)).toEqual(key in was ? ["package.json"] : []);
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
    expect(await added('{ "name": "b" }')).toEqual([]);
    expect(await added('{ "scripts": { "test": "true" } }')).toEqual(["packages/b/package.json"]);
    expect(await added("not json")).toEqual(["packages/b/package.json"]);
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
