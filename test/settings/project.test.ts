import { execFileSync } from "node:child_process";
import { mkdir, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { dataFolder, findProject } from "../../src/settings/project.js";
import { newFolder, put, refusalOf, removeFoldersAfterEach } from "./folders.js";

removeFoldersAfterEach();

const git = (cwd: string, ...args: string[]) =>
  execFileSync(
    "git",
    ["-c", "user.name=t", "-c", "user.email=t@localhost", "-c", "protocol.file.allow=always", ...args],
    {
      cwd,
      stdio: "pipe",
      env: { PATH: process.env.PATH, HOME: cwd, GIT_CONFIG_NOSYSTEM: "1" },
    },
  );

const repository = async (folder: string) => {
  await mkdir(folder, { recursive: true });
  git(folder, "init", "--quiet");
  git(folder, "commit", "--quiet", "--allow-empty", "-m", "first");
  return folder;
};

const inside = async (folder: string, ...parts: string[]) => {
  const path = join(folder, ...parts);
  await mkdir(path, { recursive: true });
  return path;
};

describe("findProject", () => {
  it("is the nearest folder with settings, even inside a repository", async () => {
    const top = await repository(await newFolder());
    await put(join(top, "runledger.yaml"), "");
    await put(join(top, "packages", "a", "runledger.yaml"), "");
    expect(await findProject(await inside(top, "packages", "a", "src"))).toBe(join(top, "packages", "a"));
    expect(await findProject(await inside(top, "packages", "b"))).toBe(top);
  });

  it("is the top of the work tree without settings, also in a linked worktree", async () => {
    const top = await repository(join(await newFolder(), "main"));
    expect(await findProject(await inside(top, "a", "b"))).toBe(top);
    const linked = join(await newFolder(), "linked");
    git(top, "worktree", "add", "--quiet", linked);
    expect(await findProject(await inside(linked, "a"))).toBe(linked);
  });

  it("is the folder itself where there is neither, and passes over what only looks like a repository", async () => {
    const folder = await newFolder();
    await mkdir(join(folder, ".git"));
    await mkdir(join(folder, "a", "runledger.yaml"), { recursive: true });
    expect(await findProject(join(folder, "a"))).toBe(join(folder, "a"));
  });

  it("does not take settings from above the repository", async () => {
    const outer = await newFolder();
    await put(join(outer, "runledger.yaml"), "");
    const top = await repository(join(outer, "repo"));
    expect(await findProject(top)).toBe(top);
    expect(await findProject(await inside(outer, "plain"))).toBe(outer);
  });
});

describe("dataFolder", () => {
  it("is where RUNLEDGER_HOME says, from the project if it is relative", async () => {
    const folder = await newFolder();
    expect(await dataFolder(folder, { RUNLEDGER_HOME: "/data/x" })).toBe("/data/x");
    expect(await dataFolder(folder, { RUNLEDGER_HOME: "state" })).toBe(join(folder, "state"));
  });

  it("lies at the top of the repository, whichever folder of it the project is", async () => {
    const top = await repository(await newFolder());
    const expected = join(top, ".runledger");
    expect(await dataFolder(top, {})).toBe(expected);
    expect(await dataFolder(await inside(top, "packages", "a"), { RUNLEDGER_HOME: "" })).toBe(expected);
  });

  it("is the same for a repository and its linked worktrees", async () => {
    const top = await repository(join(await newFolder(), "main"));
    const linked = join(await newFolder(), "linked");
    git(top, "worktree", "add", "--quiet", linked);
    expect(await dataFolder(await inside(linked, "sub"), {})).toBe(join(top, ".runledger"));
  });

  it("is the same whether the repository is reached through a link or not", async () => {
    const top = await repository(join(await newFolder(), "main"));
    const link = join(await newFolder(), "link");
    await symlink(top, link);
    expect(await dataFolder(link, {})).toBe(join(top, ".runledger"));
  });

  it("is inside the git folder of a bare repository, so that neighbours do not share one", async () => {
    const top = await repository(join(await newFolder(), "main"));
    const parent = await newFolder();
    git(parent, "clone", "--quiet", "--bare", top, "a.git");
    git(join(parent, "a.git"), "worktree", "add", "--quiet", join(parent, "tree"));
    expect(await dataFolder(join(parent, "tree"), {})).toBe(join(parent, "a.git", ".runledger"));
  });

  it("is the submodule's own, not that of the repository around it", async () => {
    const library = await repository(join(await newFolder(), "library"));
    const top = await repository(join(await newFolder(), "main"));
    git(top, "submodule", "--quiet", "add", library, "lib");
    expect(await dataFolder(join(top, "lib"), {})).toBe(join(top, ".git", "modules", "lib", ".runledger"));
  });

  it("is in the project without git", async () => {
    const folder = await newFolder();
    expect(await dataFolder(folder, {})).toBe(join(folder, ".runledger"));
  });

  it("is nowhere when the repository of a worktree is gone", async () => {
    const top = await repository(join(await newFolder(), "main"));
    const linked = join(await newFolder(), "linked");
    git(top, "worktree", "add", "--quiet", linked);
    await rm(top, { recursive: true });
    expect(await refusalOf(dataFolder(linked, {}))).toMatchObject({ code: "unsupported_repository" });
  });

  it("does not follow a .git file that says nothing", async () => {
    const folder = await newFolder();
    await put(join(folder, ".git"), "hello");
    expect(await refusalOf(dataFolder(folder, {}))).toMatchObject({ code: "unsupported_repository" });
  });
});
