import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createDisposal, type Disposal } from "../../src/pev/disposal.js";
import { openPlaces, type Places } from "../../src/pev/places.js";
import { openProjectRoom } from "../../src/pev/project-room.js";
import { NO_SECRETS } from "../helpers/no-secrets.js";
import { wideWalls } from "../helpers/walls.js";
import { blobStore, eventually, isAlive, removeTemp, tempFolder, writeText } from "./room-fixtures.js";

const folder = tempFolder();
const project = join(folder, "project");
let places: Places;
let disposal: Disposal;

const git = (...args: string[]) =>
  execFileSync("git", ["-C", project, "-c", "user.name=T", "-c", "user.email=t@example.org", ...args]);

beforeAll(async () => {
  places = await openPlaces(join(folder, "places"));
  disposal = createDisposal(places);
  mkdirSync(project);
  git("init", "-q");
  for (const path of ["kept", "edited", "removed", "old name", "staged"])
    writeText(join(project, path), `${path}\n`);
  writeText(join(project, ".gitignore"), "ignored\n");
  git("add", "-A");
  git("commit", "-q", "-m", "first");
});
afterAll(() => removeTemp(folder));

const open = (projectDir = project) =>
  openProjectRoom({
    places,
    walls: wideWalls,
    disposal,
    projectDir,
    runId: "run-1",
    name: "step-1",
    environment: process.env,
    passEnv: [],
    cacheFolder: join(folder, "cache"),
    timeoutMs: 20_000,
    signal: new AbortController().signal,
    putBlob: blobStore().putBlob,
    redactor: NO_SECRETS,
  });

describe("the project's own folder as a room", () => {
  it("tells what git would show the user, untracked files included", async () => {
    writeText(join(project, "edited"), "changed\n");
    writeText(join(project, "new folder/new\nfile"), "new\n");
    writeText(join(project, "ignored"), "ignored\n");
    writeText(join(project, "staged new"), "staged\n");
    writeText(join(project, "staged"), "staged and changed\n");
    execFileSync("rm", ["removed"], { cwd: project });
    git("mv", "old name", "new name");
    git("add", "staged new", "staged");
    const room = await open();
    const changed = [...(await room.changedFiles())].sort((a, b) => (a.path < b.path ? -1 : 1));
    expect(changed).toEqual([
      { path: "edited", change: "modified" },
      { path: "new folder/new\nfile", change: "added" },
      { path: "new name", change: "renamed", from: "old name" },
      { path: "removed", change: "deleted" },
      { path: "staged", change: "modified" },
      { path: "staged new", change: "added" },
    ]);
    await room.dispose();
  });

  it("names paths as the project sees them when it is a folder inside its repository", async () => {
    writeText(join(project, "inner/deep/file"), "new\n");
    const room = await open(join(project, "inner"));
    expect(await room.changedFiles()).toEqual([{ path: "deep/file", change: "added" }]);
    await room.dispose();
  });

  it("runs commands there, and keeps only scratch elsewhere and for a while", async () => {
    const room = await open();
    const end = await room.exec(["sh", "-c", "pwd; cat kept; touch $HOME/x"], { stdoutBytesMax: 1_000 });
    expect(end.stdout).toBe(`${project}\nkept\n`);
    expect((await room.read("kept", 100))?.toString()).toBe("kept\n");
    expect(await room.listScratch("home")).toEqual(["x"]);
    await room.dispose();
    await disposal.settle();
    expect(existsSync(room.scratch)).toBe(false);
    expect(readFileSync(join(project, "kept"), "utf8")).toBe("kept\n");
    expect(await places.list()).toEqual([]);
  });

  it("has nothing to compare with and nothing to prepare", async () => {
    const room = await open();
    expect(await room.atBase()).toBeUndefined();
    expect(await room.cachedAtBase(async () => 1)).toBeUndefined();
    expect(await room.provision()).toEqual([]);
    await room.dispose();
  });

  it("does not kill what the user runs in that folder meanwhile", async () => {
    const room = await open();
    const pidFile = join(folder, "user-pid");
    // Started while the command runs, by somebody who is neither our child nor carries our marker.
    execFileSync("sh", [
      "-c",
      `(sleep 0.2; cd ${project}; sleep 1000 & echo $! > ${pidFile}) >/dev/null 2>&1 &`,
    ]);
    expect(await room.exec(["sh", "-c", `while [ ! -s ${pidFile} ]; do sleep 0.02; done`])).toMatchObject({
      exitCode: 0,
    });
    const pid = await eventually(() => Number(readFileSync(pidFile, "utf8")) || undefined);
    try {
      expect(isAlive(pid)).toBe(true);
    } finally {
      process.kill(pid, "SIGKILL");
    }
    await room.dispose();
  });

  it("says that git is needed when a validator asks what changed where there is no repository", async () => {
    const plain = join(folder, "plain");
    mkdirSync(plain);
    const room = await open(plain);
    expect(await room.exec(["true"])).toMatchObject({ exitCode: 0 });
    await expect(room.changedFiles()).rejects.toMatchObject({
      code: "not_a_repository",
      hint: expect.stringContaining("git init"),
    });
    await room.dispose();
  });
});
