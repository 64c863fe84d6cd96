import { linkSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { captureTree } from "../../src/pev/capture.js";
import { captureBase } from "../../src/pev/checkout.js";
import { coneOf } from "../../src/pev/cone.js";
import { openPrivateStore } from "../../src/pev/git.js";
import { createWorkspace } from "../../src/pev/workspace.js";
import { NO_SECRETS } from "../helpers/no-secrets.js";
import { tempFolder, userRepository } from "../helpers/repositories.js";
import { check, KINDS, refusedKinds } from "./protect-fixtures.js";

const NFC = "prüf";
const NFD = NFC.normalize("NFD");

describe("another spelling of a protected name", () => {
  it.each([
    ["upper case", "Jest.Config.JS"],
    ["the Kelvin sign", "ma\u212aefile"],
    ["letters that some file systems do not see", "conftest\u200c.py"],
    ["a folder with a line break", "some\nwhere/conftest.py"],
    ["a line break of another kind", "some\u2028where/vitest.config.ts"],
    ["a line break in a name", "vitest.wo\nrk.config.ts"],
  ])("is protected with it: %s", async (_, path) => expect(await refusedKinds(path)).toEqual(KINDS));

  it.each([
    [`${NFC}/**`, `${NFD}/a.txt`],
    [`${NFD}/**`, `${NFC}/a.txt`],
    [NFC, `${NFD}/a.txt`],
    ["docs/*.md", "docs/a\nb.md"],
    ["docs/**", "docs/a\nb/c.md"],
  ])("is what a glob means: %j, %j", async (glob, path) => {
    expect(await refusedKinds(path, { protect: [glob] })).toEqual(KINDS);
    expect(await refusedKinds(path, { protect: [glob], may: [glob] })).toEqual([]);
  });

  it("takes a test's place where letter case does not count, so it may not be added", async () => {
    const base = ["test/sum.test.mjs", "check.sh"];
    const validators = [{ type: "command_pass", target: "sh check.sh", params: {} } as const];
    const added = async (path: string) =>
      (await check([{ path, change: "added" }], { base, validators })).violations.map(({ rule }) => rule);
    expect(await added("test/Sum.test.mjs")).toEqual(["base_test"]);
    expect(await added("Check.sh")).toEqual(["judge_program"]);
    expect(await added("test/more.test.mjs")).toEqual([]);
    expect(await added("check2.sh")).toEqual([]);
  });

  it("but letters that only look alike make another name, which no runner looks for", async () => {
    expect(await refusedKinds("c\u043enftest.py")).toEqual([]);
  });
});

describe("what stands in the place of a protected file", () => {
  const TEST = "test/a.test.mjs";
  const acts: Readonly<Record<string, (at: (path: string) => string) => void>> = {
    "a link to another file": (at) => {
      rmSync(at(TEST));
      symlinkSync("../src/easy.mjs", at(TEST));
    },
    "a second name of another file": (at) => {
      rmSync(at(TEST));
      linkSync(at("src/easy.mjs"), at(TEST));
    },
    "the file, changed under a second name": (at) => {
      linkSync(at(TEST), at("src/other.mjs"));
      writeFileSync(at("src/other.mjs"), "// changed\n");
    },
    "a link to another folder": (at) => {
      renameSync(at("test"), at("moved"));
      symlinkSync("src", at("test"));
    },
    "another mode": (at) => {
      rmSync(at(TEST));
      writeFileSync(at(TEST), "// hard\n", { mode: 0o755 });
    },
  };
  it.each(Object.entries(acts))("%s", async (_, act) => {
    const store = await openPrivateStore(join(tempFolder(), "store.git"));
    const projectDir = userRepository({ [TEST]: "// hard\n", "src/easy.mjs": "// easy\n" });
    const options = { allowDirty: [], includeUncommitted: false, redactor: NO_SECRETS };
    const { commit } = await captureBase({ store, projectDir, runId: "run", ...options });
    const folder = join(tempFolder(), "work");
    await createWorkspace({ store, folder, commit, cone: coneOf([]) });
    act((path) => join(folder, path));
    const given = {
      store,
      folder,
      baseCommit: commit,
      alsoPaths: [],
      leftOut: [],
      cone: coneOf([]),
      redactor: NO_SECRETS,
    };
    const { changed } = await captureTree(given);
    const { violations } = await check(changed, { base: [TEST, "src/easy.mjs"] });
    expect(violations).toMatchObject([{ path: TEST, rule: "base_test" }]);
  });
});

describe("violations", () => {
  it("name each path with what happened to it and what protects it", async () => {
    const { violations } = await check(
      [
        { path: "vitest.config.ts", change: "added" },
        { path: "docs/api.md", change: "deleted" },
        { path: "src/a.mjs", change: "renamed", from: "test/a.test.mjs" },
        { path: "gate.sh", change: "modified" },
        { path: "package.json", change: "modified" },
        { path: "src/fine.mjs", change: "modified" },
      ],
      {
        protect: ["**/*.sql", "docs/**"],
        validators: [{ type: "command_pass", target: "sh gate.sh", params: {} }],
        texts: {
          before: '{ "scripts": { "test": "vitest" }, "version": "1" }',
          after: '{ "scripts": { "test": "true" }, "packageManager": "x@1", "version": "2" }',
        },
      },
    );
    expect(violations).toEqual([
      { path: "docs/api.md", change: "deleted", rule: "plan", names: ["docs/**"] },
      { path: "gate.sh", change: "modified", rule: "judge_program", names: [] },
      {
        path: "package.json",
        change: "modified",
        rule: "package_json",
        names: ["packageManager", "scripts"],
      },
      { path: "test/a.test.mjs", change: "renamed", rule: "base_test", names: [] },
      { path: "vitest.config.ts", change: "added", rule: "judge_config", names: [] },
    ]);
  });
});

describe("package.json#KEY in may_change", () => {
  const before = '{ "dependencies": { "a": "1" }, "scripts": { "test": "vitest" }, "version": "1" }';
  const asked = async (after: string, may: string[], more: { only?: boolean; path?: string } = {}) => {
    const { path = "package.json", only = false } = more;
    const found = await check([{ path, change: "modified" }], { may, only, texts: { before, after } });
    return [...found.violations.flatMap(({ names }) => names), ...found.outside];
  };
  const newDependency = before.replace('"1" }', '"1", "b": "2" }');

  it("lets that key change, and no other", async () => {
    expect(await asked(newDependency, [])).toEqual(["dependencies"]);
    expect(await asked(newDependency, ["package.json#dependencies"])).toEqual([]);
    expect(await asked(newDependency, ["package.json#devDependencies"])).toEqual(["dependencies"]);
    const cheat = newDependency.replace("vitest", "true");
    expect(await asked(cheat, ["package.json#dependencies"])).toEqual(["scripts"]);
    expect(await asked(cheat, ["package.json#dependencies", "package.json#scripts"])).toEqual([]);
    const unreadable = { may: ["package.json#dependencies"], texts: { before, after: "not JSON" } };
    expect((await check([{ path: "package.json", change: "modified" }], unreadable)).violations).toEqual([
      { path: "package.json", change: "modified", rule: "package_json", names: [] },
    ]);
  });

  it("is about the file that it names, or those that its glob matches", async () => {
    const path = "packages/b/package.json";
    expect(await asked(newDependency, ["package.json#dependencies"], { path })).toEqual(["dependencies"]);
    for (const glob of ["packages/b/package.json", "packages/*/package.json", "**/package.json"])
      expect(await asked(newDependency, [`${glob}#dependencies`], { path })).toEqual([]);
  });

  it("with only, nothing else in the file may change, not even what is free", async () => {
    const only = { only: true };
    expect(await asked(newDependency, ["package.json#dependencies"], only)).toEqual([]);
    const more = newDependency.replace('"version": "1"', '"version": "2"');
    expect(await asked(more, ["package.json#dependencies"])).toEqual([]);
    expect(await asked(more, ["package.json#dependencies"], only)).toEqual(["package.json"]);
  });

  it("does not open the lockfile", async () => {
    const may = ["package.json#dependencies"];
    expect(await refusedKinds("package-lock.json", { may })).toEqual(KINDS);
  });
});
