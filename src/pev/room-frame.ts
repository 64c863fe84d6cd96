import { randomUUID } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Execution, Room } from "../../validators/room.js";
import type { Redactor } from "../core/redact.js";
import type { ProvisionRecord } from "../core/verdict.js";
import type { Disposal, RegisteredFolder } from "./disposal.js";
import { fillGoCache } from "./go-cache.js";
import type { Isolation } from "./isolation/isolation.js";
import type { Places } from "./places.js";
import { openPrivateRoot } from "./private-folder.js";
import { goCacheIn, roomEnvironment } from "./room-environment.js";
import { type ProcessCall, type ProcessEnd, type ProcessPlace, runProcess } from "./sandbox.js";
import { treeFiles } from "./tree-files.js";
import type { Found, Walls } from "./walls/walls.js";

/** A room as its owner has it: prepared before the judge sees it, and thrown away after. */
export interface OwnedRoom extends Room {
  /** Brings in dependencies; the last record tells whether that failed. */
  provision(): Promise<readonly ProvisionRecord[]>;
  /**
   * Tracked files that were written since the room began to be provisioned; but not those that the same judge writes at the
   * base too, for that is the project's habit and not the proposal's doing.
   */
  changedWhileJudged(): Promise<readonly string[]>;
  /** What its commands have run into so far, and those in its room of the base. */
  foundAtWalls(): Promise<Found>;
  dispose(): Promise<void>;
}

export type RoomFrameOptions = {
  readonly places: Places;
  readonly walls: Walls;
  /** Rooms that have served are handed over to it. */
  readonly disposal: Disposal;
  readonly isolation: Pick<Isolation, "confine" | "online">;
  /** What its processes may read besides what every room sees. */
  readonly reads?: readonly string[];
  /** What the validator's commands may only read, of all that is in the room: asked before each of them. */
  readonly readOnly?: () => Promise<readonly string[]>;
  readonly runId: string;
  /** Of the step, or of the criterion. */
  readonly name: string;
  /** These two: see RoomSurroundings. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly passEnv: readonly string[];
  /** See GoCacheFilling. */
  readonly cacheFolder: string;
  /** For all commands of the validator together, from its first one on. */
  readonly timeoutMs: number;
  readonly putBlob: (bytes: Uint8Array) => Promise<string>;
  readonly redactor: Redactor;
  /** Aborts when nobody wants the verdict any more: everything in the room is stopped. */
  readonly signal: AbortSignal;
};

/** What rooms of both kinds are made of: a private folder that is registered, an environment, and commands with one limit. */
export type RoomFrame = Pick<Room, "scratch" | "readScratch" | "writeScratch" | "listScratch"> & {
  readonly folder: string;
  commandsIn(cwd: string): Pick<Room, "exec">;
  /** Commands of the owner's, outside the validator's limit: of our own making, and of the settings. */
  readonly run: RunIn;
  readonly runHeld: RunIn;
  /** By all commands so far. */
  foundAtWalls(): Found;
  /** Of what the machine has anyway; before code of the project runs. */
  fillCaches(tree: string): Promise<void>;
};

export type RunIn = (cwd: string, argv: readonly string[], timeoutMs: number) => Promise<ProcessEnd>;

/** Registered first and then made, so that a crash at any moment leaves nothing that nobody knows of. */
export const makeRoomFolder = async (
  places: Places,
  of: { readonly runId: string; readonly stepId?: string },
): Promise<RegisteredFolder> => {
  const id = randomUUID();
  const path = join(await openPrivateRoot(), id);
  await places.register({ id, kind: "room", path, ...of });
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    await places.remove(id);
    throw error;
  }
  return { id, path };
};

/** Furnishes an empty folder, or one where nothing but the tree has been laid out. */
export const openRoomFrame = async (
  options: RoomFrameOptions,
  room: RegisteredFolder,
): Promise<RoomFrame> => {
  const { places, runId, name, passEnv, cacheFolder, signal, walls, redactor } = options;
  const { isolation, reads = [], readOnly = async () => [] } = options;
  const { online } = isolation;
  const { path: folder } = room;
  const scratch = join(folder, "scratch");
  await mkdir(scratch);
  for (const part of ["home", "tmp"]) await mkdir(join(scratch, part));
  const environment = roomEnvironment({ outer: options.environment, passEnv, scratch, online });
  const place: ProcessPlace = { places, folder, runId, stepId: name };
  const files = treeFiles(scratch);
  const sight = { environment, folders: [folder], reads };
  const confinement = await isolation.confine(sight);
  let found: Found = { wall: null, noSpace: false };
  const start: Start = async (call) => {
    const env = { ...environment, ...call.env };
    const end = await runProcess({ ...call, env, place, walls, signal, redactor });
    found = { wall: found.wall ?? end.wall, noSpace: found.noSpace || end.noSpace };
    return end;
  };
  const startHeld: Start = (call) => start({ ...call, confinement });
  const startJudge: Start = async (call) => {
    const closed = confinement.sandbox === null ? [] : await readOnly();
    if (closed.length === 0) return startHeld(call);
    return start({
      ...call,
      confinement: await isolation.confine({ ...sight, reads: [...reads, ...closed] }),
    });
  };
  const run: RunIn = (cwd, argv, timeoutMs) => start({ argv, cwd, timeoutMs });
  return {
    folder,
    scratch,
    commandsIn: (cwd) => commandsIn(cwd, { start: startJudge, options }),
    run,
    runHeld: (cwd, argv, timeoutMs) => startHeld({ argv, cwd, timeoutMs }),
    foundAtWalls: () => found,
    fillCaches: (tree) => fillGoCache({ tree, goCache: goCacheIn(scratch), cacheFolder, run }),
    readScratch: async (path, bytesMax) => {
      const bytes = await files.read(path, bytesMax + 1);
      return bytes === undefined || bytes.length > bytesMax ? undefined : bytes.toString("utf8");
    },
    writeScratch: (name, text) => writeFile(join(scratch, name), text, { flag: "wx", mode: 0o600 }),
    listScratch: files.list,
  };
};

type Start = (
  call: Pick<ProcessCall, "argv" | "cwd" | "timeoutMs"> &
    Partial<Pick<ProcessCall, "env" | "stdoutBytesMax" | "confinement">>,
) => Promise<ProcessEnd>;

type Surroundings = {
  readonly start: Start;
  readonly options: RoomFrameOptions;
};

/** One command after the other: what still stands in the room when one ends is taken for its leftover. */
const commandsIn = (cwd: string, { start, options }: Surroundings): Pick<Room, "exec"> => {
  let until: number | undefined;
  let before: Promise<unknown> = Promise.resolve();
  const exec: Room["exec"] = async (argv, { env, stdoutBytesMax = 0 } = {}): Promise<Execution> => {
    until ??= performance.now() + options.timeoutMs;
    const timeoutMs = Math.ceil(until - performance.now());
    const end = await start({ argv, cwd, timeoutMs, stdoutBytesMax, env: env ?? {} });
    const { exitCode, signal, timedOut, notFound, durationMs, tail, stdout } = end;
    const log = end.log === null ? null : await options.putBlob(end.log);
    return { argv, exitCode, signal, timedOut, notFound, durationMs, tail, stdout, log };
  };
  return {
    exec: (argv, execOptions) => {
      const execution = before.then(() => exec(argv, execOptions));
      before = execution.catch(() => undefined);
      return execution;
    },
  };
};
