import { LedgerError } from "../../core/errors.js";
import { type Limits, type ReachedWall, reachedWall, type Wall } from "../../core/walls.js";
import { once } from "../once.js";
import { watchDisk } from "./disk-use.js";
import { throughDoors } from "./doors.js";
import { type Group, groupFolders, killGroups, makeGroup, processesIn, removeGroups } from "./groups.js";
import type { Hierarchy } from "./hierarchies.js";
import { probeGroups } from "./probe.js";
import { processesOf, tasksOf, usesMoreThan } from "./process-table.js";

/** What the processes of agents and judges may use together, call by call; see Limits. */
export interface Walls {
  /** Null where the kernel keeps memory and processes and can end all of a call at once; else why it cannot, in one sentence. */
  gap(): Promise<string | null>;
  /** Folders of the kernel's that a call with this token will make; registered before they are made. */
  groupsOf(token: string): Promise<readonly string[]>;
  raise(call: WalledCall): Promise<RaisedWalls>;
}

type WalledCall = {
  readonly token: string;
  /** What is written below it is bounded; null in a folder of the user's. */
  readonly folder: string | null;
};

type Started = { readonly pid: number; readonly since: number };

export type Found = {
  /** The first wall that was reached. */
  readonly wall: ReachedWall | null;
  /** The disk of its folder was seen full. */
  readonly noSpace: boolean;
};

/** Those of one call. */
export type RaisedWalls = {
  /** What has to be started instead of `argv`, so that it begins behind the walls. */
  around(argv: readonly string[], env: Readonly<Record<string, string>>): readonly string[];
  /** Tells once when a wall has been reached. */
  watch(started: Started, onReached: () => void): void;
  /** So many bytes were printed. */
  heard(bytes: number): void;
  /** Ends whatever still stands behind them. */
  end(): Promise<void>;
  /** Looked up once more, whatever that takes; asked when everything has ended, so nobody is told. */
  found(): Promise<Found>;
  fall(): Promise<void>;
};

/** A memory bomb fills a gigabyte in a second; looking costs a few milliseconds where the kernel does not count. */
const WATCH_MS = 250;

/** Who keeps memory and processes where the kernel does not, and what mends that; null where it does. */
export const wallsLack = async (
  walls: Pick<Walls, "gap">,
): Promise<{ readonly because: string; readonly fix: string } | null> => {
  const gap = await walls.gap();
  return gap === null
    ? null
    : { because: `Memory and processes are looked up from time to time: ${gap}.`, fix: IN_A_SCOPE };
};

const IN_A_SCOPE =
  "On Linux with systemd: start it by `systemd-run --user --scope runledger …`, where control groups may be made.";

export const openWalls = (limits: Limits, probe = probeGroups): Walls => {
  const hierarchies = once(() => probe(limits));
  const usable = async (): Promise<readonly Hierarchy[]> => {
    const found = await hierarchies();
    return typeof found === "string" ? [] : found;
  };
  return {
    gap: async () => {
      const found = await hierarchies();
      return typeof found === "string" ? found : null;
    },
    groupsOf: async (token) => groupFolders(await usable(), token),
    raise: async (call) => raiseWalls(limits, await usable(), call),
  };
};

/** A group that could not be made to the end is none. */
const groupOrNothing = async (
  hierarchies: readonly Hierarchy[],
  token: string,
  limits: Limits,
): Promise<Group | undefined> => {
  if (hierarchies.length === 0) return undefined;
  try {
    return makeGroup(hierarchies, token, limits);
  } catch (error) {
    await removeGroups(groupFolders(hierarchies, token));
    throw new LedgerError("workspace_unfit", `No control group could be made: ${String(error)}`, {
      cause: error,
    });
  }
};

const raiseWalls = async (
  limits: Limits,
  hierarchies: readonly Hierarchy[],
  { token, folder }: WalledCall,
): Promise<RaisedWalls> => {
  const groups = groupFolders(hierarchies, token);
  const group = await groupOrNothing(hierarchies, token, limits);
  let started: Started | undefined;
  const processes = (): readonly number[] => {
    if (group !== undefined) return groups.flatMap(processesIn);
    return started === undefined ? [] : processesOf({ token, leaders: [started.pid], since: started.since });
  };
  const disk = folder === null ? undefined : watchDisk(folder, limits, processes);
  let reached: ReachedWall | null = null;
  let printed = 0;
  let tell = (): void => undefined;
  let timer: NodeJS.Timeout | undefined;
  let looking: Promise<void> | undefined;
  let ending = false;
  let fallen = false;
  const note = (wall: Wall | undefined): void => {
    if (wall === undefined || reached !== null) return;
    reached = reachedWall(wall, limits);
    tell();
  };
  const reachedNow = (): Wall | undefined => {
    if (group === undefined) return usedUp(processes(), limits);
    const wall = group.reached();
    return ending && wall === "processes" ? undefined : wall;
  };
  const look = async (when: "meanwhile" | "at the end"): Promise<void> => {
    note(reachedNow());
    note(await disk?.look(when));
  };
  const lookAgain = (): void => {
    if (fallen) return;
    timer = setTimeout(() => {
      looking = look("meanwhile").finally(lookAgain);
    }, WATCH_MS);
  };
  return {
    around: (argv, env) => (group === undefined ? argv : throughDoors(group.doors, argv, env)),
    watch: (begun, onReached) => {
      started = begun;
      tell = onReached;
      lookAgain();
    },
    heard: (bytes) => {
      printed += bytes;
      if (printed > limits.outputBytes) note("output");
    },
    end: async () => {
      // Whoever was there to be ended is gone, and another may have its number.
      tell = () => undefined;
      note(reachedNow());
      // From now on nobody behind the walls can start a process, and the kernel counts who tries.
      ending = true;
      await killGroups(groups);
    },
    found: async () => {
      await looking;
      await look("at the end");
      return { wall: reached, noSpace: disk?.wasFull() ?? false };
    },
    fall: async () => {
      fallen = true;
      clearTimeout(timer);
      await looking;
      await removeGroups(groups);
    },
  };
};

/** Looked up from time to time where the kernel does not keep it. */
const usedUp = (pids: readonly number[], { processes, memoryBytes }: Limits): Wall | undefined => {
  if (tasksOf(pids) > processes) return "processes";
  return usesMoreThan(memoryBytes, pids) ? "memory" : undefined;
};
