// What a sandbox (isolation level 3) adds to the start of a command, against the same command in a clean room (level 1).
import { mkdir, mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createRedactor } from "../../dist/src/core/redact.js";
import { createIsolation } from "../../dist/src/pev/isolation/isolation.js";
import { openPlaces } from "../../dist/src/pev/places.js";
import { roomEnvironment } from "../../dist/src/pev/room-environment.js";
import { runProcess } from "../../dist/src/pev/sandbox.js";
import { openWalls } from "../../dist/src/pev/walls/walls.js";
import { LIMITS } from "../limits.mjs";
import { millis, paired } from "../measure.mjs";

const STARTS = 10;

export async function* rows() {
  const place = await realpath(await mkdtemp(join(tmpdir(), "runledger-sandbox-")));
  try {
    yield* rowsIn(place);
  } finally {
    await rm(place, { recursive: true, force: true });
  }
}

async function* rowsIn(place) {
  const room = join(place, "room");
  for (const part of ["home", "tmp"]) await mkdir(join(room, part), { recursive: true });
  const places = await openPlaces(join(place, "places"));
  const walls = openWalls(LIMITS);
  const options = {
    minimum: 0,
    visible: [],
    network: [],
    environment: process.env,
    walls,
    memoryBytes: LIMITS.memoryBytes,
  };
  const folders = { checkout: place, dataDir: join(place, "data"), workspaceRoot: join(place, "workspaces") };
  const environment = roomEnvironment({ outer: process.env, scratch: room, passEnv: [] });
  const starting = async (maximum) => {
    const isolation = createIsolation({ ...options, ...folders, maximum });
    const call = { argv: ["true"], cwd: room, env: environment, timeoutMs: 60_000, walls };
    const around = { redactor: createRedactor([]), place: { places, folder: room, runId: "run" } };
    return async () => {
      const took = await millis(async () => {
        for (let n = 0; n < STARTS; n += 1) {
          const confinement = await isolation.confine({ environment, folders: [room], reads: [] });
          await runProcess({ ...call, ...around, confinement });
        }
      });
      return took / STARTS;
    };
  };
  const [held, free] = [await starting(3), await starting(1)];
  yield await paired({
    name: "a command in a sandbox : in a clean room",
    ours: held,
    floor: free,
    bound: "namespaces, some thirty mounts, and one process more that has to end",
  });
}
