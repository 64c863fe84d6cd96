// How soon a verdict has its room, against a plain `git worktree add` of the same commit in the same repository; and all of
// a verdict's room, taken, asked one command and handed over, against that worktree and the bare command.
// The places of both are removed after the row: removing and at once making files again is slow on some file systems.
import { execFile } from "node:child_process";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { createRedactor } from "../../dist/src/core/redact.js";
import { openCleanRoom } from "../../dist/src/pev/clean-room.js";
import { coneOf } from "../../dist/src/pev/cone.js";
import { createDisposal } from "../../dist/src/pev/disposal.js";
import { openPrivateStore } from "../../dist/src/pev/git.js";
import { createIsolation } from "../../dist/src/pev/isolation/isolation.js";
import { openPlaces } from "../../dist/src/pev/places.js";
import { createRoomsAhead } from "../../dist/src/pev/rooms-ahead.js";
import { openWalls } from "../../dist/src/pev/walls/walls.js";
import { LIMITS } from "../limits.mjs";
import { median, millis, paired, row } from "../measure.mjs";
import { commitEdit, makeProject } from "../project.mjs";

const run = promisify(execFile);

/** Aims of research: goal 13, and "never more than 1.2" where no room was laid out ahead. */
const AIMS = { 100: 0.65, 5000: 0.2 };
const DIRECT_MAX = 1.2;

export async function* rows() {
  const ready = {};
  for (const files of [100, 500, 5_000, 50_000]) {
    const bench = await openRooms(files);
    const repetitions = files > 5_000 ? 3 : undefined;
    const floor = () => bench.worktree();
    const aim = AIMS[files] === undefined ? undefined : { max: AIMS[files] };
    const ahead = await paired({
      name: `room ready, laid out ahead, ${files} files`,
      ours: () => bench.laidAhead(),
      floor,
      ...(aim === undefined ? {} : { aim }),
      bound:
        "each file is read and compared when the room is taken; where making files is quick, that is most of it",
      repetitions,
    });
    yield ahead;
    ready[files] = ahead.ours;
    const aimDirect = { max: DIRECT_MAX };
    const name = `room ready, nothing laid out, ${files} files`;
    const bound = "making files, which some file systems are slower at after so many were deleted";
    yield await paired({ name, ours: () => bench.direct(), floor, aim: aimDirect, bound, repetitions });
    yield await paired({
      name: `verdict by "true", room laid out ahead, ${files} files`,
      ours: () => bench.verdict(),
      floor: () => bench.worktree(["sh", "-c", "true"]),
      repetitions,
    });
    yield bench.handOver();
    await bench.dispose();
  }
  yield* sparseRooms();
  for (const [more, less] of [
    [5_000, 500],
    [50_000, 5_000],
  ])
    yield row({
      name: `room ready, laid out ahead, ${more} files over ${less}`,
      ratio: ready[more] / ready[less],
      ours: ready[more],
      floor: ready[less],
      unit: "ms",
      aim: { max: 10 },
    });
}

/** Of 50,000 files in 125 folders. */
const CONE = ["src/part-0", "src/part-1", "src/part-2"];

async function* sparseRooms() {
  const bench = await openRooms(50_000, CONE);
  const of = "50000 files, 1,200 of them laid out";
  const floor = () => bench.worktree();
  yield await paired({
    name: `room ready, laid out ahead, ${of}`,
    ours: () => bench.laidAhead(),
    floor,
    repetitions: 3,
  });
  yield await paired({
    name: `room ready, nothing laid out, ${of}`,
    ours: () => bench.direct(),
    floor,
    repetitions: 3,
  });
  await bench.dispose();
}

/** What a machine offers when settings ask for nothing, as users have it. */
const surroundingsIn = (place, checkout) => {
  const walls = openWalls(LIMITS);
  const isolation = createIsolation({
    minimum: 0,
    maximum: 3,
    visible: [],
    network: [],
    environment: process.env,
    checkout,
    dataDir: join(place, "data"),
    workspaceRoot: join(place, "workspaces"),
    walls,
    memoryBytes: LIMITS.memoryBytes,
  });
  return { walls, isolation, redactor: createRedactor([]) };
};

const openRooms = async (files, sparse = []) => {
  const project = await makeProject(files);
  const { place, repo, git } = project;
  const head = (await git("rev-parse", "HEAD")).stdout.trim();
  const commit = await commitEdit(project);
  const store = await openPrivateStore(join(place, "store.git"));
  await store.run(["fetch", "--quiet", repo, "main:refs/heads/main"]);
  await store.run(["repack", "-a", "-d", "--quiet"]);
  const places = await openPlaces(join(place, "places"));
  const disposal = createDisposal(places);
  const release = disposal.hold();
  const cone = coneOf(sparse);
  const roomsAhead = createRoomsAhead(store, { places, disposal, cone });
  const options = {
    ...surroundingsIn(place, repo),
    cone,
    cache: [],
    userBase: null,
    ownFiles: [],
    store,
    roomsAhead,
    commit,
    base: head,
    places,
    disposal,
    runId: "run",
    name: "step",
    environment: process.env,
    passEnv: [],
    cacheFolder: join(place, "cache"),
    timeoutMs: 60_000,
    putBlob: async () => "",
    signal: new AbortController().signal,
    projectDir: repo,
    setup: [],
    share: [],
    protect: [],
    watched: true,
    validatorDigest: "",
    baseCache: { get: async () => undefined, set: async () => undefined },
  };
  const handOvers = [];
  const direct = async () => {
    let room;
    const took = await millis(async () => {
      room = await openCleanRoom(options);
      await room.provision();
    });
    handOvers.push(await millis(() => room.dispose()));
    return took;
  };
  let made = 0;
  return {
    direct,
    laidAhead: async () => {
      await roomsAhead.prepare("run", head);
      return direct();
    },
    verdict: async () => {
      await roomsAhead.prepare("run", head);
      return millis(async () => {
        const room = await openCleanRoom(options);
        await room.provision();
        await room.exec(["sh", "-c", "true"]);
        await room.dispose();
      });
    },
    worktree: (command) => {
      made += 1;
      const folder = join(place, `worktree-${made}`);
      return millis(async () => {
        await run("git", ["worktree", "add", "--quiet", "--detach", folder, commit], { cwd: repo });
        if (command !== undefined) await run(command[0], command.slice(1), { cwd: folder });
      });
    },
    handOver: () =>
      row({
        name: `a room that has served is handed over, ${files} files`,
        ratio: median(handOvers),
        ours: median(handOvers),
        floor: 1,
        unit: "ms",
      }),
    dispose: async () => {
      await roomsAhead.close();
      await release();
      await disposal.settle();
      await rm(place, { recursive: true, force: true });
    },
  };
};
