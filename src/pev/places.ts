import { randomUUID } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
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
  /** All of them, or those of one step: then no other file is read, however many steps are at work. */
  list(of?: StepOfRun): Promise<readonly Place[]>;
}

export type StepOfRun = { readonly runId: string; readonly stepId?: string | undefined };

/**
 * One small file a place, so that processes of several orchestrators never write the same file. Nothing is synced: it
 * must outlive us, and a machine that lost its power has lost the processes too.
 */
export const openPlaces = async (folder: string): Promise<Places> => {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await removeOrphans(folder, DRAFT);
  /** Of those that this process registered; the names of others are looked for. */
  const names = new Map<string, string>();
  const nameOf = async (id: string): Promise<string | undefined> =>
    names.get(id) ?? (await readdir(folder)).find((name) => idIn(name) === id);
  return {
    register: async (place) => {
      const whole = {
        id: randomUUID(),
        ...place,
        owner: ownerOfThisProcess(),
        createdAt: new Date().toISOString(),
      };
      const name = `${stepMark(whole)}.${whole.id}.json`;
      names.set(whole.id, name);
      await write(folder, name, whole);
      return whole;
    },
    update: async (id, update) => {
      const name = await nameOf(id);
      const place = name && (await read(folder, name));
      if (name && place) await write(folder, name, { ...place, ...update });
    },
    remove: async (id) => {
      const name = await nameOf(id);
      names.delete(id);
      if (name !== undefined) await rm(join(folder, name), { force: true });
    },
    list: (of) => list(folder, of),
  };
};

/** Names begin with it, so that the places of one step are found without reading those of all others. */
const stepMark = ({ runId, stepId }: StepOfRun): string => digestOf([runId, stepId]).slice(0, MARK_CHARS);
const MARK_CHARS = 16;

const MARKED = /^[0-9a-f]{16}\./;

/** Undefined when it is the name of no place; those of older versions bear no mark. */
const idIn = (name: string): string | undefined =>
  /^([0-9a-f-]{36})\.json$/.exec(name.replace(MARKED, ""))?.[1];

const DRAFT = "draft-";

/** A reader sees the old text or the new one, never half of it. */
const write = async (folder: string, name: string, place: Place): Promise<void> => {
  const draft = join(folder, `${shortLivedName(DRAFT)}${randomUUID()}`);
  await writeFile(draft, JSON.stringify(place), { mode: 0o600 });
  await rename(draft, join(folder, name));
};

/** Undefined when it is gone, or is no place: what we cannot read we must not act on. */
const read = async (folder: string, name: string): Promise<Place | undefined> => {
  const text = await readFile(join(folder, name), "utf8").catch((error: NodeJS.ErrnoException) => {
    // A place that could not be looked at, for want of file descriptors say, is not one that is gone.
    if (error.code !== "ENOENT") throw error;
    return undefined;
  });
  if (text === undefined) return undefined;
  try {
    const place = Place.parse(JSON.parse(text));
    return place.id === idIn(name) ? place : undefined;
  } catch {
    return undefined;
  }
};

const list = async (folder: string, of: StepOfRun | undefined): Promise<readonly Place[]> => {
  const names = (await readdir(folder)).filter((name) => idIn(name) !== undefined).sort();
  if (of === undefined) return readAll(folder, names);
  const mark = stepMark(of);
  const places = await readAll(
    folder,
    names.filter((name) => name.startsWith(`${mark}.`) || !MARKED.test(name)),
  );
  return places.filter(({ runId, stepId }) => runId === of.runId && stepId === of.stepId);
};

const readAll = async (folder: string, names: readonly string[]): Promise<readonly Place[]> =>
  (await Promise.all(names.map((name) => read(folder, name)))).filter((place) => place !== undefined);
