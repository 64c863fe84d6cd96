import { chmod, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { fileCheckpoints, memoryCheckpoints } from "../../src/stores/checkpoints.js";
import type { CheckpointStore } from "../../src/stores/store.js";
import { create } from "../helpers/cast.js";
import { openedIn, temporaryFolder } from "../helpers/ledgers.js";

type Opened = { readonly store: CheckpointStore; readonly again: () => Promise<CheckpointStore> };

/** Each with a second look at the same place; what a process alone remembers has none. */
const stores: { readonly [name: string]: () => Promise<Opened> } = {
  memory: async () => {
    const store = memoryCheckpoints();
    return { store, again: async () => store };
  },
  file: async () => {
    const folder = join(await temporaryFolder(), "checkpoints");
    return { store: fileCheckpoints(folder), again: async () => fileCheckpoints(folder) };
  },
  sqlite: async () => {
    const place = await temporaryFolder();
    const { store, tell } = await openedIn(place);
    for (const runId of ["run_1", "run_2"]) await tell(runId, create());
    return { store: store.checkpoints, again: async () => (await openedIn(place)).store.checkpoints };
  },
};

const named = (id: string, runId = "run_1") => ({ runId, id });
const bytes = (text: string): Buffer => Buffer.from(text);

describe.each(Object.keys(stores))("checkpoints in %s", (name) => {
  const open = async (): Promise<Opened> => {
    const made = await stores[name]?.();
    if (made === undefined) throw new Error(`there is no store ${name}`);
    return made;
  };

  test("are read as they were put, by whoever comes later, and of no other run", async () => {
    const { store, again } = await open();
    const all = Buffer.from(Array.from({ length: 256 }, (_, at) => at));
    await store.put(named("ckpt_1"), all);
    await store.put(named("ckpt_1", "run_2"), bytes("another"));
    await store.put(named("ckpt_2"), new Uint8Array());
    const later = await again();
    expect(Buffer.from((await later.get(named("ckpt_1"))) ?? []).equals(all)).toBe(true);
    expect(Buffer.from((await later.get(named("ckpt_1", "run_2"))) ?? []).toString()).toBe("another");
    expect(await later.get(named("ckpt_2"))).toHaveLength(0);
    expect(await later.get(named("ckpt_3"))).toBeUndefined();
    expect(await later.get(named("ckpt_1", "run_3"))).toBeUndefined();
  });

  test("are put once under an id, and what was there stays", async () => {
    const { store } = await open();
    await store.put(named("ckpt_1"), bytes("first"));
    await expect(store.put(named("ckpt_1"), bytes("second"))).rejects.toThrow();
    expect(Buffer.from((await store.get(named("ckpt_1"))) ?? []).toString()).toBe("first");
  });

  test("keep what they were given, though who gave it goes on with the bytes", async () => {
    const { store } = await open();
    const mine = bytes("mine");
    await store.put(named("ckpt_1"), mine);
    mine.fill(0);
    expect(Buffer.from((await store.get(named("ckpt_1"))) ?? []).toString()).toBe("mine");
  });

  test("go one by one, or with all of their run, and nobody minds when they are gone", async () => {
    const { store, again } = await open();
    for (const id of ["ckpt_1", "ckpt_2", "ckpt_3"]) await store.put(named(id), bytes(id));
    await store.put(named("ckpt_1", "run_2"), bytes("other"));
    await store.remove("run_1", ["ckpt_2"]);
    await store.remove("run_1", ["ckpt_2", "ckpt_4"]);
    expect(await store.get(named("ckpt_2"))).toBeUndefined();
    expect(await store.get(named("ckpt_1"))).toBeDefined();
    const sizes = async (runId: string) => [...(await store.sizes(runId))].sort();
    expect(await sizes("run_1")).toEqual([
      ["ckpt_1", 6],
      ["ckpt_3", 6],
    ]);
    expect(await sizes("run_2")).toEqual([["ckpt_1", 5]]);
    expect(await sizes("run_9")).toEqual([]);
    await store.removeRun("run_1");
    await store.removeRun("run_9");
    const later = await again();
    for (const id of ["ckpt_1", "ckpt_3"]) expect(await later.get(named(id))).toBeUndefined();
    expect(await later.get(named("ckpt_1", "run_2"))).toBeDefined();
  });
});

describe("checkpoints in files", () => {
  test("are readable by their owner alone, and leave no draft", async () => {
    const folder = join(await temporaryFolder(), "checkpoints");
    await fileCheckpoints(folder).put(named("ckpt_1"), bytes("secret"));
    expect(await readdir(join(folder, "run_1"))).toEqual(["ckpt_1"]);
    expect((await stat(join(folder, "run_1", "ckpt_1"))).mode & 0o777).toBe(0o600);
    expect((await stat(join(folder, "run_1"))).mode & 0o777).toBe(0o700);
  });

  test.each(["../out", "a/b", "", ".", "-x", "a\0b"])("are never named %j", async (id) => {
    const folder = join(await temporaryFolder(), "checkpoints");
    const store = fileCheckpoints(folder);
    await expect(Promise.resolve().then(() => store.put(named(id), bytes("x")))).rejects.toThrow(
      "cannot name a file",
    );
    await expect(Promise.resolve().then(() => store.get(named("ckpt_1", id)))).rejects.toThrow(
      "cannot name a file",
    );
    await expect(Promise.resolve().then(() => store.removeRun(id))).rejects.toThrow("cannot name a file");
  });

  test.skipIf(process.getuid?.() === 0)("say so when they cannot be written", async () => {
    const folder = await temporaryFolder();
    await chmod(folder, 0o500);
    await expect(
      fileCheckpoints(join(folder, "checkpoints")).put(named("ckpt_1"), bytes("x")),
    ).rejects.toMatchObject({
      code: "store_unavailable",
    });
    await chmod(folder, 0o700);
  });
});
