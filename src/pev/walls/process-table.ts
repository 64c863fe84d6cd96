import { readdirSync, readFileSync } from "node:fs";
import { type ProcStat, procStat } from "../../ledger/owner.js";
import { MARKER, type SweepTarget } from "../process-sweep.js";

/** Many calls are watched at the same time; all of them look at one table no older than this. */
const TABLE_MS = 100;

type Entry = { readonly stat: ProcStat; readonly environment: string };
let table: { readonly at: number; readonly entries: readonly Entry[] } | undefined;

/**
 * Those of a call, as far as session, environment and descent tell; where there is no /proc, none. In a process namespace
 * nobody can break the line of descent.
 */
export const processesOf = ({ token, leaders, since }: Omit<SweepTarget, "folder">): readonly number[] => {
  const entries = entriesNow().filter(({ stat }) => stat.startTime >= since);
  const found = new Set(
    entries.filter((entry) => isNamed(entry, leaders, token)).map(({ stat }) => stat.pid),
  );
  for (let before = -1; before < found.size; ) {
    before = found.size;
    for (const { stat } of entries) if (found.has(stat.parent)) found.add(stat.pid);
  }
  return [...found];
};

const isNamed = (
  { stat, environment }: Entry,
  leaders: readonly number[],
  token: string | undefined,
): boolean =>
  leaders.includes(stat.session) ||
  leaders.includes(stat.group) ||
  environment.includes(`${MARKER}=${token}`);

const entriesNow = (): readonly Entry[] => {
  const now = performance.now();
  if (table === undefined || now - table.at > TABLE_MS) table = { at: now, entries: readTable() };
  return table.entries;
};

const readTable = (): readonly Entry[] => {
  const ownStart = procStat(process.pid)?.startTime ?? 0;
  return namesIn("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      const stat = procStat(Number(name));
      // What is older than we are is nobody we started.
      if (stat === undefined || stat.zombie || stat.startTime < ownStart) return [];
      return [{ stat, environment: textOf(`/proc/${name}/environ`) }];
    });
};

const namesIn = (folder: string): readonly string[] => {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
};

const textOf = (file: string): string => {
  try {
    return readFileSync(file, "latin1");
  } catch {
    return "";
  }
};

/** Processes and threads together. */
export const tasksOf = (pids: readonly number[]): number =>
  sum(pids.map((pid) => numberIn(`/proc/${pid}/status`, "Threads")));

/** Whether together they use more memory than this, swap included; pages they share count once. */
export const usesMoreThan = (bytes: number, pids: readonly number[]): boolean => {
  const resident = (pid: number): number =>
    numberIn(`/proc/${pid}/status`, "VmRSS") + numberIn(`/proc/${pid}/status`, "VmSwap");
  // Quick to read, and never too small; only when that is too much the shares are added up.
  if (sum(pids.map(resident)) * KIB <= bytes) return false;
  return sum(pids.map((pid) => shareOf(pid) || resident(pid))) * KIB > bytes;
};

const KIB = 1024;

const shareOf = (pid: number): number =>
  numberIn(`/proc/${pid}/smaps_rollup`, "Pss") + numberIn(`/proc/${pid}/smaps_rollup`, "SwapPss");

const numberIn = (file: string, name: string): number =>
  Number(new RegExp(`^${name}:\\s*(\\d+)`, "m").exec(textOf(file))?.[1] ?? 0);

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
