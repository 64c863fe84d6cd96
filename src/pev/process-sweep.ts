import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { type ProcStat, procStat } from "../ledger/owner.js";

/** The one variable that is added to every environment; whoever inherits it was started by that call. */
export const MARKER = "RUNLEDGER_PROCESS";

export type SweepTarget = {
  /** Value of the marker. */
  readonly token: string | undefined;
  /** Absolute, resolved path of a folder of ours; null when they worked in one of the user's. */
  readonly folder: string | null;
  /** Ids of groups and sessions; only while the system cannot have given them to somebody else. */
  readonly leaders: readonly number[];
  /** Start of the first of them: nothing older can descend from it. 0 when unknown. */
  readonly since: number;
};

/** A killed process does not vanish at once, and it may have started another one just before. */
const ROUNDS_MAX = 50;
const ROUND_MS = 20;

/**
 * Killing the group alone lets a daemon go (it has a session of its own), so survivors are also known by the marker in
 * their environment and by the folder they stand in. A process that cleans its environment, leaves the folder and its
 * session escapes this; only a process namespace would hold it. Answers how many were found alive.
 */
export const killSurvivors = async (target: SweepTarget): Promise<number> => {
  if (process.platform !== "linux")
    return target.leaders.filter((leader) => signalGroup(leader, "SIGKILL")).length;
  const killed = new Set<number>();
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    const pids = survivors(target);
    if (pids.length === 0) break;
    for (const pid of pids) {
      killed.add(pid);
      signal(pid, "SIGKILL");
    }
    await delay(ROUND_MS);
  }
  return killed.size;
};

/** Answers whether there was such a group. */
export const signalGroup = (leader: number, name: NodeJS.Signals): boolean => signal(-leader, name);

const signal = (pid: number, name: NodeJS.Signals): boolean => {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
};

const survivors = (target: SweepTarget): readonly number[] =>
  readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      const stat = procStat(Number(name));
      return stat !== undefined && isSurvivor(stat, target) ? [stat.pid] : [];
    });

const isSurvivor = (stat: ProcStat, target: SweepTarget): boolean => {
  if (stat.zombie || stat.pid === process.pid || stat.startTime < target.since) return false;
  if (target.leaders.includes(stat.group) || target.leaders.includes(stat.session)) return true;
  return hasMarker(stat.pid, target.token) || (!isAccountedFor(stat) && standsIn(stat.pid, target.folder));
};

/** Standing in the folder proves little of a person who looks around in a terminal, or of a git that we started ourselves. */
const isAccountedFor = (stat: ProcStat): boolean =>
  stat.hasTerminal || (stat.parent === process.pid && process.pid !== 1);

const hasMarker = (pid: number, token: string | undefined): boolean => {
  if (token === undefined) return false;
  try {
    return readFileSync(`/proc/${pid}/environ`).includes(`${MARKER}=${token}`);
  } catch {
    return false;
  }
};

const standsIn = (pid: number, folder: string | null): boolean => {
  if (folder === null) return false;
  try {
    const cwd = readlinkSync(`/proc/${pid}/cwd`).replace(/ \(deleted\)$/, "");
    return cwd === folder || cwd.startsWith(`${folder}/`);
  } catch {
    return false;
  }
};
