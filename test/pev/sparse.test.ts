import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { requireFolders } from "../../src/pev/checkout.js";
import { coneOf, conePatterns, isInCone } from "../../src/pev/cone.js";
import { listTree } from "../../src/pev/objects.js";
import { openBench, planOfSteps, stepBy } from "../helpers/bench.js";
import { makeSample, onePlan, person, type Sample, SESSION } from "../helpers/project.js";
import { git, userRepository, write } from "../helpers/repositories.js";
import { capture, startWork } from "./work.js";

const MONOREPO = {
  "package.json": "{}\n",
  ".gitignore": "dist\n",
  "packages/README.md": "x\n",
  "packages/a/index.js": "a\n",
  "packages/a/deep/er.js": "a\n",
  "packages/ab/index.js": "not a\n",
  "packages/b/index.js": "b\n",
  "tools/lint/run.js": "x\n",
  "tools/run.sh": "x\n",
};
const IN_A = [
  ".gitignore",
  "package.json",
  "packages/README.md",
  "packages/a/deep/er.js",
  "packages/a/index.js",
];

describe("a cone", () => {
  it("has its folders whole, and of the folders above them the files", () => {
    const cone = coneOf(["./packages/a/", "tools/lint"]);
    const paths = [...Object.keys(MONOREPO), "tools/lint/deep/x"];
    expect(paths.filter((path) => isInCone(cone, path)).sort()).toEqual(
      [...IN_A, "tools/lint/deep/x", "tools/lint/run.js", "tools/run.sh"].sort(),
    );
    expect(paths.filter((path) => isInCone(coneOf([]), path))).toEqual(paths);
  });

  it("says so in the words of git", () => {
    const folder = userRepository(MONOREPO);
    git(folder, "sparse-checkout", "set", "--cone", "packages/a", "tools/lint");
    const theirs = git(folder, "sparse-checkout", "list");
    write(folder, { ".git/info/sparse-checkout": conePatterns(coneOf(["packages/a", "tools/lint"])) });
    expect(git(folder, "sparse-checkout", "list")).toBe(theirs);
  });
});

const IN_PACKAGE_A = { sparse: ["packages/a"] };

const filesBelow = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .filter((path) => !path.startsWith(".git/"))
    .sort();

describe("a sparse workspace", () => {
  it("has the cone alone, and its own git finds nothing missing", async () => {
    const { folder } = await startWork(MONOREPO, IN_PACKAGE_A);
    expect(filesBelow(folder)).toEqual([...IN_A].sort());
    expect(git(folder, "status", "--porcelain")).toBe("");
    expect(git(folder, "sparse-checkout", "list")).toBe("packages/a");
    expect(git(folder, "ls-files").split("\n")).toHaveLength(Object.keys(MONOREPO).length);
    git(folder, "fsck", "--strict");
    write(folder, { "packages/a/index.js": "changed\n" });
    git(folder, "commit", "--all", "--quiet", "-m", "mine");
    expect(git(folder, "show", "--name-only", "--format=")).toBe("packages/a/index.js");
  });

  it("proposes what changed in it, and all else stays as it was", async () => {
    const work = await startWork(MONOREPO, IN_PACKAGE_A);
    const unchanged = await capture(work);
    expect(unchanged.changes).toEqual([]);
    expect(await listTree(work.store, unchanged.tree)).toHaveLength(9);
    rmSync(join(work.folder, "packages/a/deep"), { recursive: true });
    write(work.folder, { "packages/a/new.js": "n\n", "top.txt": "t\n", "packages/a/index.js": "changed\n" });
    expect((await capture(work)).changes.sort()).toEqual([
      "added packages/a/new.js",
      "added top.txt",
      "deleted packages/a/deep/er.js",
      "modified packages/a/index.js",
    ]);
  });

  it.each<[string, (folder: string) => void, string]>([
    ["a new file", (at) => write(at, { "packages/c/x.js": "x" }), "packages/c/x.js"],
    ["a file of the base anew", (at) => write(at, { "packages/b/index.js": "b\n" }), "packages/b/index.js"],
    ["a file in place of a folder", (at) => writeFileSync(join(at, "packages/b"), "x"), "packages/b"],
    ["a link in place of a folder", (at) => symlinkSync("packages/a", join(at, "tools")), "tools"],
  ])("is refused with %s outside of the cone", async (_, work, path) => {
    const started = await startWork(MONOREPO, IN_PACKAGE_A);
    work(started.folder);
    await expect(capture(started)).rejects.toMatchObject({
      code: "workspace_unfit",
      details: { path, reason: expect.stringMatching(/workspace\.sparse|not laid out/) },
    });
  });

  it("may hold ignored files and empty folders anywhere", async () => {
    const work = await startWork(MONOREPO, IN_PACKAGE_A);
    write(work.folder, { "packages/c/dist/x.js": "x" });
    mkdirSync(join(work.folder, "empty/deep"), { recursive: true });
    expect((await capture(work)).changes).toEqual([]);
  });
});

it("a folder that the commit does not have is refused, for its judge would see nothing", async () => {
  const { store, base } = await startWork(MONOREPO);
  await requireFolders(store, base, ["packages/a", "tools"]);
  for (const none of ["packages/none", "packages/README.md", "packages/*"])
    await expect(requireFolders(store, base, ["tools", none])).rejects.toMatchObject({
      code: "settings_invalid",
      message: expect.stringContaining(`"${none}"`),
    });
});

let sample: Sample | undefined;
afterEach(async () => {
  await sample?.dispose();
  sample = undefined;
});

describe("a sparse run", () => {
  it("judges the cone alone, step after step, and its head keeps all the rest", async () => {
    const settings = "workspace: { sparse: [packages/a] }\n";
    sample = await makeSample({ ...MONOREPO, "runledger.yaml": settings });
    const seen: boolean[] = [];
    const app = await sample.open({
      coder: async ({ workspace, stepId }) => {
        seen.push(existsSync(join(workspace, "packages/b")));
        await writeFile(join(workspace, `packages/a/${stepId}.js`), "x\n");
        return "done";
      },
    });
    const judge = (id: string) =>
      `test -f packages/a/${id}.js && test -f package.json && test ! -e packages/b && test -z "$(git status --porcelain)"`;
    const step = (id: string, more = {}) =>
      onePlan({ id, validator: { type: "command_pass", target: judge(id) }, max_retries: 0, ...more })
        .steps[0];
    const plan = { goal: "two", steps: [step("one"), step("two", { depends_on: ["one"] })] };
    const run = await app.createRun(person(app), { plan, sessionKey: SESSION, originalRequest: "try" });
    const { run: ended } = await app.drive(run.runId);
    expect(ended.steps.map(({ state }) => state.status)).toEqual(["completed", "completed"]);
    expect(seen).toEqual([false, false]);
    expect(ended.steps[0]?.state).toMatchObject({
      verdict: { provision: [{ what: "sparse: only packages/a, and files on the way", outcome: "done" }] },
    });
    await app.apply(run.runId);
    expect(sample.git("diff", "--stat", "--name-status", "HEAD~2").trim().split("\n")).toEqual([
      "A\tpackages/a/one.js",
      "A\tpackages/a/two.js",
    ]);
  });
});

it.each([
  ["no longer say sparse", []],
  ["say less", ["packages/a/deep"]],
  ["say another folder", ["tools"]],
])(
  "a proposal deletes nothing that it could not see when the settings %s at its capture",
  async (_, later) => {
    const bench = await openBench({ project: { cone: coneOf(["test"]) } });
    const run = await bench.create(planOfSteps(stepBy("one", "true")));
    const [step] = run.steps;
    if (step === undefined) throw new Error("the plan has a step");
    const { folder } = await bench.pev.openWorkspace(run, step, new AbortController().signal);
    expect(filesBelow(folder)).toEqual(["package.json", "test/sum.test.mjs"]);
    await writeFile(join(folder, "test/new.mjs"), "x\n");
    Object.assign(bench.pev.project, { cone: coneOf(later) });
    expect(await bench.pev.capture(run, step)).toMatchObject({ filesChanged: 1 });
  },
);
