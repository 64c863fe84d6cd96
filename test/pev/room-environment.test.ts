import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { roomEnvironment } from "../../src/pev/room-environment.js";
import { removeTemp, tempFolder } from "./room-fixtures.js";

const home = tempFolder();
afterAll(() => removeTemp(home));

const environment = (outer: Record<string, string> = {}, passEnv: readonly string[] = []) =>
  roomEnvironment({
    outer: { PATH: "/usr/bin", HOME: home, ...outer },
    scratch: "/rooms/1/scratch",
    passEnv,
    online: false,
  });

describe("the environment of a room", () => {
  it("is the same whoever runs it, but for PATH and what tools need", () => {
    const { PATH, HOME, TMPDIR, GOCACHE, LANG, LC_ALL, TZ, CI } = environment({
      LANG: "de_DE",
      TZ: "Asia/Tokyo",
    });
    expect({ PATH, HOME, TMPDIR, GOCACHE, LANG, LC_ALL, TZ, CI }).toEqual({
      PATH: "/usr/bin",
      HOME: "/rooms/1/scratch/home",
      TMPDIR: "/rooms/1/scratch/tmp",
      GOCACHE: "/rooms/1/scratch/go-build",
      LANG: "C.UTF-8",
      LC_ALL: "C.UTF-8",
      TZ: "UTC",
      CI: "1",
    });
  });

  it("has nothing of ours that is not on its list", () => {
    const outer = {
      API_KEY: "secret",
      NODE_ENV: "production",
      npm_config_registry: "x",
      GIT_DIR: "/x",
      LD_PRELOAD: "x",
    };
    expect(Object.keys(environment(outer)).sort()).toEqual(Object.keys(environment()).sort());
    expect(Object.values(environment(outer))).not.toContain("secret");
  });

  it("passes the names that the settings list, if they are set", () => {
    const passed = environment({ DATABASE_URL: "db", OTHER: "other" }, ["DATABASE_URL", "UNSET"]);
    expect(passed).toMatchObject({ DATABASE_URL: "db" });
    expect(passed).not.toHaveProperty("OTHER");
    expect(passed).not.toHaveProperty("UNSET");
  });

  it.each([
    "NODE_OPTIONS",
    "LD_PRELOAD",
    "LD_LIBRARY_PATH",
    "DYLD_INSERT_LIBRARIES",
    "GIT_DIR",
    "GIT_CONFIG_GLOBAL",
    "npm_config_script_shell",
    "NPM_CONFIG_USERCONFIG",
    "BASH_ENV",
    "RUNLEDGER_KEY",
  ])("never passes %s, even when it is listed", (name) => {
    expect(environment({ [name]: "planted" }, [name])[name]).not.toBe("planted");
  });

  it("does not let a passed name replace one of its own", () => {
    expect(environment({ TMPDIR: "/elsewhere" }, ["HOME", "TMPDIR"])).toMatchObject({
      HOME: "/rooms/1/scratch/home",
      TMPDIR: "/rooms/1/scratch/tmp",
    });
  });

  it("drops folders from PATH that would mean the tree that is judged", () => {
    expect(environment({ PATH: ".:node_modules/.bin:/usr/bin::./x:/bin" }).PATH).toBe("/usr/bin:/bin");
  });

  it("points at the caches of the trusted side that exist, where the caller says or where tools expect them", () => {
    expect(environment()).not.toHaveProperty("CARGO_HOME");
    expect(environment()).not.toHaveProperty("MAVEN_OPTS");
    for (const path of ["go/pkg/mod", ".cargo", ".m2/repository", "elsewhere/mod", "elsewhere/npm"])
      mkdirSync(join(home, path), { recursive: true });
    expect(
      environment({ GOMODCACHE: join(home, "elsewhere/mod"), RUSTUP_HOME: join(home, "missing") }),
    ).toMatchObject({
      GOMODCACHE: join(home, "elsewhere/mod"),
      CARGO_HOME: join(home, ".cargo"),
      MAVEN_OPTS: `-Dmaven.repo.local=${join(home, ".m2/repository")}`,
    });
    for (const name of ["npm_config_cache", "NPM_CONFIG_CACHE"])
      expect(environment({ [name]: join(home, "elsewhere/npm") })).toMatchObject({
        npm_config_cache: join(home, "elsewhere/npm"),
      });
    expect(environment().GOMODCACHE).toBe(join(home, "go/pkg/mod"));
    expect(environment({ RUSTUP_HOME: join(home, "missing") })).not.toHaveProperty("RUSTUP_HOME");
  });

  it("tells tools to stay offline", () => {
    expect(environment({ GOPROXY: "https://example.org" })).toMatchObject({
      GOPROXY: "off",
      CARGO_NET_OFFLINE: "true",
      npm_config_offline: "true",
    });
  });
});

describe("real tools in that environment", () => {
  const scratch = join(home, "scratch");
  const real = () => {
    for (const part of ["home", "tmp"]) mkdirSync(join(scratch, part), { recursive: true });
    return roomEnvironment({ outer: process.env, scratch, passEnv: [], online: false });
  };
  const commands: readonly (readonly string[])[] = [
    ["go", "version"],
    ["rustc", "--version"],
    ["cargo", "--version"],
    ["python3", "-c", "import sys, sysconfig; print(sys.prefix, sysconfig.get_path('purelib'))"],
    ["npm", "config", "get", "cache"],
    ["mvn", "--version"],
  ];

  for (const [program = "", ...args] of commands) {
    const outside = spawnSync(program, args, { encoding: "utf8" });
    it.skipIf(outside.status !== 0)(`${program} answers as it does outside (needs ${program})`, () => {
      const inside = spawnSync(program, args, { env: real(), encoding: "utf8" });
      expect({ status: inside.status, stdout: inside.stdout }).toEqual({ status: 0, stdout: outside.stdout });
    });
  }
});
