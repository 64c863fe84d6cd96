import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { openPlaces } from "../../src/pev/places.js";
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
