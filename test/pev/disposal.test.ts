import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { createDisposal, type Disposal, type RegisteredFolder } from "../../src/pev/disposal.js";
import { openPlaces, type Places } from "../../src/pev/places.js";
import { reclaim } from "../../src/pev/reclaim.js";
import { removeTemp, tempFolder, writeText } from "./room-fixtures.js";

const folder = tempFolder();
let places: Places;
let disposal: Disposal;
let round = 0;

beforeEach(async () => {
  round += 1;
  places = await openPlaces(join(folder, `places-${round}`));
  disposal = createDisposal(places);
});
afterAll(() => removeTemp(folder));

const made = async (kind: "room" | "workspace" = "room"): Promise<RegisteredFolder> => {
  const { id } = await places.register({ kind, path: null, runId: "run-1" });
  const path = join(folder, `root-${round}`, id);
  await places.remove(id);
  await places.register({ id, kind, path, runId: "run-1", base: "none" });
  writeText(join(path, "tree/file"), "x");
  return { id, path };
};

const all = (count: number) => Promise.all(Array.from({ length: count }, () => made()));
const thoseThere = (folders: readonly RegisteredFolder[]) => folders.filter(({ path }) => existsSync(path));

describe("what has served", () => {
  it("is deleted in the background when no run is driven, with its registration", async () => {
    const room = await made();
    await disposal.later(room);
    await disposal.settle();
    expect(existsSync(room.path)).toBe(false);
    expect(await places.list()).toEqual([]);
  });

  it("stays while a run is driven, and is gone when the last one to drive has left", async () => {
    const [one, two] = [disposal.hold(), disposal.hold()];
    const rooms = await all(3);
    for (const room of rooms) await disposal.later(room);
    await one();
    await one();
    expect(thoseThere(rooms)).toHaveLength(3);
    await two();
    expect(thoseThere(rooms)).toEqual([]);
    expect(await places.list()).toEqual([]);
  });

  it("goes all the same when the ledger is closed, and what comes later waits again", async () => {
    disposal.hold();
    await disposal.settle();
    await disposal.later(await made());
    expect((await places.list()).map(({ kind }) => kind)).toEqual(["discarded"]);
    const rooms = await all(2);
    for (const room of rooms) await disposal.later(room);
    await disposal.settle();
    expect(thoseThere(rooms)).toEqual([]);
  });

  it("never fills the disk: of many, most are gone though a run is driven", async () => {
    disposal.hold();
    const rooms = await all(80);
    for (const room of rooms) {
      await disposal.later(room);
      expect(thoseThere(rooms.slice(0, rooms.indexOf(room) + 1)).length).toBeLessThanOrEqual(34);
    }
  });

  it("nor does it when many come together", async () => {
    disposal.hold();
    const rooms = await all(80);
    await Promise.all(rooms.map((room) => disposal.later(room)));
    expect(thoseThere(rooms).length).toBeLessThanOrEqual(34);
  });

  it("goes at once where its register cannot be written, as on a full disk", async () => {
    const full = { ...places, update: () => Promise.reject(new Error("ENOSPC: no space left on device")) };
    const onFullDisk = createDisposal(full);
    onFullDisk.hold();
    const workspace = await made("workspace");
    await onFullDisk.later(workspace);
    expect(existsSync(workspace.path)).toBe(false);
    expect(await places.list()).toEqual([]);
  });

  it("is no workspace any more from that moment on, so that nobody goes on working in it", async () => {
    disposal.hold();
    await disposal.later(await made("workspace"));
    expect((await places.list()).map(({ kind }) => kind)).toEqual(["discarded"]);
  });

  it("is found by the next start after a crash, even of a run that is not finished", async () => {
    disposal.hold();
    const workspace = await made("workspace");
    await disposal.later(workspace);
    const roots = [join(folder, `root-${round}`)];
    const { removed } = await reclaim({ places, roots, isOwnerDead: () => true, keep: () => true });
    expect(removed).toEqual([workspace.path]);
    expect(await places.list()).toEqual([]);
  });
});
