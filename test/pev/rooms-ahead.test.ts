import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type CleanRoomOptions, openCleanRoom } from "../../src/pev/clean-room.js";
import type { Git } from "../../src/pev/git.js";
import type { OwnedRoom } from "../../src/pev/room-frame.js";
import { createRoomsAhead, type RoomsAhead } from "../../src/pev/rooms-ahead.js";
import { fingerprint } from "../helpers/project.js";
import {
  cleanRoomOptions,
  eventually,
  removeTemp,
  storeWithCommits,
  tempFolder,
  writeText,
} from "./room-fixtures.js";

const folder = tempFolder();
const source = join(folder, "source");
let store: Git;
/** The head, and what becomes of it: every way in which a tree can differ from another. */
let [head, candidate]: readonly [string, string] = ["", ""];
let options: CleanRoomOptions;
let rooms: RoomsAhead;
const opened: OwnedRoom[] = [];

beforeAll(async () => {
  const files = {
    "kept.txt": "kept\n",
    "edited.txt": "one\n",
    "deleted.txt": "x\n",
    "gone/deep/er.txt": "x\n",
    "was file": "x\n",
    "was folder/inside.txt": "x\n",
    "was link": "x\n",
    "src/moved.txt": "moved\n",
    "src/run.sh": "#!/bin/sh\n",
  };
  const made = await storeWithCommits(folder, [files, { "edited.txt": "two\n" }]);
  store = made.store;
  [head = "", candidate = ""] = made.commits;
  const git = (...args: string[]) =>
    execFileSync("git", ["-C", source, "-c", "user.name=T", "-c", "user.email=t@example.org", ...args], {
      encoding: "utf8",
    }).trim();
  for (const path of ["deleted.txt", "gone", "was file", "was folder", "was link"])
    rmSync(join(source, path), { recursive: true });
  writeText(join(source, "was file/now inside.txt"), "inside\n");
  writeText(join(source, "was folder"), "a file\n");
  symlinkSync("kept.txt", join(source, "was link"));
  mkdirSync(join(source, "else"));
  renameSync(join(source, "src/moved.txt"), join(source, "else/moved.txt"));
  chmodSync(join(source, "src/run.sh"), 0o755);
  writeText(join(source, "new/file.txt"), "new\n");
  git("add", "--all");
  git("commit", "-q", "-m", "everything else");
  await store.run(["fetch", "-q", source, "main:refs/heads/main"]);
  candidate = git("rev-parse", "HEAD");
});
beforeEach(async () => {
  const fresh = await cleanRoomOptions(folder, store, candidate);
  rooms = createRoomsAhead(store, fresh);
  options = { ...fresh, base: head, roomsAhead: rooms };
});
afterEach(async () => {
  for (const room of opened.splice(0)) await room.dispose();
  await rooms.close();
  await options.disposal.settle();
});
afterAll(() => removeTemp(folder));

const open = async (over: Partial<CleanRoomOptions> = {}): Promise<OwnedRoom> => {
  const room = await openCleanRoom({ ...options, ...over });
  opened.push(room);
  return room;
};

const treeOf = (room: OwnedRoom): string => join(room.scratch, "..", "tree");
const ask = async (room: OwnedRoom, command: string): Promise<string> =>
  (await room.exec(["sh", "-c", command], { stdoutBytesMax: 10_000 })).stdout.trim();

/** Where the run's room lies, once it is laid out; it stays the next one to be taken. */
const laidAhead = async (): Promise<string> => {
  await rooms.prepare("run-1", head);
  const taken = await rooms.take("run-1");
  const path = taken?.folder.path ?? expect.unreachable("no room was laid out");
  options = { ...options, roomsAhead: { take: async () => taken } };
  return path;
};

/** Every file with its mode and bytes; the folder of git is another in each room. */
const filesIn = async (tree: string): Promise<string[]> =>
  [...(await fingerprint(tree))]
    .filter(([path]) => !/^\/\.git(\/|$)/.test(path))
    .map((one) => one.join(" "))
    .sort();

describe("a room that was laid out ahead", () => {
  it.each<[what: string, at: () => string, judged: () => string]>([
    ["at the head of then", () => head, () => candidate],
    ["at the commit itself", () => candidate, () => candidate],
    ["at a later commit", () => candidate, () => head],
  ])("%s is exactly the commit that is judged", async (_what, at, judged) => {
    const direct = await open({ commit: judged(), roomsAhead: { take: async () => undefined } });
    await rooms.prepare("run-1", at());
    const ahead = await open({ commit: judged() });
    expect(await filesIn(treeOf(ahead))).toEqual(await filesIn(treeOf(direct)));
    expect(await ask(ahead, "git status --porcelain --ignored && git rev-parse HEAD")).toBe(judged());
    expect(await ask(ahead, "git branch --show-current")).toBe("runledger/run-1/step-1");
    expect(await ahead.listScratch("")).toEqual(["home", "tmp"]);
  });

  it("is the one that the verdict gets, once, and only of its own run", async () => {
    const path = await laidAhead();
    expect(treeOf(await open())).toBe(join(path, "tree"));
    void rooms.prepare("run-1", head);
    expect(await rooms.take("run-2")).toBeUndefined();
    const first = await rooms.take("run-1");
    expect(first).toBeDefined();
    expect(await rooms.take("run-1")).toBeUndefined();
    expect(existsSync(join(first?.folder.path ?? "", "tree", "kept.txt"))).toBe(true);
    await options.disposal.later(first?.folder ?? expect.unreachable());
  });

  it("serves the base as well as the proposal", async () => {
    void rooms.prepare("run-1", head);
    const room = await open({ commit: candidate });
    await rooms.prepare("run-1", candidate);
    const base = await room.atBase();
    expect((await base?.read("edited.txt", 100))?.toString()).toBe("one\n");
    expect(await base?.stat("new")).toBeUndefined();
  });

  it("has seen no code: neither set-up nor judge ran in it, and nothing but the tree lies there", async () => {
    const path = await laidAhead();
    expect(readdirSync(path).sort()).toEqual(["tree"]);
    expect(readdirSync(join(path, "tree"))).not.toContain(".git");
    const room = await open({ setup: [["sh", "-c", "test ! -e been-here && touch been-here"]] });
    expect(await room.provision()).toMatchObject([{ outcome: "done" }]);
  });

  it("is registered before it is made, so that a crash leaves nothing unknown", async () => {
    const path = await laidAhead();
    const place = (await options.places.list()).find((one) => one.path === path);
    expect(place).toMatchObject({ kind: "room", runId: "run-1" });
    await open();
  });

  it("is not waited for when it cannot be laid out: the verdict makes its own", async () => {
    await rooms.prepare("run-1", "0".repeat(40));
    expect(await (await open()).read("new/file.txt", 10)).toEqual(Buffer.from("new\n"));
    await options.disposal.settle();
    expect(await options.places.list()).toHaveLength(1);
  });

  it("is gone when its run is not driven here any more, or the ledger is closed, also half-made", async () => {
    void rooms.prepare("run-1", head);
    void rooms.prepare("run-2", head);
    await rooms.drop("run-1");
    await rooms.close();
    await rooms.prepare("run-3", head);
    expect(await rooms.take("run-3")).toBeUndefined();
    await options.disposal.settle();
    expect(await options.places.list()).toEqual([]);
  });

  it("is one for each run, and of a few runs only", async () => {
    for (const run of ["run-1", "run-1", "run-2", "run-3", "run-4", "run-5", "run-6"])
      void rooms.prepare(run, head);
    expect(await rooms.take("run-6")).toBeUndefined();
    expect(await rooms.take("run-5")).toBeUndefined();
    await rooms.close();
  });
});

/** As an agent would who knows that dates are compared. */
const keepingDates = (path: string, work: () => void) => {
  const { atime, mtime } = lstatSync(path);
  work();
  utimesSync(path, atime, mtime);
};

/** Until the file system gives later times than it gave the room: what happens within one tick looks like one change. */
const nextTick = (room: string): Promise<true> =>
  eventually(() => {
    writeFileSync(join(folder, "tick"), "x");
    const timeOf = (path: string) => lstatSync(path, { bigint: true }).ctimeNs;
    return timeOf(join(folder, "tick")) > timeOf(room) || undefined;
  });

describe("an agent that finds a room that was laid out ahead", () => {
  it.each<[what: string, work: (room: string) => void]>([
    ["rewrites a file", (room) => writeFileSync(join(room, "tree/kept.txt"), "evil\n")],
    [
      "rewrites one with as many bytes and its date",
      (room) => {
        const path = join(room, "tree/kept.txt");
        keepingDates(path, () => writeFileSync(path, "evil\n"));
      },
    ],
    ["makes one executable", (room) => chmodSync(join(room, "tree/kept.txt"), 0o755)],
    ["removes one", (room) => rmSync(join(room, "tree/src/run.sh"))],
    [
      "exchanges one for a link",
      (room) => {
        rmSync(join(room, "tree/kept.txt"));
        symlinkSync("/etc/passwd", join(room, "tree/kept.txt"));
      },
    ],
    [
      "exchanges a folder for a link",
      (room) => {
        renameSync(join(room, "tree/src"), join(room, "aside"));
        symlinkSync("../aside", join(room, "tree/src"));
      },
    ],
    ["adds a file", (room) => writeText(join(room, "tree/src/conftest.py"), "evil\n")],
    [
      "adds a file to a folder whose date it restores",
      (room) => {
        const path = join(room, "tree/src");
        keepingDates(path, () => writeText(join(path, "conftest.py"), "evil\n"));
      },
    ],
    ["adds an empty folder", (room) => mkdirSync(join(room, "tree/node_modules"))],
    ["plants a repository", (room) => writeText(join(room, "tree/.git/hooks/post-checkout"), "evil\n")],
    ["plants a home", (room) => writeText(join(room, "scratch/home/.npmrc"), "evil\n")],
    ["makes git believe something of it", (room) => appendFileSync(join(room, "index"), "x")],
    ["locks a folder", (room) => chmodSync(join(room, "tree/src"), 0o555)],
    ["removes all of it", (room) => rmSync(room, { recursive: true })],
  ])("and %s changes nothing that is judged", async (_what, work) => {
    const direct = await open({ roomsAhead: { take: async () => undefined } });
    let touched = "";
    const places = {
      ...options.places,
      register: async (place: Parameters<typeof options.places.register>[0]) => {
        touched = place.path ?? "";
        return options.places.register(place);
      },
    };
    rooms = createRoomsAhead(store, { places, disposal: options.disposal, cone: options.cone });
    await rooms.prepare("run-1", head);
    await nextTick(touched);
    work(touched);
    const room = await open({ roomsAhead: rooms });
    expect(await filesIn(treeOf(room))).toEqual(await filesIn(treeOf(direct)));
    expect(await room.listScratch("home")).toEqual([]);
    expect(readFileSync(join(treeOf(room), "kept.txt"), "utf8")).toBe("kept\n");
  });

  it.each<[what: string, work: (room: string) => void]>([
    [
      "rewrites a file in the second in which it was written, before git noted that",
      (room) => {
        const path = join(room, "tree/kept.txt");
        const later = Date.now() / 1_000 + 2;
        keepingDates(path, () => writeFileSync(path, "evil\n"));
        utimesSync(join(room, "index"), later, later);
      },
    ],
    [
      "tells git not to look at a file",
      (room) => {
        const env = { ...process.env, GIT_INDEX_FILE: join(room, "index") };
        const options = { cwd: join(room, "tree"), env };
        execFileSync(
          "git",
          [`--git-dir=${store.gitDir}`, "--work-tree=.", "update-index", "--skip-worktree", "kept.txt"],
          options,
        );
        writeFileSync(join(room, "tree/kept.txt"), "evil\n");
      },
    ],
  ])("and %s changes nothing that is judged, while it is still laid out", async (_what, work) => {
    const direct = await open({ roomsAhead: { take: async () => undefined } });
    let isLaidOut = false;
    let worked = 0;
    const watched: Git = {
      ...store,
      run: async (args, call) => {
        const done = await store.run(args, call);
        if (!isLaidOut && call?.indexFile !== undefined) {
          work(join(call.indexFile, ".."));
          worked += 1;
        }
        return done;
      },
    };
    rooms = createRoomsAhead(watched, options);
    await rooms.prepare("run-1", head);
    isLaidOut = true;
    expect(worked).toBe(1);
    const room = await open({ roomsAhead: rooms });
    expect(await filesIn(treeOf(room))).toEqual(await filesIn(treeOf(direct)));
    expect(readFileSync(join(treeOf(room), "kept.txt"), "utf8")).toBe("kept\n");
  });
});
