import { closeSync, openSync, readlinkSync, readSync } from "node:fs";
import { hostname } from "node:os";

/** A process id alone is reused by the system; together with the start it names one process for ever. */
export type ProcessIdentity = { readonly pid: number; readonly startTime: number };

/** What Linux tells about a process; the start counts clock ticks since boot. */
export type ProcStat = ProcessIdentity & {
  readonly zombie: boolean;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  readonly hasTerminal: boolean;
};

/** Written into leases and registered places, so that others on this machine can see whether their holder still lives. */
export const ownerOfThisProcess = (): string => {
  const { pid, startTime } = selfIdentity();
  return `${host()}:${pid}:${startTime}`;
};

/** True only when it is certain: of an owner on another host, or in another process namespace, nobody here can know. */
export const ownerIsDead = (owner: string): boolean => {
  const [, ownerHost, pid, startTime] = /^(.+):(\d+):(\d+)$/.exec(owner) ?? [];
  if (ownerHost !== host()) return false;
  return !processAlive({ pid: Number(pid), startTime: Number(startTime) });
};

/** Signals cannot tell: a zombie answers them, and so does a stranger who was given the same id later. */
export const processAlive = (identity: ProcessIdentity): boolean =>
  processIdentity(identity.pid)?.startTime === identity.startTime;

/** Undefined when no such process lives; one that only waits to be reaped does not live. */
export const processIdentity = (pid: number): ProcessIdentity | undefined => {
  if (process.platform !== "linux") return identityFromPs(pid);
  const stat = procStat(pid);
  return stat === undefined || stat.zombie ? undefined : { pid, startTime: stat.startTime };
};

const selfIdentity = (): ProcessIdentity => {
  self ??= processIdentity(process.pid);
  if (self === undefined) throw new Error(`The start time of process ${process.pid} cannot be read.`);
  return self;
};
/** Asked for with everything that we make; it stays the same for as long as we live, and so does our namespace. */
let self: ProcessIdentity | undefined;
let namespace: string | undefined;

/** The namespace the machine itself boots with, a constant of the kernel. */
const INITIAL_PID_NAMESPACE = "pid:[4026531836]";

/** Inside another process namespace the same numbers mean other processes, so it counts as another host. */
const host = (): string => {
  if (process.platform !== "linux") return hostname();
  namespace ??= readlinkSync("/proc/self/ns/pid");
  return namespace === INITIAL_PID_NAMESPACE ? hostname() : `${hostname()}/${namespace.replace(/\D/g, "")}`;
};

/** The sweep of survivors reads groups and sessions from it. */
export const procStat = (pid: number): ProcStat | undefined => {
  const line = readProcStat(pid);
  if (line === undefined) return undefined;
  // The name in brackets may itself hold spaces and brackets; the fields begin after the last one.
  const [state, parent, group, session, ...fields] = line.slice(line.lastIndexOf(")") + 2).split(" ");
  return {
    pid,
    zombie: state === "Z" || state === "X",
    parent: Number(parent),
    group: Number(group),
    session: Number(session),
    hasTerminal: fields[0] !== "0",
    startTime: Number(fields[15]),
  };
};

/** A sweep reads one of every process there is: of a file without a size Node would make room for 64 KB each time. */
const readProcStat = (pid: number): string | undefined => {
  try {
    const file = openSync(`/proc/${pid}/stat`, "r");
    try {
      return STAT_LINE.toString("latin1", 0, readSync(file, STAT_LINE, 0, STAT_LINE.length, 0));
    } finally {
      closeSync(file);
    }
  } catch {
    return undefined;
  }
};

/** 52 numbers of at most 20 digits, and a name of 64 bytes at most. */
const STAT_LINE = Buffer.alloc(2_048);

const identityFromPs = (pid: number): ProcessIdentity | undefined => {
  // Where /proc tells it, no command should wait for this module.
  const { spawnSync } = process.getBuiltinModule("node:child_process");
  const ps = spawnSync("ps", ["-o", "state=,lstart=", "-p", String(pid)], {
    encoding: "utf8",
    env: { PATH: "/bin:/usr/bin", LC_ALL: "C", TZ: "UTC" },
  });
  const [, state, started] = /^\s*(\S)\S*\s+(.+?)\s*$/.exec(ps.stdout ?? "") ?? [];
  if (started === undefined || state === "Z") return undefined;
  return { pid, startTime: Date.parse(`${started} UTC`) };
};
