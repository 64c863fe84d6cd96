import { type ChildProcessByStdio, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { stat } from "node:fs/promises";
import type { Readable, Writable } from "node:stream";
import { LedgerError } from "../core/errors.js";
import type { Redactor } from "../core/redact.js";
import type { ReachedWall } from "../core/walls.js";
import { processIdentity, procStat } from "../ledger/owner.js";
import { bubblewrapArgv, environmentOptions, OPTIONS_FD, STATUS_FD } from "./isolation/bubblewrap.js";
import type { Confinement, Sandbox } from "./isolation/isolation.js";
import { endOfSandboxed, missedBehindShell, readStatus, type SandboxStatus } from "./isolation/status.js";
import type { WayOut } from "./network/way-out.js";
import type { Places } from "./places.js";
import { HeadBytes, OutputLog } from "./process-output.js";
import { killSurvivors, MARKER, signalGroup } from "./process-sweep.js";
import { programPath } from "./walls/program-path.js";
import type { RaisedWalls, Walls } from "./walls/walls.js";

/** On whose behalf a process runs, and in which folder of ours; both are registered before it starts. */
export type ProcessPlace = {
  readonly places: Places;
  /** Absolute and resolved: what still stands in it when the process ends is killed. Null in a folder of the user's. */
  readonly folder: string | null;
  readonly runId: string;
  readonly stepId?: string;
};

export type ProcessCall = {
  readonly argv: readonly string[];
  readonly cwd: string;
  /** All that the process sees, but for the one marker variable. */
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly place: ProcessPlace;
  /** How it is held; left out for programs of the trusted side. */
  readonly confinement?: Confinement;
  readonly walls: Walls;
  readonly signal?: AbortSignal;
  /** Its standard input; none when left out. */
  readonly input?: string;
  /** Takes secrets out of `tail`, `log` and `onOutput`. */
  readonly redactor: Redactor;
  /** Keep so many bytes of the beginning of standard output (0 when not given). */
  readonly stdoutBytesMax?: number;
  readonly onOutput?: (chunk: Buffer) => void;
};

export type ProcessEnd = {
  /** Null when it was stopped, killed, or never started. */
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly timedOut: boolean;
  readonly cancelled: boolean;
  /** The wall that it was ended at. */
  readonly wall: ReachedWall | null;
  /** The disk of its folder was seen full. */
  readonly noSpace: boolean;
  readonly notFound: boolean;
  readonly durationMs: number;
  /** Last bytes of stdout and stderr together, valid UTF-8. */
  readonly tail: string;
  /** As it was printed, secrets included: a report that is redacted could not be read. */
  readonly stdout: string;
  readonly log: Buffer | null;
};

/** Between asking a process to end and ending it. */
const TERM_GRACE_MS = 2_000;
/** A killed process that is stuck in the kernel does not end; nobody waits for it longer than this. */
const KILL_WAIT_MS = 5_000;
/** What is still in the pipe when the process has ended is read this long; a survivor may hold the pipe for ever. */
const DRAIN_MS = 500;

/**
 * The one place where processes of agents and validators start, so that none outlives its call or its limit. The limit
 * bounds the wall: a pipe that a grandchild holds open does not prolong it.
 */
export const runProcess = async (call: ProcessCall): Promise<ProcessEnd> => {
  if (call.signal?.aborted) return { ...NEVER_STARTED, cancelled: true };
  if (call.timeoutMs <= 0) return { ...NEVER_STARTED, timedOut: true };
  await requireFolder(call.cwd);
  const { places, folder, runId, stepId } = call.place;
  const token = randomUUID();
  const step = stepId === undefined ? {} : { stepId };
  if (programPath(call.argv[0] ?? "", call.cwd, call.env.PATH) === undefined)
    return { ...NEVER_STARTED, notFound: true };
  const groups = [...(await call.walls.groupsOf(token))];
  const { id } = await places.register({ kind: "process", path: folder, token, groups, runId, ...step });
  try {
    const wayOut = await wayOutOf(call);
    const walls = await call.walls.raise({ token, folder });
    return await superviseProcess(call, { walls, wayOut, token, placeId: id }).finally(async () => {
      await walls.fall();
      await wayOut?.close();
    });
  } finally {
    await places.remove(id);
  }
};

const NEVER_STARTED: ProcessEnd = {
  exitCode: null,
  signal: null,
  timedOut: false,
  cancelled: false,
  wall: null,
  noSpace: false,
  notFound: false,
  durationMs: 0,
  tail: "",
  stdout: "",
  log: null,
};

/** A missing working folder and a missing program fail with the same ENOENT; only the second is an answer. */
const requireFolder = async (cwd: string): Promise<void> => {
  const found = await stat(cwd).catch(() => undefined);
  if (!found?.isDirectory())
    throw new LedgerError("workspace_unfit", `There is no folder ${cwd} to work in.`);
};

/** Whom the settings let out of its sandbox, to some hosts. */
const wayOutOf = async ({ confinement }: ProcessCall): Promise<WayOut | null> => {
  const rules = confinement?.sandbox?.network ?? [];
  if (rules.length === 0) return null;
  const { openWayOut } = await import("./network/way-out.js");
  return openWayOut(rules);
};

/** What stands around one process. */
type Around = {
  readonly walls: RaisedWalls;
  readonly wayOut: WayOut | null;
  readonly token: string;
  readonly placeId: string;
};

const superviseProcess = async (call: ProcessCall, around: Around): Promise<ProcessEnd> => {
  const { walls, token, placeId } = around;
  const startedAt = performance.now();
  const child = await start(call, around);
  if (child === "not found") return { ...NEVER_STARTED, notFound: true };
  const output = collectOutput(child, call, around);
  const status = statusOf(child);
  const since = startOf(child.pid);
  const exiting = exitOf(
    child,
    call,
    (stop) => walls.watch({ pid: child.pid, since }, stop),
    () => status.now().pid,
  );
  const sweep = async (): Promise<void> => {
    const { pid: init } = status.now();
    const leaders = init === undefined ? [child.pid] : [child.pid, init];
    await walls.end();
    await killSurvivors({ token, folder: call.place.folder, leaders, since });
  };
  try {
    await call.place.places.update(placeId, { pid: child.pid, startTime: since });
  } catch (error) {
    await sweep();
    throw error;
  }
  const { stopped, ...exit } = await exiting;
  if (stopped === null) await output.closed(DRAIN_MS);
  await sweep();
  await output.closed(DRAIN_MS);
  await settledWithin(status.closed, KILL_WAIT_MS);
  const { wall, noSpace } = await walls.found();
  const taken = output.take();
  const isStopped = stopped !== null || wall !== null;
  const end = call.confinement?.sandbox ? endInside(status.now(), exit, isStopped, taken.tail) : exit;
  const missed = around.wayOut !== null && missedBehindShell(status.now(), taken.tail);
  if (missed || end === "not found") return { ...NEVER_STARTED, notFound: true };
  return {
    // One that answers SIGTERM with "exit 0" has not succeeded, and neither has one whose helpers were killed.
    exitCode: isStopped ? null : end.code,
    signal: end.signal,
    timedOut: stopped === "timed out",
    cancelled: stopped === "cancelled",
    wall,
    noSpace,
    notFound: false,
    durationMs: Math.round(performance.now() - startedAt),
    ...taken,
  };
};

/** Of the program; what it was stopped for matters more than how far its sandbox had come. */
const endInside = (
  status: SandboxStatus,
  exit: Omit<Exit, "stopped">,
  isStopped: boolean,
  tail: string,
): Omit<Exit, "stopped"> | "not found" => {
  const end = endOfSandboxed(status, { signal: exit.signal, tail });
  if (end !== "not started") return end;
  if (isStopped) return exit;
  throw new LedgerError(
    "workspace_unfit",
    `The sandbox could not be made: ${tail.trim().split("\n").at(-1)}`,
  );
};

type Child = ChildProcessByStdio<Writable | null, Readable, Readable> & { readonly pid: number };

const NOT_FOUND: ReadonlySet<unknown> = new Set(["ENOENT", "EACCES", "ENOTDIR"]);

const start = async (call: ProcessCall, { walls, wayOut, token }: Around): Promise<Child | "not found"> => {
  const env = { ...call.env, ...wayOut?.environment, [MARKER]: token };
  const { sandbox = null } = call.confinement ?? {};
  // What stands outside of the sandbox obeys nothing that is meant for the program.
  const envOutside = sandbox === null ? env : { [MARKER]: token };
  const [program = "", ...args] = walls.around(
    sandbox === null ? call.argv : inside(call, env, sandbox, wayOut),
    envOutside,
  );
  try {
    const options = sandbox === null ? null : environmentOptions(env);
    const child = spawn(program, args, {
      cwd: call.cwd,
      env: envOutside,
      detached: true,
      stdio: [
        call.input === undefined ? "ignore" : "pipe",
        "pipe",
        "pipe",
        ...(sandbox === null ? [] : (["pipe", "pipe"] as const)),
      ],
    });
    if (child.pid === undefined) throw (await once(child, "error"))[0];
    if (options !== null) tell(child.stdio[OPTIONS_FD] as Writable, options);
    if (call.input !== undefined && child.stdin !== null) tell(child.stdin, call.input);
    return child as Child;
  } catch (error) {
    if (NOT_FOUND.has((error as NodeJS.ErrnoException).code)) return "not found";
    throw new LedgerError("workspace_unfit", `${program} could not be started: ${String(error)}`, {
      cause: error,
    });
  }
};

/** Who ends before he has listened has no need of it. */
const tell = (stream: Writable, text: string): void => {
  stream.on("error", () => stream.destroy());
  stream.end(text);
};

const inside = (
  { argv, cwd }: ProcessCall,
  env: Readonly<Record<string, string>>,
  { bubblewrap, mounts }: Sandbox,
  wayOut: WayOut | null,
): readonly string[] =>
  wayOut === null
    ? bubblewrapArgv(bubblewrap, mounts, cwd, argv)
    : bubblewrapArgv(bubblewrap, [...mounts, wayOut.mount], cwd, wayOut.around(argv, env));

/** It may have ended already; until it is reaped its start can still be read. */
const startOf = (pid: number): number =>
  (process.platform === "linux" ? procStat(pid) : processIdentity(pid))?.startTime ?? 0;

type Exit = {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stopped: "timed out" | "cancelled" | "at a wall" | null;
};

/** What bubblewrap has said so far, and when it has said all; nothing of a process that it does not hold. */
const statusOf = (child: Child) => {
  const said = new HeadBytes(STATUS_BYTES_MAX);
  const stream = child.stdio[STATUS_FD];
  stream?.on("data", (chunk: Buffer) => said.add(chunk));
  stream?.on("error", () => stream.destroy());
  const closed = stream ? new Promise((resolve) => stream.once("close", resolve)) : Promise.resolve();
  return { now: (): SandboxStatus => readStatus(said.text()), closed };
};
/** Two short lines. */
const STATUS_BYTES_MAX = 4_096;

const exitOf = (
  child: Child,
  call: ProcessCall,
  watch: (atWall: () => void) => void,
  insidePid: () => number | undefined,
): Promise<Exit> =>
  new Promise((resolve) => {
    const timers: NodeJS.Timeout[] = [];
    let stopped: Exit["stopped"] = null;
    const end = (code: number | null, signal: NodeJS.Signals | null): void => {
      for (const timer of timers) clearTimeout(timer);
      call.signal?.removeEventListener("abort", cancel);
      resolve({ code, signal, stopped });
    };
    const stop = (why: NonNullable<Exit["stopped"]>): void => {
      if (stopped !== null) return;
      stopped = why;
      // Who is at a wall is not asked: it would go on growing meanwhile.
      const graceMs = why === "at a wall" ? 0 : TERM_GRACE_MS;
      // Bubblewrap itself would end at once, and with it everything inside.
      if (graceMs > 0) signalGroup(insidePid() ?? child.pid, "SIGTERM");
      timers.push(
        setTimeout(() => signalGroup(child.pid, "SIGKILL"), graceMs),
        setTimeout(() => end(null, null), graceMs + KILL_WAIT_MS),
      );
    };
    const cancel = (): void => stop("cancelled");
    timers.push(setTimeout(() => stop("timed out"), call.timeoutMs));
    call.signal?.addEventListener("abort", cancel, { once: true });
    child.once("exit", end);
    watch(() => stop("at a wall"));
    if (call.signal?.aborted) cancel();
  });

const collectOutput = (child: Child, call: ProcessCall, { walls, wayOut }: Around) => {
  const log = new OutputLog();
  const stdout = new HeadBytes(call.stdoutBytesMax ?? 0);
  // Both streams through one, because they are kept as one.
  const redacting = call.redactor.stream();
  const say = (chunk: Buffer): void => {
    if (chunk.length === 0) return;
    log.add(chunk);
    call.onOutput?.(chunk);
  };
  wayOut?.onRefused((sentence) => say(redacting.push(Buffer.from(`${sentence}\n`))));
  const streams = [child.stdout, child.stderr];
  for (const stream of streams) {
    stream.on("data", (chunk: Buffer) => {
      walls.heard(chunk.length);
      if (stream === child.stdout) stdout.add(chunk);
      say(redacting.push(chunk));
    });
    // A pipe that breaks ends like one that is closed.
    stream.on("error", () => stream.destroy());
  }
  const allClosed = Promise.all(
    streams.map((stream) => new Promise((resolve) => stream.once("close", resolve))),
  );
  return {
    closed: (atMostMs: number) => settledWithin(allClosed, atMostMs),
    take: () => {
      for (const stream of streams) stream.destroy();
      say(redacting.end());
      return { tail: log.tail(), stdout: stdout.text(), log: log.log() };
    },
  };
};

const settledWithin = async (promise: Promise<unknown>, atMostMs: number): Promise<void> => {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise((resolve) => {
    timer = setTimeout(resolve, atMostMs);
  });
  await Promise.race([promise, limit]);
  clearTimeout(timer);
};
