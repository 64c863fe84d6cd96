import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { ownerIsDead, processIdentity } from "../../src/ledger/owner.js";
import { registerDraft } from "../../src/pev/drafts.js";
import { openPlaces, type Place, type Places } from "../../src/pev/places.js";
import { openPrivateRoot } from "../../src/pev/private-folder.js";
import { reclaim } from "../../src/pev/reclaim.js";
import { wideWalls } from "../helpers/walls.js";
import { eventually, isAlive, removeTemp, tempFolder, writeText } from "./room-fixtures.js";

const folder = tempFolder();
const root = join(folder, "root");
let places: Places;
let counter = 0;

beforeAll(() => mkdirSync(root));
beforeEach(async () => {
  counter += 1;
  places = await openPlaces(join(folder, `places-${counter}`));
});
afterAll(() => removeTemp(folder));

const sweep = (more: { keep?: (place: Place) => boolean; isOwnerDead?: (owner: string) => boolean } = {}) =>
  reclaim({ places, roots: [root], isOwnerDead: () => true, keep: () => false, ...more });

const makePlace = async (kind: "room" | "workspace", runId = "run-1") => {
  const { id } = await places.register({ kind, path: "/unused", runId });
  const path = join(root, id);
  writeText(join(path, "tree/file"), "x");
  rewrite(id, { path });
  return { id, path };
};

/** Others who can write the register could do the same. */
const rewrite = (id: string, change: Record<string, unknown>) => {
  const register = join(folder, `places-${counter}`);
  const file = join(register, readdirSync(register).find((name) => name.includes(id)) ?? "");
  writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, "utf8")), ...change }));
};

describe("reclaim", () => {
  it("removes rooms of dead owners and leaves those of living ones", async () => {
    const room = await makePlace("room");
    expect(await sweep({ isOwnerDead: ownerIsDead })).toEqual({ killed: 0, removed: [], kept: [] });
    expect(existsSync(room.path)).toBe(true);
    expect(await sweep()).toEqual({ killed: 0, removed: [room.path], kept: [] });
    expect(existsSync(room.path)).toBe(false);
    expect(await places.list()).toEqual([]);
  });

  it("removes drafts of dead owners, and nothing else that a register may name so", async () => {
    const draft = await registerDraft(places, "run-1", folder);
    writeFileSync(draft.path, "half");
    const [{ id } = { id: "" }] = await places.list();
    expect(await sweep({ isOwnerDead: ownerIsDead })).toMatchObject({ removed: [] });
    const mine = join(folder, "mine.txt");
    writeFileSync(mine, "mine");
    for (const path of [mine, join(folder, `.runledger-${randomUUID()}.unfinished`)]) {
      writeFileSync(path, "mine");
      rewrite(id, { path });
      expect(await sweep()).toMatchObject({ removed: [], kept: [{ id }] });
      expect(readFileSync(path, "utf8")).toBe("mine");
    }
    rewrite(id, { path: draft.path });
    expect(await sweep()).toMatchObject({ removed: [draft.path] });
    expect([existsSync(draft.path), await places.list()]).toEqual([false, []]);
  });

  it("keeps workspaces of unfinished runs, and only workspaces", async () => {
    const room = await makePlace("room", "open");
    const open = await makePlace("workspace", "open");
    const done = await makePlace("workspace", "done");
    const { removed, kept } = await sweep({ keep: ({ runId }) => runId === "open" });
    expect([...removed].sort()).toEqual([room.path, done.path].sort());
    expect(kept.map(({ id }) => id)).toEqual([open.id]);
    expect(existsSync(open.path)).toBe(true);
  });

  it("changes nothing the second time, and forgets what was registered but never made", async () => {
    const room = await makePlace("room");
    removeTemp(room.path);
    expect((await sweep()).removed).toEqual([room.path]);
    expect(await sweep()).toEqual({ killed: 0, removed: [], kept: [] });
  });

  it("removes nothing outside its roots, whatever the register says", async () => {
    const elsewhere = await makePlace("room");
    const outside = join(folder, "outside", elsewhere.id);
    writeText(join(outside, "file"), "mine");
    for (const path of [outside, `${root}/../outside/${elsewhere.id}`, "/", root, folder]) {
      rewrite(elsewhere.id, { path });
      expect((await sweep()).removed).toEqual([]);
    }
    expect(readFileSync(join(outside, "file"), "utf8")).toBe("mine");
    expect((await places.list()).map(({ id }) => id)).toEqual([elsewhere.id]);
  });

  it("removes nothing that is named otherwise than registered", async () => {
    const [one, two] = [await makePlace("room"), await makePlace("workspace")];
    rewrite(one.id, { path: two.path });
    expect((await sweep({ keep: () => true })).removed).toEqual([]);
    expect(existsSync(two.path)).toBe(true);
  });

  it("does not follow a link that took the place of a folder, or lies inside it", async () => {
    const victim = join(folder, `victim-${counter}`);
    writeText(join(victim, "file"), "mine");
    const [replaced, inside] = [await makePlace("room"), await makePlace("room")];
    removeTemp(replaced.path);
    symlinkSync(victim, replaced.path);
    symlinkSync(victim, join(inside.path, "link"));
    expect((await sweep()).removed).toEqual([inside.path]);
    expect(readFileSync(join(victim, "file"), "utf8")).toBe("mine");
  });
});

describe("processes", () => {
  const started: ChildProcess[] = [];
  afterAll(() => {
    for (const child of started) child.kill("SIGKILL");
  });
  const start = () => {
    const child = spawn("sleep", ["1000"], { cwd: root, detached: true, stdio: "ignore" });
    started.push(child);
    return processIdentity(child.pid ?? 0) ?? expect.fail("it did not start");
  };

  it("of dead owners are killed by id and start", async () => {
    const { pid, startTime } = start();
    await places.register({ kind: "process", path: null, runId: "run-1", pid, startTime });
    expect((await sweep()).killed).toBe(1);
    expect(isAlive(pid)).toBe(false);
    expect(await places.list()).toEqual([]);
  });

  it("are not taken from a folder that only looks like a control group", async () => {
    const { pid } = start();
    const token = randomUUID();
    const group = join(folder, `runledger-x.${token}`);
    writeText(join(group, "cgroup.procs"), `${pid}\n`);
    await places.register({ kind: "process", path: null, runId: "run-1", token, groups: [group] });
    expect((await sweep()).killed).toBe(0);
    expect(isAlive(pid)).toBe(true);
    expect(existsSync(group)).toBe(true);
  });

  it("that got the same id later are left alone", async () => {
    const { pid, startTime } = start();
    await places.register({ kind: "process", path: null, runId: "run-1", pid, startTime: startTime - 1 });
    expect((await sweep()).killed).toBe(0);
    expect(isAlive(pid)).toBe(true);
  });

  it("that stand somewhere else than in a folder of ours are left alone, whatever the register says", async () => {
    const { pid } = start();
    await places.register({ kind: "process", path: "/", runId: "run-1" });
    await places.register({ kind: "process", path: root, runId: "run-1" });
    expect((await sweep()).killed).toBe(0);
    expect(isAlive(pid)).toBe(true);
  });
});

describe.skipIf(process.platform !== "linux")(
  "a folder in which somebody still writes (read from /proc)",
  () => {
    it("is removed once that one has ended: nobody else knows of a git that a dead orchestrator started", async () => {
      const room = await makePlace("room");
      // Not our child, as it is not the next orchestrator's.
      const line = "setsid sh -c 'n=0; while :; do n=$((n + 1)); mkdir -p d$n; : > d$n/f; done' & echo $!";
      const shell = spawn("sh", ["-c", line], { cwd: room.path, stdio: ["ignore", "pipe", "ignore"] });
      const [said] = await once(shell.stdout, "data");
      const pid = Number(String(said));
      onTestFinished(() => {
        if (isAlive(pid)) process.kill(pid, "SIGKILL");
      });
      await eventually(() => (existsSync(join(room.path, "d50")) ? true : undefined));
      expect(await sweep()).toEqual({ killed: 0, removed: [room.path], kept: [] });
      expect(existsSync(room.path)).toBe(false);
      expect(isAlive(pid)).toBe(false);
    });
  },
);

const pidIn = (file: string): number | undefined => {
  try {
    return Number(readFileSync(file, "utf8")) || undefined;
  } catch {
    return undefined;
  }
};

describe.skipIf(process.platform !== "linux")(
  "after kill -9 of the orchestrator (read from /proc, so on Linux only)",
  () => {
    it("what it ran in a room, a daemon with its own session included, is killed, and the room removed", async () => {
      const own = join(folder, "orchestrator");
      const cleaned = (await wideWalls.gap()) === null ? ["cleaned"] : [];
      mkdirSync(own);
      const orchestrator = spawn(
        process.execPath,
        ["--import", "tsx", resolve("test/pev/orchestrator-process.ts"), own, ...cleaned],
        {
          stdio: ["ignore", "inherit", "inherit"],
        },
      );
      const pids = await Promise.all(
        ["command", "daemon", ...cleaned].map((name) => eventually(() => pidIn(join(own, name)))),
      );
      orchestrator.kill("SIGKILL");
      await new Promise((done) => orchestrator.once("exit", done));
      places = await openPlaces(join(own, "places"));
      const [room] = (await places.list()).filter(({ kind }) => kind === "room");
      const groups = (await places.list()).flatMap((place) => place.groups ?? []);
      expect(groups.filter((group) => existsSync(group))).toEqual(groups);
      expect(groups.length > 0).toBe(cleaned.length > 0);
      expect(pids.filter((pid) => !isAlive(pid))).toEqual([]);
      expect(existsSync(room?.path ?? "")).toBe(true);

      const roots = [await openPrivateRoot()];
      const done = await reclaim({ places, roots, isOwnerDead: ownerIsDead, keep: () => true });
      expect(done.removed).toEqual([room?.path]);
      expect(done.killed).toBeGreaterThanOrEqual(2);
      expect(pids.filter(isAlive)).toEqual([]);
      expect(groups.filter((group) => existsSync(group))).toEqual([]);
      expect(existsSync(room?.path ?? "")).toBe(false);
      expect(readdirSync(join(own, "places"))).toEqual([]);
    });
  },
);
