import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { accessSync, constants, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { ownerOfThisProcess } from "../../../src/ledger/owner.js";
import {
  groupFolders,
  killGroups,
  makeGroup,
  removeGroups,
  removeOrphanGroups,
} from "../../../src/pev/walls/groups.js";
import { findHierarchies } from "../../../src/pev/walls/hierarchies.js";
import { openWalls } from "../../../src/pev/walls/walls.js";
import { deadOwner } from "../../helpers/driving.js";
import { WIDE } from "../../helpers/walls.js";
import { isAlive, removeTemp, tempFolder, writeText } from "../room-fixtures.js";

const folder = tempFolder();
afterAll(() => removeTemp(folder));
let counter = 0;

/** A machine by what its kernel tells: mounts below one folder, and the groups that we are in. */
const machine = (mounts: readonly string[], own: readonly string[]) => {
  counter += 1;
  const root = join(folder, String(counter));
  const told = (name: string, lines: readonly string[]): string => {
    writeText(join(root, name), lines.map((line) => `${line}\n`).join(""));
    return join(root, name);
  };
  const kernel = {
    mountInfo: told(
      "mountinfo",
      mounts.map((line) => line.replaceAll("ROOT", root)),
    ),
    ownGroups: told("cgroup", own),
  };
  const group = (path: string, handedOn?: string): string => {
    const at = join(root, path);
    writeText(join(at, "cgroup.procs"), "");
    if (handedOn !== undefined) writeText(join(at, "cgroup.subtree_control"), `${handedOn}\n`);
    return at;
  };
  return { group, kernel };
};

const MIXED = [
  "22 1 0:1 / / rw - ext4 /dev/x rw",
  "30 22 0:2 / ROOT/memory rw,relatime shared:9 - cgroup cgroup rw,memory",
  "31 22 0:3 / ROOT/pids rw,relatime - cgroup cgroup rw,pids",
  "32 22 0:4 / ROOT/unified rw - cgroup2 cgroup2 rw",
];
const UNIFIED = ["32 22 0:4 / ROOT/fs rw - cgroup2 cgroup2 rw,nsdelegate"];
const SESSION = "0::/user.slice/user-1000.slice/user@1000.service/app.slice/term.scope";

describe("places for control groups", () => {
  it("of version 1 are below our own, in the hierarchy of each controller", () => {
    const { group, kernel } = machine(MIXED, ["8:pids:/", "4:memory:/jobs/7", "0::/"]);
    const [pids, memory] = [group("pids"), group("memory/jobs/7")];
    expect(findHierarchies(kernel)).toEqual([
      { version: 1, parent: memory, controllers: ["memory"] },
      { version: 1, parent: pids, controllers: ["pids"] },
    ]);
  });

  it("of version 1 may bound both in one", () => {
    const mount = "30 22 0:2 / ROOT/both rw - cgroup cgroup rw,memory,pids";
    const { group, kernel } = machine([mount], ["4:memory,pids:/x:y"]);
    const parent = group("both/x:y");
    expect(findHierarchies(kernel)).toEqual([{ version: 1, parent, controllers: ["memory", "pids"] }]);
  });

  it("of version 2 are the nearest above ours that hands both controllers on", () => {
    const { group, kernel } = machine(UNIFIED, [SESSION]);
    group("fs", "cpu memory pids");
    const parent = group("fs/user.slice/user-1000.slice/user@1000.service/app.slice", "memory pids");
    group("fs/user.slice/user-1000.slice/user@1000.service/app.slice/term.scope", "");
    expect(findHierarchies(kernel)).toEqual([{ version: 2, parent, controllers: ["memory", "pids"] }]);
  });

  it("are none where a controller is not handed on, or nothing may be made", () => {
    const unhanded = machine(UNIFIED, [SESSION]);
    unhanded.group("fs", "memory");
    expect(findHierarchies(unhanded.kernel)).toBe("no control group of ours may bound processes");
    expect(findHierarchies(machine(UNIFIED, [SESSION]).kernel)).toMatch(/may bound memory$/);
    expect(findHierarchies(machine([], []).kernel)).toMatch(/may bound memory$/);
  });

  it("are none outside of what a container is shown", () => {
    const mounts = MIXED.map((line) => line.replace("0:2 / ", "0:2 /docker/1 "));
    const inside = machine(mounts, ["8:pids:/", "4:memory:/docker/1/sub", "0::/"]);
    inside.group("pids");
    const memory = inside.group("memory/sub");
    expect(findHierarchies(inside.kernel)).toMatchObject([{ parent: memory }, {}]);
    const outside = machine(mounts, ["8:pids:/", "4:memory:/docker/2", "0::/"]);
    outside.group("pids");
    outside.group("memory");
    expect(findHierarchies(outside.kernel)).toMatch(/may bound memory$/);
  });
});

/** The kernel of this machine may know only one version; of the other it is known which files it would be asked with. */
describe("a group of version 2, as files", () => {
  const parent = join(folder, "second");
  mkdirSync(parent);
  const hierarchies = [{ version: 2, parent, controllers: ["memory", "pids"] }] as const;
  const token = randomUUID();
  const [own = ""] = groupFolders(hierarchies, token);
  const group = makeGroup(hierarchies, token, { ...WIDE, memoryBytes: 1_000_000, processes: 50 });
  const read = (name: string): string => readFileSync(join(own, name), "utf8");

  it("is bounded by its maxima and entered through its list of processes", () => {
    expect([read("memory.max"), read("pids.max")]).toEqual(["1000000", "50"]);
    expect(group.doors).toEqual([join(own, "cgroup.procs")]);
  });

  it("tells by its events what was reached", () => {
    expect(group.reached()).toBeUndefined();
    writeFileSync(join(own, "memory.events"), "low 0\noom 3\noom_kill 0\noom_group_kill 0\n");
    writeFileSync(join(own, "pids.events"), "max 0\n");
    expect(group.reached()).toBeUndefined();
    writeFileSync(join(own, "pids.events"), "max 7\n");
    expect(group.reached()).toBe("processes");
    writeFileSync(join(own, "memory.events"), "oom 3\noom_kill 1\n");
    expect(group.reached()).toBe("memory");
  });
});

const UNIFIED_ROOTS = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"];
const realUnified = UNIFIED_ROOTS.find((root) => {
  try {
    accessSync(root, constants.W_OK);
    return existsSync(join(root, "cgroup.controllers"));
  } catch {
    return false;
  }
});

describe.skipIf(realUnified === undefined)("a real group of version 2 (where this user may make one)", () => {
  it("is ended at once, and removed", async () => {
    const group = join(realUnified ?? "", `runledger-${randomUUID()}`);
    mkdirSync(group);
    let child: ChildProcess | undefined;
    try {
      child = spawn("sleep", ["1000"], { stdio: "ignore" });
      writeFileSync(join(group, "cgroup.procs"), String(child.pid));
      expect(await killGroups([group])).toBe(1);
      expect(isAlive(child.pid ?? 0)).toBe(false);
    } finally {
      child?.kill("SIGKILL");
      expect(await removeGroups([group])).toBe(true);
    }
  });
});

describe.skipIf(realUnified === undefined)("groups whose register is gone", () => {
  it("are removed when their owner has ended, and only then", async () => {
    const parent = realUnified ?? "";
    const [dead, living] = [deadOwner, ownerOfThisProcess()].map((owner) =>
      join(parent, `runledger-${encodeURIComponent(owner)}.${randomUUID()}`),
    ) as [string, string];
    for (const group of [dead, living]) mkdirSync(group);
    removeOrphanGroups({ version: 2, parent, controllers: [] });
    expect([existsSync(dead), existsSync(living)]).toEqual([false, true]);
    await removeGroups([living]);
  });
});

describe("walls without control groups", () => {
  it("say why, and register none", async () => {
    const walls = openWalls(WIDE, async () => "There are none.");
    expect(await walls.gap()).toBe("There are none.");
    expect(await walls.groupsOf(randomUUID())).toEqual([]);
  });
});
