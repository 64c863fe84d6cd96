import { randomUUID } from "node:crypto";
import { readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { mkdir, unlink } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod";
import { digestOf } from "../core/canonical.js";
import { ownerOfThisProcess } from "../ledger/owner.js";
import { removeOrphans, shortLivedName } from "./short-lived.js";

const Place = z.strictObject({
  id: z.uuid(),
  /** Discarded: a room or workspace that nobody needs any more; see disposal.ts. Draft: a file; see drafts.ts. */
  kind: z.enum(["workspace", "room", "process", "discarded", "draft"]),
  /** The folder itself; of a draft the file; of a process the folder of ours it works in, null when it works in one of the user's. */
  path: z.string().nullable(),
  pid: z.int().optional(),
  startTime: z.number().optional(),
  /** Marks the processes; see process-sweep.ts. */
  token: z.uuid().optional(),
  /** Control groups of a process; see walls/groups.ts. */
  groups: z.array(z.string()).optional(),
  runId: z.string(),
  stepId: z.string().optional(),
  /** Of a raced step's workspace. */
  candidate: z.int().optional(),
  base: z.string().optional(),
  /** `host:pid:start` of the orchestrator that made it. */
  owner: z.string(),
  createdAt: z.string(),
});
export type Place = Readonly<z.infer<typeof Place>>;

export type NewPlace = Omit<Place, "id" | "owner" | "createdAt"> & { readonly id?: string };
export type PlaceUpdate = Pick<Place, "kind" | "pid" | "startTime" | "base" | "owner">;

/** The register of every folder and process we make, written before the thing itself is made. */
export interface Places {
  register(place: NewPlace): Promise<Place>;
  update(id: string, update: Partial<PlaceUpdate>): Promise<void>;
  remove(id: string): Promise<void>;
  /** All of them, or those of one run or step: then no other file is read, however many are at work. */
  list(of?: OfRun): Promise<readonly Place[]>;
}

/** Of the whole run where no step is named. */
export type OfRun = { readonly runId: string; readonly stepId?: string };

/**
 * One small file a place, so that processes of several orchestrators never write the same file. Nothing is synced: it
 * must outlive us, and a machine that lost its power has lost the processes too. Each is read and written in one go, as the
 * journal is: handed to a thread and awaited, a file of a few hundred bytes costs several times as much. Removing one may wait
 * for the disk, which others need not.
 */
export const openPlaces = async (folder: string): Promise<Places> => {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await removeOrphans(folder, DRAFT);
  /** Of those that this process registered; the names of others are looked for. */
  const names = new Map<string, string>();
  const nameOf = (id: string): string | undefined =>
    names.get(id) ?? readdirSync(folder).find((name) => idIn(name) === id);
  return {
    register: async (place) => {
      const whole = {
        id: randomUUID(),
        ...place,
        owner: ownerOfThisProcess(),
        createdAt: new Date().toISOString(),
      };
      const name = `${runMark(whole)}${stepMark(whole)}.${whole.id}.json`;
      names.set(whole.id, name);
      write(folder, name, whole);
      return whole;
    },
    update: async (id, update) => {
      const name = nameOf(id);
      const place = name && read(folder, name);
      if (name && place) write(folder, name, { ...place, ...update });
    },
    remove: async (id) => {
      const name = nameOf(id);
      names.delete(id);
      if (name !== undefined) await unlink(join(folder, name)).catch(ignoreMissing);
    },
    list: async (of) => list(folder, of),
  };
};

/** Names begin with both, so that the places of one run, and of one step, are found without reading those of all others. */
const runMark = ({ runId }: Pick<NewPlace, "runId">): string => digestOf(runId).slice(0, MARK_CHARS);
const stepMark = ({ runId, stepId }: Pick<NewPlace, "runId" | "stepId">): string =>
  digestOf([runId, stepId]).slice(0, MARK_CHARS);
const MARK_CHARS = 12;

const MARKED = /^[0-9a-f]{24}\./;

/** Undefined when it is the name of no place; those of older versions bear no mark, or another one. */
const idIn = (name: string): string | undefined => /^(?:[0-9a-f]+\.)?([0-9a-f-]{36})\.json$/.exec(name)?.[1];

const DRAFT = "draft-";

/** A reader sees the old text or the new one, never half of it. */
const write = (folder: string, name: string, place: Place): void => {
  const draft = join(folder, `${shortLivedName(DRAFT)}${randomUUID()}`);
  writeFileSync(draft, JSON.stringify(place), { mode: 0o600 });
  renameSync(draft, join(folder, name));
};

/** Undefined when it is gone, or is no place: what we cannot read we must not act on. */
const read = (folder: string, name: string): Place | undefined => {
  const text = textOf(join(folder, name));
  if (text === undefined) return undefined;
  try {
    const place = Place.parse(JSON.parse(text));
    return place.id === idIn(name) ? place : undefined;
  } catch {
    return undefined;
  }
};

/** A place that could not be looked at, for want of file descriptors say, is not one that is gone. */
const textOf = (file: string): string | undefined => {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    return undefined;
  }
};

const list = (folder: string, of: OfRun | undefined): readonly Place[] => {
  const names = readdirSync(folder)
    .filter((name) => idIn(name) !== undefined)
    .sort();
  if (of === undefined) return readAll(folder, names);
  const mark = of.stepId === undefined ? runMark(of) : `${runMark(of)}${stepMark(of)}`;
  const places = readAll(
    folder,
    names.filter((name) => name.startsWith(mark) || !MARKED.test(name)),
  );
  return places.filter(
    ({ runId, stepId }) => runId === of.runId && (of.stepId === undefined || stepId === of.stepId),
  );
};

const ignoreMissing = (error: NodeJS.ErrnoException): void => {
  if (error.code !== "ENOENT") throw error;
};

const readAll = (folder: string, names: readonly string[]): readonly Place[] =>
  names.flatMap((name) => read(folder, name) ?? []);
