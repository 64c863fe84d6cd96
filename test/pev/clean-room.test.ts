import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type CleanRoomOptions, openCleanRoom } from "../../src/pev/clean-room.js";
import type { Places } from "../../src/pev/places.js";
import { openPrivateRoot, removeFolder } from "../../src/pev/private-folder.js";
import type { OwnedRoom } from "../../src/pev/room-frame.js";
import {
  blobStore,
  cleanRoomOptions,
  memoryCache,
  removeTemp,
  storeWithCommits,
  tempFolder,
  writeText,
} from "./room-fixtures.js";

const has = (program: string): boolean => spawnSync(program, ["version"]).error === undefined;

const folder = tempFolder();
let commits: string[] = [];
let options: CleanRoomOptions;
let room: OwnedRoom;

const FIRST = {
  "m.mod": "module example.org/m\n\ngo 1.20\n",
  "main.go": "package main\n\nfunc main() {}\n",
  "docs/read me.txt": "one\n",
  ".gitignore": "ignored/\n",
  ".gitattributes": "*.txt text eol=crlf ident working-tree-encoding=UTF-16LE\n*.go export-ignore\n",
};

beforeAll(async () => {
  const made = await storeWithCommits(folder, [
    FIRST,
    { "docs/read me.txt": "two\n", "new.txt": "$Id$\n" },
    { "go.mod": FIRST["m.mod"] },
    { "checks.js": "new", "test/help.js": "new", "docs/read me.txt": "three\n", "pkg/a_test.go": "new" },
  ]);
  commits = made.commits;
  options = { ...(await cleanRoomOptions(folder, made.store, commits[1] ?? "")), base: commits[0] ?? "" };
});
beforeEach(async () => {
  room = await open(options);
});
afterEach(async () => {
  for (const one of opened.splice(0)) await one.dispose();
});
afterAll(() => removeTemp(folder));

/** Disposed after the test even when it fails; a second disposal changes nothing. */
const opened: OwnedRoom[] = [];
const open = async (wanted: CleanRoomOptions): Promise<OwnedRoom> => {
  const made = await openCleanRoom(wanted);
  opened.push(made);
  return made;
};

const sh = (script: string) => room.exec(["sh", "-c", script], { stdoutBytesMax: 10_000 });
const treeFolder = async () => (await sh("pwd")).stdout.trim();

describe("the tree of a clean room", () => {
  it("has the bytes that were stored, whatever its attributes say", async () => {
    expect((await room.read("docs/read me.txt", 100))?.toString()).toBe("two\n");
    expect((await room.read("new.txt", 100))?.toString()).toBe("$Id$\n");
    expect(await room.list("")).toEqual([
      ".gitattributes",
      ".gitignore",
      "docs",
      "m.mod",
      "main.go",
      "new.txt",
    ]);
  });

  it("lies in a private folder that cannot be foreseen", async () => {
    const tree = await treeFolder();
    expect(tree).toMatch(/\/runledger-\d+\/[0-9a-f-]{36}\/tree$/);
    const again = await open(options);
    expect((await again.exec(["pwd"], { stdoutBytesMax: 1_000 })).stdout.trim()).not.toBe(tree);
  });

  it("is gone when it is disposed, with its registration, even where a tool forbade writing", async () => {
    const tree = await treeFolder();
    await sh("mkdir -p locked/inner && touch locked/inner/file && chmod 0555 locked/inner locked");
    await room.dispose();
    await options.disposal.settle();
    expect(existsSync(dirname(tree))).toBe(false);
    expect(await options.places.list()).toEqual([]);
  });

  it("leaves nothing when it cannot be built", async () => {
    const registered: (string | null)[] = [];
    const places: Places = {
      ...options.places,
      register: async (place) => {
        registered.push(place.path);
        return options.places.register(place);
      },
    };
    await expect(open({ ...options, places, commit: "0".repeat(40) })).rejects.toMatchObject({
      code: "git_failed",
    });
    await options.disposal.settle();
    expect(registered).toHaveLength(1);
    expect(registered.filter((path) => path !== null && existsSync(path))).toEqual([]);
    expect((await options.places.list()).filter(({ path }) => registered.includes(path))).toEqual([]);
  });

  it("knows what differs from the base, and nothing without one", async () => {
    expect(await room.changedFiles()).toEqual([
      { path: "docs/read me.txt", change: "modified" },
      { path: "new.txt", change: "added" },
    ]);
    const alone = await open({ ...options, base: null });
    expect(await alone.changedFiles()).toEqual([]);
    expect(await alone.atBase()).toBeUndefined();
  });
});

describe("git in a clean room", () => {
  it("is at the commit on a branch of its own, with its history and nothing to report", async () => {
    const end = await sh(
      "git diff-files --name-only && git status --porcelain && git rev-parse HEAD && git branch --show-current && git log --oneline | wc -l",
    );
    expect(end.stdout.trim().split("\n")).toEqual([commits[1], "runledger/run-1/step-1", "2"]);
  });

  it.skipIf(!has("go"))("lets go build stamp its version (needs go)", async () => {
    const own = await open({ ...options, commit: commits[2] ?? "" });
    // Asks git for the stamp, and tells what would be linked instead of compiling all of Go.
    const end = await own.exec(["go", "build", "-n", "-buildvcs=true", "-o", "out", "."]);
    expect(end).toMatchObject({ exitCode: 0, tail: expect.stringContaining(`vcs.revision=${commits[2]}`) });
  });

  it("cannot change the store", async () => {
    const before = fingerprint(join(folder, "store.git"));
    const end = await sh(
      "git config user.name x && git config user.email x@example.org && git config core.hooksPath /tmp/x && git add --all --force && " +
        "echo more > more && git add more && git commit -q -m mine && git tag mine && git branch other && " +
        "git update-ref refs/heads/main HEAD && git gc --prune=now -q && git stash list && git worktree prune",
    );
    expect({ exitCode: end.exitCode, tail: end.tail }).toEqual({ exitCode: 0, tail: "" });
    expect(fingerprint(join(folder, "store.git"))).toEqual(before);
  });

  it("does not appear in the tree", async () => {
    expect(await room.stat(".git/config")).toBeUndefined();
    expect(await room.stat(".GIT/config")).toBeUndefined();
    expect(await room.list(".git")).toEqual([]);
    expect(await room.list(".")).not.toContain(".git");
  });
});

const fingerprint = (at: string): readonly string[] =>
  readdirSync(at, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => `${path} ${createHash("sha256").update(readFileSync(path)).digest("hex")}`)
    .sort();

describe("commands in a clean room", () => {
  it("see nothing of our environment, have a home of their own and keep their log as a blob", async () => {
    const { blobs, putBlob } = blobStore();
    process.env.ROOM_TEST_SECRET = "do-not-leak";
    const own = await open({ ...options, putBlob });
    const end = await own.exec(["sh", "-c", "env; touch $HOME/a $TMPDIR/b"], {
      env: { ADDED: "yes" },
      stdoutBytesMax: 100_000,
    });
    delete process.env.ROOM_TEST_SECRET;
    expect(end.exitCode).toBe(0);
    expect(end.stdout).toContain("ADDED=yes");
    expect(end.stdout).not.toContain("do-not-leak");
    expect(await own.listScratch("home")).toEqual(["a"]);
    expect(await own.listScratch("tmp")).toEqual(["b"]);
    expect(Buffer.from(blobs.get(end.log ?? "") ?? []).toString()).toBe(end.stdout);
    await own.dispose();
  });

  it("share one limit, which the first of them starts", async () => {
    const own = await open({ ...options, timeoutMs: 600 });
    expect(await own.exec(["true"])).toMatchObject({ exitCode: 0, timedOut: false });
    expect(await own.exec(["sleep", "1000"])).toMatchObject({ timedOut: true });
    expect(await own.exec(["true"])).toMatchObject({ timedOut: true, exitCode: null, log: null });
    await own.dispose();
  });

  it("run one after the other, so that none is taken for the leftover of another", async () => {
    const ends = await Promise.all([sh("sleep 0.2; echo one"), sh("echo two"), sh("echo three")]);
    expect(ends.map(({ exitCode, tail }) => [exitCode, tail])).toEqual([
      [0, "one\n"],
      [0, "two\n"],
      [0, "three\n"],
    ]);
  });

  it("write reports that are read from scratch, whole or not at all", async () => {
    await sh(`mkdir -p ${room.scratch}/reports && printf 12345 > ${room.scratch}/reports/a.xml`);
    expect(await room.listScratch("reports")).toEqual(["a.xml"]);
    expect(await room.readScratch("reports/a.xml", 5)).toBe("12345");
    expect(await room.readScratch("reports/a.xml", 4)).toBeUndefined();
    expect(await room.readScratch("reports/missing.xml", 5)).toBeUndefined();
    expect(await room.readScratch("../tree/m.mod", 1_000)).toBeUndefined();
  });
});

describe("reading in a clean room", () => {
  it.each([
    ["../scratch"],
    ["docs/../../scratch"],
    ["docs/../m.mod"],
    ["/etc/passwd"],
    ["//etc/passwd"],
    ["m.mod\0.txt"],
    ["m.mod/inner"],
    ["missing"],
  ])("answers %j as absent", async (path) => {
    expect(await room.stat(path)).toBeUndefined();
    expect(await room.read(path, 10)).toBeUndefined();
    expect(await room.list(path)).toEqual([]);
  });

  it("answers a path that no system takes as absent", async () => {
    expect(await room.stat("x".repeat(5_000))).toBeUndefined();
  });

  it("does not go through links, at the end of a path or in the middle", async () => {
    await sh(
      "ln -s /etc/passwd file && ln -s /etc etc && ln -s docs inside && ln -s loop loop && ln -s .. docs/up",
    );
    expect(await room.stat("file")).toMatchObject({ kind: "link" });
    expect(await room.stat("etc")).toMatchObject({ kind: "link" });
    for (const path of ["file", "etc", "etc/passwd", "inside/read me.txt", "loop", "docs/up/m.mod"])
      expect(await room.read(path, 10)).toBeUndefined();
    for (const path of ["etc/passwd", "inside/read me.txt", "loop/x"])
      expect(await room.stat(path)).toBeUndefined();
    for (const path of ["etc", "inside", "docs/up"]) expect(await room.list(path)).toEqual([]);
  });

  it("does not hang on a pipe, and takes nothing but regular files", async () => {
    await sh("mkfifo pipe");
    expect(await room.stat("pipe")).toMatchObject({ kind: "other" });
    expect(await room.read("pipe", 10)).toBeUndefined();
    expect(await room.read("docs", 10)).toBeUndefined();
    expect(await room.list("m.mod")).toEqual([]);
  });

  it("reads the beginning of a file that claims to be huge", async () => {
    await sh("truncate -s 1T sparse");
    expect(await room.stat("sparse")).toEqual({ kind: "file", bytes: 1024 ** 4 });
    expect(await room.read("sparse", 3)).toEqual(Buffer.alloc(3));
  });

  it("takes a path with dots and doubled slashes that stays inside", async () => {
    expect((await room.read("./docs//read me.txt", 3))?.toString()).toBe("two");
    expect(await room.stat("docs/")).toMatchObject({ kind: "folder" });
  });
});

describe("the room at the base", () => {
  it("shows the base, is made once, has a limit of its own, and goes with the first", async () => {
    const own = await open({ ...options, timeoutMs: 2_000 });
    await own.exec(["sleep", "1000"]);
    const [base, same] = await Promise.all([own.atBase(), own.atBase()]);
    expect(same).toBe(base);
    expect((await base?.read("docs/read me.txt", 100))?.toString()).toBe("one\n");
    expect(await base?.exec(["true"])).toMatchObject({ exitCode: 0 });
    expect(await base?.atBase()).toBeUndefined();
    const scratch = base?.scratch ?? "";
    expect(existsSync(scratch)).toBe(true);
    await own.dispose();
    await options.disposal.settle();
    expect(existsSync(scratch)).toBe(false);
  });

  it("is prepared like the first, and what cannot be prepared is an error and is not remembered", async () => {
    const prepared = await open({ ...options, setup: [["touch", "prepared"]] });
    expect(await (await prepared.atBase())?.stat("prepared")).toMatchObject({ kind: "file" });
    const baseCache = memoryCache();
    const broken = await open({ ...options, setup: [["false"]], baseCache });
    await expect(broken.cachedAtBase(async () => 1)).rejects.toMatchObject({ code: "provision_failed" });
    const mended = await open({ ...options, baseCache });
    expect(await mended.cachedAtBase(async () => 2)).toBe(2);
  });

  it("can have the proposal's tests laid over it, in a room of its own that goes with the first", async () => {
    const own = await open({ ...options, commit: commits[3] ?? "" });
    const laid = await own.atBaseWith(["checks.js", "nowhere.js"]);
    if (laid === undefined) throw new Error("there is a base");
    const text = async (path: string) => (await laid.read(path, 100))?.toString();
    expect(await text("checks.js")).toBe("new");
    expect(await text("test/help.js")).toBe("new");
    expect(await text("pkg/a_test.go")).toBe("new");
    expect(await text("docs/read me.txt")).toBe("one\n");
    expect(await text("new.txt")).toBeUndefined();
    expect((await own.atBase())?.scratch).not.toBe(laid.scratch);
    await own.dispose();
    await options.disposal.settle();
    expect(existsSync(laid.scratch)).toBe(false);
    expect(await (await open({ ...options, base: null })).atBaseWith([])).toBeUndefined();
  });

  it("answers from the cache while base, validator and preparation are the same", async () => {
    const baseCache = memoryCache();
    let computed = 0;
    const count = async (more: Partial<CleanRoomOptions>) => {
      const own = await open({ ...options, baseCache, ...more });
      await own.cachedAtBase(async (base) => {
        computed += 1;
        return (await base.read("docs/read me.txt", 10))?.toString();
      });
      await own.dispose();
      return computed;
    };
    expect(await count({})).toBe(1);
    expect(await count({ commit: commits[0] ?? "" })).toBe(1);
    expect(await count({ validatorDigest: "other" })).toBe(2);
    expect(await count({ base: commits[1] ?? "" })).toBe(3);
    expect(await count({ setup: [["true"]] })).toBe(4);
    expect(await count({ base: null })).toBe(4);
  });
});

describe("the parent of all rooms", () => {
  const trap = join(folder, "tmp");
  const own = process.env.TMPDIR;
  const planted = () => join(realpathSync(tmpdir()), `runledger-${process.getuid?.()}`);
  beforeEach(() => {
    rmSync(trap, { recursive: true, force: true });
    mkdirSync(trap);
    process.env.TMPDIR = trap;
  });
  afterEach(() => {
    if (own === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = own;
  });

  it("is made private", async () => {
    const root = await openPrivateRoot();
    expect(root).toBe(planted());
    expect(execFileSync("ls", ["-ld", root], { encoding: "utf8" })).toMatch(/^drwx------/);
    expect(await openPrivateRoot()).toBe(root);
  });

  it("is refused when it is a link to somewhere else", async () => {
    mkdirSync(join(folder, "victim"), { mode: 0o700 });
    symlinkSync(join(folder, "victim"), planted());
    await expect(open(options)).rejects.toMatchObject({ code: "workspace_unfit" });
    expect(readdirSync(join(folder, "victim"))).toEqual([]);
  });

  it("is refused when it is no folder", async () => {
    writeFileSync(planted(), "", { mode: 0o600 });
    await expect(openPrivateRoot()).rejects.toMatchObject({ code: "workspace_unfit" });
  });

  it("is refused when others may look into it", async () => {
    mkdirSync(planted());
    chmodSync(planted(), 0o755);
    await expect(openPrivateRoot()).rejects.toMatchObject({ code: "workspace_unfit" });
  });

  it.skipIf(process.getuid?.() !== 0)(
    "is refused when it belongs to somebody else (needs root to make one)",
    async () => {
      mkdirSync(planted(), { mode: 0o700 });
      execFileSync("chown", ["65534", planted()]);
      await expect(openPrivateRoot()).rejects.toMatchObject({ code: "workspace_unfit" });
    },
  );

  it("says so when there is no temporary folder", async () => {
    process.env.TMPDIR = join(folder, "nowhere");
    await expect(openPrivateRoot()).rejects.toMatchObject({
      code: "workspace_unfit",
      hint: expect.any(String),
    });
  });
});

describe("removeFolder", () => {
  it("does not follow links out", async () => {
    writeText(join(folder, "kept/file"), "kept");
    mkdirSync(join(folder, "removed"));
    symlinkSync(join(folder, "kept"), join(folder, "removed/link"));
    await removeFolder(join(folder, "removed"));
    expect(readFileSync(join(folder, "kept/file"), "utf8")).toBe("kept");
  });
});
