import { randomUUID } from "node:crypto";
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { openPlaces, type Place } from "../../src/pev/places.js";
import { removeTemp, tempFolder } from "./room-fixtures.js";

const folder = tempFolder();
afterAll(() => removeTemp(folder));

describe("places", () => {
  it("are registered with an id, an owner and a time, and are there for whoever opens the folder next", async () => {
    const places = await openPlaces(join(folder, "one"));
    const place = await places.register({ kind: "room", path: "/tmp/x", runId: "run-1", stepId: "build" });
    expect(place).toMatchObject({ kind: "room", path: "/tmp/x", runId: "run-1", stepId: "build" });
    expect(place.owner).toMatch(new RegExp(`:${process.pid}:\\d+$`));
    const next = await openPlaces(join(folder, "one"));
    expect(await next.list()).toEqual([place]);
  });

  it("change in part and go away; a second removal and an update of what is gone change nothing", async () => {
    const places = await openPlaces(join(folder, "two"));
    const { id } = await places.register({ kind: "process", path: null, runId: "run-1" });
    await places.update(id, { pid: 4, startTime: 5 });
    expect(await places.list()).toEqual([
      expect.objectContaining({ id, pid: 4, startTime: 5, runId: "run-1" }),
    ]);
    await places.remove(id);
    await places.remove(id);
    await places.update(id, { pid: 6 });
    expect(await places.list()).toEqual([]);
    expect(readdirSync(join(folder, "two"))).toEqual([]);
  });

  it("of one step are found without reading those of others, also those of another process and of an older version", async () => {
    const places = await openPlaces(join(folder, "four"));
    const register = (runId: string, stepId?: string) =>
      places.register({ kind: "workspace", path: "/tmp/x", runId, ...(stepId ? { stepId } : {}) });
    const mine = await register("run-1", "a");
    for (const [runId, stepId] of [["run-1", "b"], ["run-2", "a"], ["run-1"]] as const)
      await register(runId, stepId);
    const of = { runId: "run-1", stepId: "a" };
    const next = await openPlaces(join(folder, "four"));
    // Were the others read as well, one that says it is mine would be believed.
    for (const name of readdirSync(join(folder, "four")).filter((one) => !one.includes(mine.id))) {
      const [, id] = name.split(".");
      writeFileSync(join(folder, "four", name), JSON.stringify({ ...mine, id }));
    }
    expect(await next.list(of)).toEqual([mine]);
    const old = { ...mine, id: randomUUID() };
    writeFileSync(join(folder, "four", `${old.id}.json`), JSON.stringify(old));
    expect(await next.list(of)).toEqual(expect.arrayContaining([mine, old]));
    for (const { id } of await next.list(of)) await next.update(id, { base: "commit" });
    expect((await next.list(of)).map(({ base }) => base)).toEqual(["commit", "commit"]);
    for (const { id } of await next.list(of)) await next.remove(id);
    expect([await places.list(of), await places.list()]).toEqual([
      [],
      expect.objectContaining({ length: 3 }),
    ]);
  });

  it("of one run are found without reading those of others, also those that older versions marked by their step", async () => {
    const places = await openPlaces(join(folder, "six"));
    const register = (runId: string, stepId?: string) =>
      places.register({ kind: "room", path: "/tmp/x", runId, ...(stepId ? { stepId } : {}) });
    const mine = [await register("run-1", "a"), await register("run-1", "b"), await register("run-1")];
    const other = await register("run-2", "a");
    // Were it read, it would be believed.
    const name = readdirSync(join(folder, "six")).find((one) => one.includes(other.id)) ?? "";
    writeFileSync(join(folder, "six", name), JSON.stringify({ ...other, runId: "run-1" }));
    const old = { ...other, id: randomUUID(), runId: "run-1", stepId: "c" };
    writeFileSync(join(folder, "six", `${"0a".repeat(8)}.${old.id}.json`), JSON.stringify(old));
    const byId = (places: readonly Place[]) => places.map(({ id }) => id).sort();
    expect(byId(await places.list({ runId: "run-1" }))).toEqual(byId([...mine, old]));
    expect(await places.list({ runId: "run-1", stepId: "c" })).toEqual([old]);
    await places.update(old.id, { kind: "discarded" });
    await places.remove(old.id);
    expect(byId(await places.list({ runId: "run-1" }))).toEqual(byId(mine));
  });

  it("that cannot be looked at are not taken for gone: that would throw away the work in them", async () => {
    const places = await openPlaces(join(folder, "five"));
    await places.register({ kind: "workspace", path: "/tmp/x", runId: "run-1", stepId: "a" });
    const [name = ""] = readdirSync(join(folder, "five"));
    rmSync(join(folder, "five", name));
    mkdirSync(join(folder, "five", name));
    await expect(places.list({ runId: "run-1", stepId: "a" })).rejects.toMatchObject({ code: "EISDIR" });
    await expect(places.list()).rejects.toMatchObject({ code: "EISDIR" });
  });

  it("that cannot be read, or bear another name than they say, are not acted on", async () => {
    const places = await openPlaces(join(folder, "three"));
    const place = await places.register({ kind: "room", path: "/tmp/x", runId: "run-1" });
    const write = (name: string, text: string) => writeFileSync(join(folder, "three", name), text);
    write("torn.json", '{"id":');
    write("renamed.json", JSON.stringify(place));
    write(`draft-${place.id}`, JSON.stringify(place));
    write("extra.json", JSON.stringify({ ...place, id: "extra" }));
    expect(await places.list()).toEqual([place]);
  });
});
