import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type CleanRoomOptions, openCleanRoom } from "../../src/pev/clean-room.js";
import type { OwnedRoom } from "../../src/pev/room-frame.js";
import { cleanRoomOptions, removeTemp, storeWithCommits, tempFolder, writeText } from "./room-fixtures.js";

let folder: string;
let options: CleanRoomOptions;
const opened: OwnedRoom[] = [];

beforeEach(async () => {
  folder = tempFolder();
  await useTree({ "go.mod": "module example.org/m\n" });
  useGo("1.20", "mkdir -p $GOCACHE/00 && echo built > $GOCACHE/00/std");
});
afterEach(async () => {
  for (const room of opened.splice(0)) await room.dispose();
  removeTemp(folder);
});

const useTree = async (files: Readonly<Record<string, string>>) => {
  const { store, commits } = await storeWithCommits(folder, [files]);
  options = {
    ...(await cleanRoomOptions(folder, store, commits[0] ?? "")),
    environment: { ...process.env, PATH: `${join(folder, "bin")}:${process.env.PATH}` },
  };
};

/** A go that answers at once, and writes down how it was called. */
const useGo = (version: string, build: string) => {
  const path = join(folder, "bin", "go");
  writeText(
    path,
    `#!/bin/sh\necho "$1 in $PWD" >> ${folder}/calls\ncase $1 in version) echo go version ${version};; build) ${build};; esac\n`,
  );
  chmodSync(path, 0o755);
};
const builds = () =>
  existsSync(join(folder, "calls"))
    ? readFileSync(join(folder, "calls"), "utf8")
        .split("\n")
        .filter((line) => line === "build in /").length
    : 0;

const openRoom = async () => {
  const room = await openCleanRoom(options);
  opened.push(room);
  expect((await room.provision()).filter(({ outcome }) => outcome === "failed")).toEqual([]);
  const sh = async (script: string) =>
    (await room.exec(["sh", "-c", script], { stdoutBytesMax: 10_000 })).stdout.trim();
  return { room, sh };
};
const seeds = () => readdirSync(options.cacheFolder);

describe("Go's cache", () => {
  it("is each room's own: what one leaves there, the next does not find", async () => {
    // The first makes the seed, the others copy it.
    for (let n = 0; n < 3; n += 1) {
      const { room, sh } = await openRoom();
      expect(await sh("echo $GOCACHE")).toBe(join(room.scratch, "go-build"));
      expect(await sh("cat $GOCACHE/00/std; ls $GOCACHE")).toBe("built\n00");
      await sh("echo planted > $GOCACHE/00/std; touch $GOCACHE/planted $GOCACHE/00/planted");
    }
    expect(builds()).toBe(1);
  });

  it("is filled once by rooms that open together", async () => {
    const rooms = await Promise.all([openRoom(), openRoom(), openRoom()]);
    for (const { sh } of rooms) expect(await sh("cat $GOCACHE/00/std")).toBe("built");
    expect(builds()).toBe(1);
    expect(seeds()).toHaveLength(1);
  });

  it("is filled before setup commands of the project run", async () => {
    options = {
      ...options,
      setup: [["sh", "-c", "cat $GOCACHE/00/std > seen; echo planted > $GOCACHE/00/std"]],
    };
    const { room } = await openRoom();
    expect((await room.read("seen", 100))?.toString()).toBe("built\n");
    const next = await openRoom();
    expect(await next.sh("cat seen")).toBe("built");
  });

  it("is made anew for another Go, and the old seed and half-made ones go", async () => {
    mkdirSync(join(options.cacheFolder, "go-old.draft"), { recursive: true });
    await openRoom();
    const [before] = seeds();
    useGo("1.21", "mkdir -p $GOCACHE && echo newer > $GOCACHE/std");
    const { sh } = await openRoom();
    expect(await sh("cat $GOCACHE/std")).toBe("newer");
    expect(seeds()).toHaveLength(1);
    expect(seeds()).not.toEqual([before]);
  });

  it("stays empty when Go cannot fill it, and no seed comes of it", async () => {
    useGo("1.20", "mkdir -p $GOCACHE && touch $GOCACHE/half && exit 1");
    await openRoom();
    expect(existsSync(options.cacheFolder)).toBe(false);
    useGo("1.20", "mkdir -p $GOCACHE && touch $GOCACHE/whole");
    const { sh } = await openRoom();
    expect(await sh("ls $GOCACHE")).toBe("whole");
  });

  it("costs nothing where the tree is no Go module", async () => {
    removeTemp(join(folder, "source"));
    removeTemp(join(folder, "store.git"));
    await useTree({ "package.json": "{}" });
    await openRoom();
    expect(existsSync(join(folder, "calls"))).toBe(false);
  });
});
