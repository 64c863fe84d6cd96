import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  statfsSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Limits, Wall } from "../../core/walls.js";
import { isOrphan, shortLivedName } from "../short-lived.js";
import type { Hierarchy } from "./hierarchies.js";

/** The processes of one call, as the kernel keeps them together: whatever they do to their session or environment. */
export type Group = {
  /** Who writes 0 into them is in the group, and so is all that it starts. */
  readonly doors: readonly string[];
  /** The first wall that was run into; the kernel has refused it, or killed for it, already. */
  reached(): Extract<Wall, "memory" | "processes"> | undefined;
};

/** Of the call that a register knows by this token. */
export const groupFolders = (hierarchies: readonly Hierarchy[], token: string): readonly string[] =>
  hierarchies.map(({ parent }) => join(parent, groupName(token)));

const GROUP = "runledger-";

/** The name says whose it is, for groups whose register is gone. */
const groupName = (token: string): string => `${shortLivedName(GROUP)}${token}`;

/** Those of dead processes; only empty ones can be removed, and what still runs in one is for those who know its register. */
export const removeOrphanGroups = ({ parent }: Hierarchy): void => {
  for (const name of readdirSync(parent)) if (isOrphan(name, GROUP)) removed(join(parent, name));
};

/** The register is a file that others may have written to: only a folder of that name, made by the kernel, can be ours. */
export const isGroupOf = (folder: string, token: string): boolean => {
  try {
    const name = basename(folder);
    return (
      name.startsWith(GROUP) && name.endsWith(`.${token}`) && GROUP_FILE_SYSTEMS.has(statfsSync(folder).type)
    );
  } catch {
    return false;
  }
};

/** Of control groups, version 1 and 2: constants of Linux. */
const GROUP_FILE_SYSTEMS: ReadonlySet<number> = new Set([0x27e0eb, 0x63677270]);

const PROCESSES = "cgroup.procs";

export const makeGroup = (hierarchies: readonly Hierarchy[], token: string, limits: Limits): Group => {
  const folders = groupFolders(hierarchies, token);
  for (const [at, { version, controllers }] of hierarchies.entries()) {
    const folder = folders[at] ?? "";
    mkdirSync(folder);
    if (controllers.includes("memory")) boundMemory(folder, version, limits.memoryBytes);
    if (controllers.includes("pids")) write(folder, "pids.max", limits.processes);
  }
  return {
    doors: folders.map((folder) => join(folder, PROCESSES)),
    reached: () => {
      if (folders.some((folder) => oomKills(folder) > 0)) return "memory";
      return folders.some((folder) => count(folder, "pids.events", "max") > 0) ? "processes" : undefined;
    },
  };
};

/** What swaps does not stop growing, so there is no swap. Of version 2 all go at once: half a test run says nothing. */
const boundMemory = (folder: string, version: 1 | 2, bytes: number): void => {
  write(folder, version === 1 ? "memory.limit_in_bytes" : "memory.max", bytes);
  if (version === 1) writeIfThere(folder, "memory.memsw.limit_in_bytes", bytes);
  else writeIfThere(folder, "memory.swap.max", 0);
  if (version === 2) writeIfThere(folder, "memory.oom.group", 1);
};

const write = (folder: string, name: string, value: number): void =>
  writeFileSync(join(folder, name), String(value));

/** Not every kernel counts swap. */
const writeIfThere = (folder: string, name: string, value: number): void => {
  if (existsSync(join(folder, name))) write(folder, name, value);
};

const oomKills = (folder: string): number =>
  count(folder, "memory.oom_control", "oom_kill") + count(folder, "memory.events", "oom_kill");

/** One of the lines `name number`; 0 where there is no such file. */
const count = (folder: string, file: string, name: string): number => {
  const line = new RegExp(`^${name} (\\d+)$`, "m").exec(textOf(join(folder, file)));
  return Number(line?.[1] ?? 0);
};

const textOf = (file: string): string => {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
};

/** A killed process does not vanish at once. */
const ROUNDS_MAX = 250;
const ROUND_MS = 20;

/** Ends everything in them; answers how many processes were found alive. */
export const killGroups = async (folders: readonly string[]): Promise<number> => {
  const killed = new Set<number>();
  // From now on none of them can start another.
  for (const folder of folders) closeDoor(folder);
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    const pids = folders.flatMap(processesIn);
    if (pids.length === 0) break;
    for (const folder of folders) killAtOnce(folder);
    for (const pid of pids) {
      killed.add(pid);
      kill(pid);
    }
    await delay(ROUND_MS);
  }
  return killed.size;
};

const closeDoor = (folder: string): void => {
  try {
    writeIfThere(folder, "pids.max", 0);
  } catch {
    // It is gone, or was never made to the end.
  }
};

const killAtOnce = (folder: string): void => {
  try {
    writeIfThere(folder, "cgroup.kill", 1);
  } catch {
    // Each of its processes is killed by itself.
  }
};

export const processesIn = (folder: string): readonly number[] =>
  textOf(join(folder, PROCESSES)).split("\n").filter(Boolean).map(Number);

const kill = (pid: number): void => {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has just ended.
  }
};

/** Only empty ones can be removed; answers whether none is left. */
export const removeGroups = async (folders: readonly string[]): Promise<boolean> => {
  let left = folders;
  for (let round = 0; left.length > 0 && round < ROUNDS_MAX; round += 1) {
    left = left.filter((folder) => !removed(folder));
    if (left.length > 0) await delay(ROUND_MS);
  }
  return left.length === 0;
};

const removed = (folder: string): boolean => {
  try {
    rmdirSync(folder);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ENOENT";
  }
};
