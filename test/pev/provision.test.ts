import { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { openPlaces } from "../../src/pev/places.js";
import { type Provisioning, provision } from "../../src/pev/provision.js";
import { runProcess } from "../../src/pev/sandbox.js";
import { NO_SECRETS } from "../helpers/no-secrets.js";
import { wideWalls } from "../helpers/walls.js";
import { PATH_ONLY, removeTemp, tempFolder, writeText } from "./room-fixtures.js";

const folder = tempFolder();
const project = join(folder, "project");
const tree = join(folder, "tree");
afterAll(() => removeTemp(folder));

beforeEach(() => {
  for (const made of [project, tree]) {
    removeTemp(made);
    mkdirSync(made);
  }
});

const prepare = async (more: Partial<Provisioning>) => {
  const places = await openPlaces(join(folder, "places"));
  const place = { places, folder: null, runId: "run-1" };
  const run: Provisioning["run"] = (argv, timeoutMs) =>
    runProcess({ argv, cwd: tree, env: PATH_ONLY, timeoutMs, place, walls: wideWalls, redactor: NO_SECRETS });
  return provision({
    tree,
    projectDir: project,
    setup: [],
    share: [],
    included: { files: [], problem: null },
    cache: null,
    whenPresent: "replace",
    timeoutMs: 20_000,
    run,
    runHeld: run,
    ...more,
  });
};
const read = (path: string) => readFileSync(join(tree, path), "utf8");

describe("shared paths", () => {
  it("are copied, so that writing into the copy leaves the user's own untouched", async () => {
    writeText(join(project, "node_modules/pkg/index.js"), "one");
    writeText(join(project, "app/.venv/bin/run"), "two");
    symlinkSync("../pkg/index.js", join(project, "node_modules/pkg/link"));
    const records = await prepare({ share: ["node_modules", "app/.venv"] });
    expect(records).toEqual([
      { what: "copy node_modules", outcome: "done", durationMs: expect.any(Number) },
      { what: "copy app/.venv", outcome: "done", durationMs: expect.any(Number) },
    ]);
    expect(read("app/.venv/bin/run")).toBe("two");
    expect(readlinkSync(join(tree, "node_modules/pkg/link"))).toBe("../pkg/index.js");
    writeText(join(tree, "node_modules/pkg/index.js"), "changed");
    expect(readFileSync(join(project, "node_modules/pkg/index.js"), "utf8")).toBe("one");
    expect(readdirSync(tree).sort()).toEqual(["app", "node_modules"]);
  });

  it("come from the user's checkout in place of what an agent left there, even a link", async () => {
    writeText(join(project, "node_modules/.bin/runner"), "real");
    writeText(join(folder, "outside/.bin/runner"), "outside");
    for (const plant of ["folder", "link"]) {
      if (plant === "folder") writeText(join(tree, "node_modules/.bin/runner"), "always exit 0");
      else symlinkSync(join(folder, "outside"), join(tree, "node_modules"));
      await prepare({ share: ["node_modules"] });
      expect(lstatSync(join(tree, "node_modules")).isDirectory()).toBe(true);
      expect(read("node_modules/.bin/runner")).toBe("real");
      removeTemp(join(tree, "node_modules"));
    }
    expect(readFileSync(join(folder, "outside/.bin/runner"), "utf8")).toBe("outside");
  });

  it("are kept in an agent's own workspace when they are there", async () => {
    writeText(join(project, "node_modules/a"), "theirs");
    writeText(join(tree, "node_modules/a"), "own");
    expect(await prepare({ share: ["node_modules"], whenPresent: "keep" })).toMatchObject([
      { outcome: "done" },
    ]);
    expect(read("node_modules/a")).toBe("own");
  });

  it("are not written through a link that the tree has in the middle of the path", async () => {
    writeText(join(project, "packages/app/node_modules/a"), "a");
    mkdirSync(join(folder, "victim"));
    symlinkSync(join(folder, "victim"), join(tree, "packages"));
    const records = await prepare({ share: ["packages/app/node_modules"] });
    expect(records).toMatchObject([
      { outcome: "failed", what: expect.stringContaining("packages/app/node_modules: ") },
    ]);
    expect(readdirSync(join(folder, "victim"))).toEqual([]);
  });

  it("may be a link in the user's checkout: what it leads to is copied", async () => {
    writeText(join(folder, "big-disk/a"), "a");
    symlinkSync(join(folder, "big-disk"), join(project, "node_modules"));
    await prepare({ share: ["node_modules"] });
    expect(lstatSync(join(tree, "node_modules")).isDirectory()).toBe(true);
    expect(read("node_modules/a")).toBe("a");
  });

  it("that are missing fail by name and stop everything after them", async () => {
    const records = await prepare({ share: ["node_modules"], setup: [["touch", "ran"]] });
    expect(records).toMatchObject([
      { outcome: "failed", what: `copy node_modules: it does not exist in ${project}` },
    ]);
    expect(readdirSync(tree)).toEqual([]);
  });

  it.each(["../outside", "/etc", "", ".", ".git", "a/../../b"])(
    "refuse %j, which is no path inside the project",
    async (path) => {
      writeText(join(folder, "outside/x"), "x");
      writeText(join(project, ".git/config"), "x");
      expect(await prepare({ share: [path] })).toMatchObject([{ outcome: "failed" }]);
      expect(readdirSync(tree)).toEqual([]);
    },
  );

  it("leave no half a copy when time runs out", async () => {
    writeText(join(project, "node_modules/a"), "a");
    const slow: Provisioning["run"] = async (argv) => {
      writeText(join(argv.at(-1) ?? "", "half"), "half");
      return { ...(await prepareEnd()), timedOut: true, exitCode: null };
    };
    const records = await prepare({ share: ["node_modules"], run: slow });
    expect(records).toMatchObject([
      { outcome: "failed", what: "copy node_modules: the time limit was reached" },
    ]);
    expect(readdirSync(tree)).toEqual([]);
  });
});

describe("a shared path that leads back into the user's checkout", () => {
  const PACKAGES = "venv/lib/python3/site-packages";
  const plant = (path: string, text: string) => writeText(join(project, PACKAGES, path), text);
  const editable = (url: string, isEditable: boolean) =>
    JSON.stringify({ url, dir_info: isEditable ? { editable: true } : {} });

  it.each<[what: string, where: string, work: () => void]>([
    ["an absolute link", "pkg", () => symlinkSync(join(project, "src"), join(project, PACKAGES, "pkg"))],
    ["a link to the checkout itself", "pkg", () => symlinkSync(project, join(project, PACKAGES, "pkg"))],
    [
      "a link to a link outside",
      "pkg",
      () => {
        symlinkSync(join(project, "src"), join(folder, "between"));
        symlinkSync(join(folder, "between"), join(project, PACKAGES, "pkg"));
      },
    ],
    ["a .pth file", "shop.pth", () => plant("shop.pth", `${join(project, "src")}\n`)],
    [
      "a .pth file with code",
      "shop.pth",
      () => plant("shop.pth", `import sys; sys.path.append('${project}')`),
    ],
    ["an .egg-link", "shop.egg-link", () => plant("shop.egg-link", `${project}\n.`)],
    [
      "an editable install",
      "shop-1.dist-info/direct_url.json",
      () => plant("shop-1.dist-info/direct_url.json", editable(`file://${project}`, true)),
    ],
  ])("by %s fails and names it", async (_what, where, work) => {
    plant("other.py", "");
    writeText(join(project, "src/a.py"), "");
    work();
    const [record] = await prepare({ share: ["venv"] });
    removeTemp(join(folder, "between"));
    expect(record).toMatchObject({ outcome: "failed" });
    expect(record?.what).toMatch(
      `copy venv: lib/python3/site-packages/${where} leads back into ${project}; install without --editable`,
    );
    expect(readdirSync(tree)).toEqual([]);
  });

  it("is found where the project folder is named through a link, too", async () => {
    plant("shop.pth", project);
    const named = join(folder, "named");
    symlinkSync(project, named);
    expect(await prepare({ share: ["venv"], projectDir: named })).toMatchObject([{ outcome: "failed" }]);
    plant("shop.pth", named);
    expect(await prepare({ share: ["venv"], projectDir: named })).toMatchObject([{ outcome: "failed" }]);
  });

  it("is not what installs usually have", async () => {
    plant("plain-1.dist-info/direct_url.json", editable(`file://${project}`, false));
    plant("far-1.dist-info/direct_url.json", editable(`file://${project}-other`, true));
    plant("odd-1.dist-info/direct_url.json", "{ not json");
    plant("other.pth", `${project}-other/src\nimport site\n`);
    plant("weights.pth", project.repeat(70_000 / project.length + 1));
    plant("pkg/readme.md", project);
    mkdirSync(join(project, "venv/bin"));
    symlinkSync("/usr/bin/env", join(project, "venv/bin/python"));
    symlinkSync("../lib/python3/site-packages/pkg", join(project, "venv/bin/pkg"));
    symlinkSync(`${project}-other`, join(project, "venv/bin/beside"));
    symlinkSync("../../src", join(project, "venv/bin/workspace"));
    writeText(join(project, ".env"), project);
    expect(await prepare({ share: ["venv", ".env"] })).toMatchObject([
      { outcome: "done" },
      { outcome: "done" },
    ]);
    expect(readlinkSync(join(tree, "venv/bin/workspace"))).toBe("../../src");
  });
});

const prepareEnd = async () => {
  const places = await openPlaces(join(folder, "places"));
  return runProcess({
    argv: ["true"],
    cwd: tree,
    env: PATH_ONLY,
    timeoutMs: 20_000,
    place: { places, folder: null, runId: "run-1" },
    walls: wideWalls,
    redactor: NO_SECRETS,
  });
};

describe("setup commands", () => {
  it("run in the tree in their order, after what is shared", async () => {
    writeText(join(project, "deps/a"), "a");
    const records = await prepare({
      share: ["deps"],
      setup: [
        ["cp", "deps/a", "b"],
        ["cp", "b", "c"],
      ],
    });
    expect(records.map(({ what, outcome }) => [what, outcome])).toEqual([
      ["copy deps", "done"],
      ["cp deps/a b", "done"],
      ["cp b c", "done"],
    ]);
    expect(read("c")).toBe("a");
  });

  it.each([
    [["sh", "-c", "echo first; echo it broke >&2; exit 4"], "exit 4: it broke"],
    [["sh", "-c", "exit 1"], "exit 1: it said nothing"],
    [["sh", "-c", "kill -9 $$"], "ended by SIGKILL: it said nothing"],
    [["no-such-program"], "the program is not on the PATH"],
  ])("stop at the first failure, with its reason: %j", async (argv, problem) => {
    const records = await prepare({ setup: [["true"], argv, ["touch", "ran"]] });
    expect(records.map(({ what, outcome }) => [what, outcome])).toEqual([
      ["true", "done"],
      [`${argv.join(" ")}: ${problem}`, "failed"],
    ]);
    expect(readdirSync(tree)).toEqual([]);
  });

  it("share one limit", async () => {
    const records = await prepare({
      setup: [
        ["sleep", "0.1"],
        ["sleep", "1000"],
      ],
      timeoutMs: 500,
    });
    expect(records).toMatchObject([
      { outcome: "done" },
      { outcome: "failed", what: "sleep 1000: the time limit was reached" },
    ]);
  });
});
