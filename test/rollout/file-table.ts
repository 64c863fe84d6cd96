import { mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { HostRun } from "../../src/core/reported.js";
import type { Projection } from "../../src/rollout/projection.js";
import { listed, memoryTable } from "./hosts.js";

/** A host's table as files, one a run, each written whole: what a process leaves when it is killed is what is there. */
export const fileTable = async (folder: string): Promise<Projection> => {
  await mkdir(folder, { recursive: true });
  const fileOf = (id: string): string => join(folder, `${encodeURIComponent(id)}.json`);
  const save = async (run: HostRun): Promise<void> => {
    await writeFile(`${fileOf(run.id)}.new`, JSON.stringify(run));
    await rename(`${fileOf(run.id)}.new`, fileOf(run.id));
  };
  const all = async (): Promise<HostRun[]> => {
    const names = (await readdir(folder)).filter((name) => name.endsWith(".json"));
    return Promise.all(
      names.map(async (name) => JSON.parse(await readFile(join(folder, name), "utf8")) as HostRun),
    );
  };
  /** The rules of a table, on what is there now. */
  const table = async () => memoryTable(new Map((await all()).map((run) => [run.id, run])));
  return {
    name: "files",
    create: async (run) => {
      const made = await (await table()).create(run);
      await save(made);
      return made;
    },
    update: async (id, change) => {
      const { update, records } = await table();
      await update(id, change);
      const changed = records.get(id);
      if (changed !== undefined) await save(changed);
    },
    save,
    read: async (id) => (await all()).find((run) => run.id === id),
    list: async (query) => listed(await all(), query),
  };
};
