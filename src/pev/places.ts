import { randomUUID } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod";
import { ownerOfThisProcess } from "../ledger/owner.js";
import { removeOrphans, shortLivedName } from "./short-lived.js";

const Place = z.strictObject({
  id: z.uuid(),
  kind: z.enum(["workspace", "room", "process"]),
  /** The folder itself; of a process the folder of ours it works in, null when it works in one of the user's. */
  path: z.string().nullable(),
  pid: z.int().optional(),
  startTime: z.number().optional(),
  /** Marks the processes; see process-sweep.ts. */
  token: z.uuid().optional(),
  runId: z.string(),
  stepId: z.string().optional(),
  base: z.string().optional(),
  /** `host:pid:start` of the orchestrator that made it. */
  owner: z.string(),
  createdAt: z.string(),
});
export type Place = Readonly<z.infer<typeof Place>>;

export type NewPlace = Omit<Place, "id" | "owner" | "createdAt"> & { readonly id?: string };
export type PlaceUpdate = Pick<Place, "pid" | "startTime" | "base" | "owner">;

/** The register of every folder and process we make, written before the thing itself is made. */
export interface Places {
  register(place: NewPlace): Promise<Place>;
  update(id: string, update: Partial<PlaceUpdate>): Promise<void>;
  remove(id: string): Promise<void>;
  list(): Promise<readonly Place[]>;
}

/**
 * One small file a place, so that processes of several orchestrators never write the same file. Nothing is synced: it
 * must outlive us, and a machine that lost its power has lost the processes too.
 */
export const openPlaces = async (folder: string): Promise<Places> => {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await removeOrphans(folder, DRAFT);
  return {
    register: async (place) => {
      const whole = {
        id: randomUUID(),
        ...place,
        owner: ownerOfThisProcess(),
        createdAt: new Date().toISOString(),
      };
      await write(folder, whole);
      return whole;
    },
    update: async (id, update) => {
      const place = await read(folder, id);
      if (place !== undefined) await write(folder, { ...place, ...update });
    },
    remove: (id) => rm(fileOf(folder, id), { force: true }),
    list: () => list(folder),
  };
};

const DRAFT = "draft-";

const fileOf = (folder: string, id: string): string => join(folder, `${id}.json`);

/** A reader sees the old text or the new one, never half of it. */
const write = async (folder: string, place: Place): Promise<void> => {
  const draft = join(folder, `${shortLivedName(DRAFT)}${randomUUID()}`);
  await writeFile(draft, JSON.stringify(place), { mode: 0o600 });
  await rename(draft, fileOf(folder, place.id));
};

/** Undefined when it is gone, or is no place: what we cannot read we must not act on. */
const read = async (folder: string, id: string): Promise<Place | undefined> => {
  try {
    const place = Place.parse(JSON.parse(await readFile(fileOf(folder, id), "utf8")));
    return place.id === id ? place : undefined;
  } catch {
    return undefined;
  }
};

const list = async (folder: string): Promise<readonly Place[]> => {
  const names = (await readdir(folder)).filter((name) => name.endsWith(".json")).sort();
  const places = await Promise.all(names.map((name) => read(folder, name.slice(0, -".json".length))));
  return places.filter((place) => place !== undefined);
};
