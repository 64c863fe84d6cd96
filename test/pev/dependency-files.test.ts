import { describe, expect, it } from "vitest";
import { isInstalled, isLockfile } from "../../src/pev/dependency-files.js";
import { hasLockfile, setupKey } from "../../src/pev/setup-key.js";
import { check, KINDS, refusedKinds } from "./protect-fixtures.js";

const LOCKFILES = [
  "package-lock.json",
  "web/npm-shrinkwrap.json",
  "yarn.lock",
  "pnpm-lock.yaml",
  "bun.lock",
  "bun.lockb",
  "deno.lock",
  "uv.lock",
  "poetry.lock",
  "pdm.lock",
  "Pipfile.lock",
  "pylock.toml",
  "pylock.dev.toml",
  "Cargo.lock",
  "go.sum",
  "go.work.sum",
  "Gemfile.lock",
  "composer.lock",
];
const REQUIREMENTS = [
  "requirements.txt",
  "requirements-dev.txt",
  "dev-requirements.txt",
  "test_requirements.in",
  "requirements/dev.txt",
  "app/requirements/base.in",
];
const OTHERS = [
  "constraints.txt",
  "dev-constraints.txt",
  "Pipfile",
  "pyproject.toml",
  "Cargo.toml",
  ".cargo/config.toml",
  "go.mod",
  "go.work",
  "Gemfile",
  ".bundle/config",
  "composer.json",
  ".npmrc",
  ".yarnrc.yml",
  ".pnp.cjs",
  "bunfig.toml",
  ".nvmrc",
  ".yarn/releases/yarn-4.cjs",
  ".yarn/cache/assert-npm-1.zip",
  ".yarn/unplugged/assert/index.js",
  ".yarn/patches/assert.patch",
  "patches/assert+1.0.0.patch",
  "web/patches/@scope/assert@1.0.0.patch",
];

const keyOf = (path: string, oid: string) =>
  setupKey({
    setup: [["true"]],
    paths: ["deps"],
    entries: [{ mode: "100644", oid, path }],
    environment: {},
    passEnv: [],
    laid: [],
  });

describe("what decides which packages are there", () => {
  it.each([...LOCKFILES, ...REQUIREMENTS, ...OTHERS])(
    "%s is protected, and a tree with another one is set up anew",
    async (path) => {
      expect(await refusedKinds(path)).toEqual(KINDS);
      expect(await keyOf(path, "1")).not.toBe(await keyOf(path, "2"));
    },
  );

  it.each([
    "node_modules/assert/index.js",
    "vendor/bundle/ruby/3.3.0/gems/rspec/lib/rspec.rb",
    "vendor/cache/rspec-3.gem",
    "server/vendor/modules.txt",
    "vendor/composer/installed.json",
    "crates/serde/.cargo-checksum.json",
  ])("%s, a package in the tree or what says that they are there, is protected", async (path) => {
    expect(await refusedKinds(path)).toEqual(KINDS);
    expect(isInstalled(path)).toBe(true);
  });

  it.each([
    "src/patches/apply.ts",
    "db/patches/001.sql",
    "src/requirements.ts",
    "docs/requirements/login.md",
    ".yarn/versions/1a2b.yml",
    "src/cache/store.ts",
    "src/constraints.py",
  ])("%s is ordinary, and changes nothing", async (path) => {
    expect(await refusedKinds(path)).toEqual([]);
    expect(await keyOf(path, "1")).toBe(await keyOf(path, "2"));
  });

  it("says exactly what is installed when a person or a program has written it down", () => {
    const entry = (path: string) => ({ mode: "100644", oid: "1", path });
    for (const path of [...LOCKFILES, ...REQUIREMENTS]) expect(hasLockfile([entry(path)])).toBe(true);
    for (const path of OTHERS) expect(hasLockfile([entry(path)])).toBe(false);
    expect([...LOCKFILES, ...REQUIREMENTS, ...OTHERS].filter(isLockfile)).toEqual(LOCKFILES);
  });
});

describe("packages that lie in the tree", () => {
  it.each([
    ["vendor/modules.txt", "vendor/example.test/assert/assert.go"],
    ["server/vendor/modules.txt", "server/vendor/example.test/assert/assert.go"],
    ["Vendor/modules.txt", "vendor/example.test/assert/assert.go"],
    ["vendor/composer/installed.json", "vendor/phpunit/phpunit/src/Framework/Assert.php"],
    ["third/assert/.cargo-checksum.json", "third/assert/src/lib.rs"],
  ])("are protected where %s says so: %s", async (mark, path) => {
    expect(await refusedKinds(path)).toEqual([]);
    expect(await refusedKinds(path, { base: [mark] })).toEqual(KINDS);
    expect(await refusedKinds(path, { base: [mark], may: [path] })).toEqual([]);
  });

  it("that a proposal brings are protected too, whoever may say that they are there", async () => {
    const changed = ["vendor/modules.txt", "vendor/example.test/assert/assert.go", "src/a.go"];
    const { protectedPaths } = await check(
      changed.map((path) => ({ path, change: "added" })),
      { may: ["vendor/modules.txt"] },
    );
    expect(protectedPaths).toEqual(["vendor/example.test/assert/assert.go"]);
  });

  it.each([
    "src/vendor/x.ts",
    "vendor/jquery.js",
    "vendored/a.go",
    "src/vendor/bundle/index.js",
    "modules.txt",
  ])("leave alone what is only called like them: %s", async (path) =>
    expect(await refusedKinds(path, { base: ["server/vendor/modules.txt"] })).toEqual([]),
  );
});
