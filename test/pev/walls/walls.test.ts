import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { LOG_BYTES } from "../../../src/core/limits.js";
import type { Limits } from "../../../src/core/walls.js";
import type { Place } from "../../../src/pev/places.js";
import type { ProcessCall } from "../../../src/pev/sandbox.js";
import { watchDisk } from "../../../src/pev/walls/disk-use.js";
import { openWalls, type Walls } from "../../../src/pev/walls/walls.js";
import { WIDE, wideWalls } from "../../helpers/walls.js";
import { openCalls } from "../calls.js";
import { isAlive, PATH_ONLY, removeTemp } from "../room-fixtures.js";

const { folder, room, places, run: call } = await openCalls();

const gap = await wideWalls.gap();
const NEEDS_LINUX = "What a process holds is read from /proc, so on Linux only.";
const keptByKernel = (limits: Partial<Limits> = {}): Walls => openWalls({ ...WIDE, ...limits });
const watched = (limits: Partial<Limits> = {}): Walls =>
  openWalls({ ...WIDE, ...limits }, async () => "This test looks for itself.");

const run = (argv: readonly string[], walls: Walls, more: Partial<ProcessCall> = {}) =>
  call(argv, { walls, ...more });
const sh = (script: string, walls: Walls, more: Partial<ProcessCall> = {}) =>
  run(["sh", "-c", script], walls, more);

const MIB = 1024 ** 2;

/** Grows to half a gigabyte in steps, so that who looks from time to time sees it, and a wall that is missing hurts nobody. */
writeFileSync(
  join(folder, "eat.mjs"),
  `const held = [];
const eat = () => { held.push(Buffer.alloc(8 * ${MIB}, 1)); if (held.length < 64) setTimeout(eat, 20); };
eat();`,
);
const eat = `"${process.execPath}" "${join(folder, "eat.mjs")}"`;

describe.each([
  { who: "kept by the kernel", walls: keptByKernel, isKernel: true },
  { who: "watched", walls: watched, isKernel: false },
])("walls $who", ({ walls, isKernel }) => {
  const unfit = process.platform !== "linux" ? NEEDS_LINUX : isKernel && gap;
  const unless = (title: string): string => (unfit ? `${title} (skipped: ${unfit})` : title);

  it.skipIf(unfit)(unless("end a memory bomb, and say so"), async () => {
    const end = await sh(`exec ${eat}`, walls({ memoryBytes: 128 * MIB }));
    expect(end).toMatchObject({
      exitCode: null,
      timedOut: false,
      wall: { wall: "memory", limit: 128 * MIB },
    });
  });

  it.skipIf(unfit)(unless("count all processes of a call together"), async () => {
    const end = await sh(`${eat} & ${eat} & ${eat} & wait`, walls({ memoryBytes: 600 * MIB }));
    expect(end).toMatchObject({ exitCode: null, wall: { wall: "memory" } });
  });

  it.skipIf(unfit)(unless("end what starts too many processes, and leave none"), async () => {
    const forks = "n=0; while [ $n -lt 200 ]; do sleep 1000 & echo $!; n=$((n+1)); done; wait";
    const end = await sh(forks, walls({ processes: 40 }), { stdoutBytesMax: 10_000 });
    expect(end).toMatchObject({ exitCode: null, wall: { wall: "processes", limit: 40 } });
    const pids = end.stdout.split("\n").filter(Boolean).map(Number);
    expect(pids.length).toBeGreaterThan(30);
    expect(pids.filter(isAlive)).toEqual([]);
  });

  it("end what prints too much", async () => {
    const end = await sh("while :; do echo 0123456789; done", walls({ outputBytes: MIB }));
    expect(end).toMatchObject({ exitCode: null, wall: { wall: "output", limit: MIB } });
    expect(end.log?.length).toBeGreaterThanOrEqual(MIB);
  });

  it("end what fills the disk, also by a file that has no name any more", async () => {
    const fill = "head -c 64000000 /dev/zero";
    const limits = { diskBytes: 16 * MIB };
    const named = await sh(`${fill} > big; sleep 1000`, walls(limits));
    expect(named).toMatchObject({ exitCode: null, wall: { wall: "disk", limit: 16 * MIB } });
    const nameless = await sh(`exec 3> big; rm big; ${fill} >&3; sleep 1000`, walls(limits));
    expect(nameless).toMatchObject({ exitCode: null, wall: { wall: "disk" } });
    removeTemp(join(room, "big"));
  });

  it("end what makes too many files, however empty", async () => {
    const make =
      'const fs = require("node:fs"); for (let n = 0; n < 1e6; n += 1) fs.writeFileSync("many/" + n, "")';
    mkdirSync(join(room, "many"));
    const end = await run([process.execPath, "-e", make], walls({ files: 2_000 }));
    expect(end).toMatchObject({ exitCode: null, wall: { wall: "files", limit: 2_000 } });
    removeTemp(join(room, "many"));
  });

  it("are not reached by what is kept from starting more when the program has ended", async () => {
    const busy = "while :; do /bin/true; done &";
    const end = await sh(`${`${busy} `.repeat(8)}sleep 0.2; exit 0`, walls());
    expect(end).toMatchObject({ exitCode: 0, wall: null });
  });

  it("do not mind a file of a terabyte that takes no room", async () => {
    const end = await sh("truncate -s 1T hole && rm hole", walls({ diskBytes: 16 * MIB }));
    expect(end).toMatchObject({ exitCode: 0, wall: null });
  });

  it("outlive a program that removes the folder it works in", async () => {
    const own = join(room, "own");
    mkdirSync(own);
    const place = { places, folder: own, runId: "run-1" };
    const end = await sh(`rm -rf "${own}"; sleep 0.4`, walls(), { cwd: own, place });
    expect(end).toMatchObject({ exitCode: 0, wall: null });
  });

  it("are not in the way of what stays within them", async () => {
    const end = await sh("sleep 0 & wait; exit 3", walls());
    expect(end).toMatchObject({ exitCode: 3, wall: null });
  });

  it.each([["no-such-program"], ["./no-interpreter"], ["./a-folder"]])(
    "do not take %s for a program that failed",
    async (program) => {
      writeFileSync(join(room, "no-interpreter"), "#!/no/such/interpreter\n", { mode: 0o755 });
      mkdirSync(join(room, "a-folder"), { recursive: true });
      expect(await run([program], walls())).toMatchObject({ notFound: true, exitCode: null });
    },
  );

  it("start programs whatever they are called, with exactly the environment they were given", async () => {
    writeFileSync(join(room, "a=b"), '#!/bin/sh\necho "$0 $*"\n', { mode: 0o755 });
    writeFileSync(join(room, "no-first-line"), 'echo "$1"\n', { mode: 0o755 });
    expect((await run(["./a=b", "x  y", "*"], walls())).tail).toBe("./a=b x  y *\n");
    expect((await run(["./no-first-line", "--"], walls())).tail).toBe("--\n");
    const env = { ...PATH_ONLY, PWD: room, SHLVL: "7", ODD: "a\n'b' $c" };
    const end = await run([process.execPath, "-p", "JSON.stringify(process.env)"], walls(), { env });
    expect(JSON.parse(end.tail)).toEqual({ ...env, RUNLEDGER_PROCESS: expect.any(String) });
  });
});

describe("looking at the disk", () => {
  /** More than an eighth of the wall, so that they are counted; that takes many turns of the loop. */
  const raised = async (name: string) => {
    const own = join(room, name);
    mkdirSync(own);
    onTestFinished(() => removeTemp(own));
    const walls = await watched({ files: 8_000, diskBytes: 16 * MIB }).raise({ token: name, folder: own });
    for (let n = 0; n < 3_000; n += 1) writeFileSync(join(own, String(n)), "");
    return { own, walls };
  };

  it("counts at the end what was written since the last count, however short that is ago", async () => {
    const { own, walls } = await raised("counted");
    expect(await walls.found()).toEqual({ wall: null, noSpace: false });
    writeFileSync(join(own, "big"), Buffer.alloc(64 * MIB, 1));
    expect((await walls.found()).wall).toEqual({ wall: "disk", limit: 16 * MIB });
    await walls.fall();
  });

  it("counts from time to time, for others may have freed as much as was written", async () => {
    const [own, ballast] = ["hidden", "ballast"].map((name) => join(room, name)) as [string, string];
    mkdirSync(own);
    writeFileSync(ballast, Buffer.alloc(64 * MIB, 1));
    vi.useFakeTimers({ toFake: ["performance"] });
    onTestFinished(() => {
      vi.useRealTimers();
      removeTemp(own);
    });
    const disk = watchDisk(own, { files: 8_000, diskBytes: 16 * MIB }, () => []);
    removeTemp(ballast);
    writeFileSync(join(own, "big"), Buffer.alloc(32 * MIB, 1));
    expect(await disk?.look("meanwhile")).toBeUndefined();
    vi.advanceTimersByTime(5_001);
    expect(await disk?.look("meanwhile")).toBe("disk");
  });

  it("tells nobody to end what has ended", async () => {
    const { own, walls } = await raised("ended");
    const told: string[] = [];
    walls.watch({ pid: process.pid, since: 0 }, () => told.push("end it"));
    writeFileSync(join(own, "big"), Buffer.alloc(64 * MIB, 1));
    await walls.end();
    expect((await walls.found()).wall).toMatchObject({ wall: "disk" });
    await walls.fall();
    expect(told).toEqual([]);
  });

  it("ends when the walls fall, also in the middle of a count", async () => {
    const { walls } = await raised("fallen");
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    onTestFinished(() => void vi.useRealTimers());
    walls.watch({ pid: process.pid, since: 0 }, () => undefined);
    vi.runOnlyPendingTimers();
    await walls.fall();
    // Another count takes as long as the one that was under way.
    await walls.found();
    await walls.found();
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe.skipIf(process.platform !== "linux" || process.getuid?.() !== 0)(
  "a full disk (only root can make a small one)",
  () => {
    it("is told of whoever fails on it", async () => {
      const disk = join(folder, "disk");
      mkdirSync(disk);
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=4m", "tmpfs", disk]);
      onTestFinished(() => void execFileSync("umount", [disk]));
      const at = { place: { places, folder: disk, runId: "run-1" }, cwd: disk };
      expect(await sh("true", watched(), at)).toMatchObject({ exitCode: 0, noSpace: false });
      const end = await sh("head -c 8000000 /dev/zero > big", watched(), at);
      expect(end).toMatchObject({ exitCode: 1, wall: null, noSpace: true });
      expect(end.tail).toMatch(/No space left/);
    });
  },
);

describe("output", () => {
  it("of a gigabyte without a line end, of any bytes, is survived within fixed memory", async () => {
    const before = process.memoryUsage().rss;
    let peak = before;
    const onOutput = (): void => {
      peak = Math.max(peak, process.memoryUsage().rss);
    };
    const odd = "printf '\\033[2J\\000\\377'";
    const end = await sh(`${odd}; head -c 1000000000 /dev/zero; ${odd}`, watched(), { onOutput });
    expect(end).toMatchObject({ exitCode: 0, wall: null });
    expect(end.tail.endsWith("\u001b[2J\uFFFD\uFFFD")).toBe(true);
    expect(end.log?.length).toBeLessThan(LOG_BYTES + 100);
    expect(peak - before).toBeLessThan(150_000_000);
  });
});

describe.skipIf(gap !== null)(`the group of a call (${gap ?? "control groups"})`, () => {
  it("holds a real fork bomb", async () => {
    const end = await run(
      ["bash", "-c", "bomb() { bomb | bomb & }; bomb; wait"],
      keptByKernel({ processes: 60 }),
    );
    expect(end.wall).toEqual({ wall: "processes", limit: 60 });
    expect(await places.list()).toEqual([]);
  });

  it("does not let a call pass whose child was killed for want of memory", async () => {
    const end = await sh(`${eat}; exit 0`, keptByKernel({ memoryBytes: 128 * MIB }));
    expect(end).toMatchObject({ exitCode: null, wall: { wall: "memory" } });
  });

  it("ends a daemon that left session, environment and folder behind", async () => {
    const file = join(folder, "daemon");
    const daemon = `setsid env -i sh -c 'cd /; setsid sh -c "echo \\$\\$ > ${file}; exec sleep 1000" &' >/dev/null 2>&1 &`;
    const end = await sh(`${daemon} while [ ! -s ${file} ]; do sleep 0.02; done`, keptByKernel());
    expect(end).toMatchObject({ exitCode: 0 });
    expect(isAlive(Number(readFileSync(file, "utf8")))).toBe(false);
  });

  it("is registered while it stands, and gone after", async () => {
    let place: Place | undefined;
    const stop = new AbortController();
    const end = sh("exec sleep 1000", keptByKernel(), { signal: stop.signal });
    place = await eventuallyPlace();
    const groups = place.groups ?? [];
    expect(groups.length).toBeGreaterThan(0);
    // It enters them before it becomes the program.
    for (const group of groups)
      await expect
        .poll(() => readFileSync(join(group, "cgroup.procs"), "utf8"), { timeout: 20_000 })
        .toContain(`${place.pid}\n`);
    stop.abort();
    await end;
    expect(groups.filter((group) => existsSync(group))).toEqual([]);
  });

  it("is gone too when nothing could be started", async () => {
    const walls = keptByKernel();
    const seen: string[] = [];
    const noting: Walls = {
      ...walls,
      groupsOf: async (token) => {
        const groups = await walls.groupsOf(token);
        seen.push(...groups);
        return groups;
      },
    };
    await run(["no-such-program"], noting);
    await expect(run(["echo", "a\0b"], noting)).rejects.toMatchObject({ code: "workspace_unfit" });
    expect(seen).not.toEqual([]);
    expect(seen.filter((group) => existsSync(group))).toEqual([]);
  });
});

const eventuallyPlace = async (): Promise<Place> => {
  await expect.poll(async () => (await places.list())[0]?.pid, { timeout: 20_000 }).toBeDefined();
  const [place] = await places.list();
  return place ?? expect.unreachable("a program of a thousand seconds has ended");
};
