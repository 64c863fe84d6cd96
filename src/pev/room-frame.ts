import { randomUUID } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Execution, Room } from "../../validators/room.js";
import type { ProvisionRecord } from "../core/verdict.js";
import { fillGoCache } from "./go-cache.js";
import type { Places } from "./places.js";
import { openPrivateRoot, removeFolder } from "./private-folder.js";
import { goCacheIn, roomEnvironment } from "./room-environment.js";
import { type ProcessEnd, type ProcessPlace, runProcess } from "./sandbox.js";
import { treeFiles } from "./tree-files.js";

/** A room as its owner has it: prepared before the judge sees it, and thrown away after. */
export interface OwnedRoom extends Room {
  /** Brings in dependencies; the last record tells whether that failed. */
  provision(): Promise<readonly ProvisionRecord[]>;
  /**
   * Tracked files that were written since the room began to be provisioned; but not those that the same judge writes at the
   * base too, for that is the project's habit and not the proposal's doing.
   */
  changedWhileJudged(): Promise<readonly string[]>;
  dispose(): Promise<void>;
}

export type RoomFrameOptions = {
  readonly places: Places;
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
  /** Aborts when nobody wants the verdict any more: everything in the room is stopped. */
  readonly signal: AbortSignal;
};

/** What rooms of both kinds are made of: a private folder that is registered, an environment, and commands with one limit. */
export type RoomFrame = Pick<Room, "scratch" | "readScratch" | "listScratch"> & {
  readonly folder: string;
  commandsIn(cwd: string): Pick<Room, "exec">;
  /** A command of the owner's, outside the validator's limit. */
  run(cwd: string, argv: readonly string[], timeoutMs: number): Promise<ProcessEnd>;
  /** Of what the machine has anyway; before code of the project runs. */
  fillCaches(tree: string): Promise<void>;
  dispose(): Promise<void>;
};

/** Registered first and then made, so that a crash at any moment leaves nothing that nobody knows of. */
export const openRoomFrame = async (options: RoomFrameOptions): Promise<RoomFrame> => {
  const { places, runId, name, passEnv, cacheFolder } = options;
  const id = randomUUID();
  const folder = join(await openPrivateRoot(), id);
  await places.register({ id, kind: "room", path: folder, runId, stepId: name });
  const dispose = async (): Promise<void> => {
    await removeFolder(folder);
    await places.remove(id);
  };
  const scratch = join(folder, "scratch");
  try {
    await mkdir(folder, { mode: 0o700 });
    for (const part of ["home", "tmp"]) await mkdir(join(scratch, part), { recursive: true });
  } catch (error) {
    await dispose();
    throw error;
  }
  const environment = roomEnvironment({ outer: options.environment, passEnv, scratch });
  const place: ProcessPlace = { places, folder, runId, stepId: name };
  const files = treeFiles(scratch);
  const run: RoomFrame["run"] = (cwd, argv, timeoutMs) =>
    runProcess({ argv, cwd, env: environment, timeoutMs, place, signal: options.signal });
  return {
    folder,
    scratch,
    commandsIn: (cwd) => commandsIn(cwd, { environment, place, options }),
    run,
    fillCaches: (tree) => fillGoCache({ tree, goCache: goCacheIn(scratch), cacheFolder, run }),
    readScratch: async (path, bytesMax) => {
      const bytes = await files.read(path, bytesMax + 1);
      return bytes === undefined || bytes.length > bytesMax ? undefined : bytes.toString("utf8");
    },
    listScratch: files.list,
    dispose,
  };
};

type Surroundings = {
  readonly environment: Readonly<Record<string, string>>;
  readonly place: ProcessPlace;
  readonly options: RoomFrameOptions;
};

/** One command after the other: what still stands in the room when one ends is taken for its leftover. */
const commandsIn = (cwd: string, { environment, place, options }: Surroundings): Pick<Room, "exec"> => {
  let until: number | undefined;
  let before: Promise<unknown> = Promise.resolve();
  const exec: Room["exec"] = async (argv, { env, stdoutBytesMax = 0 } = {}): Promise<Execution> => {
    until ??= performance.now() + options.timeoutMs;
    const timeoutMs = Math.ceil(until - performance.now());
    const { signal } = options;
    const call = { argv, cwd, env: { ...environment, ...env }, timeoutMs, stdoutBytesMax, place, signal };
    const { log, cancelled: _, survivors: __, ...end } = await runProcess(call);
    return { argv, ...end, log: log === null ? null : await options.putBlob(log) };
  };
  return {
    exec: (argv, execOptions) => {
      const execution = before.then(() => exec(argv, execOptions));
      before = execution.catch(() => undefined);
      return execution;
    },
  };
};
