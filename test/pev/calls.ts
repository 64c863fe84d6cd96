import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll } from "vitest";
import { openPlaces } from "../../src/pev/places.js";
import { type ProcessCall, runProcess } from "../../src/pev/sandbox.js";
import { NO_SECRETS } from "../helpers/no-secrets.js";
import { wideWalls } from "../helpers/walls.js";
import { PATH_ONLY, removeTemp, tempFolder } from "./room-fixtures.js";

/** A room for the programs that one test file calls, outside of any sandbox. */
export const openCalls = async () => {
  const folder = tempFolder();
  afterAll(() => removeTemp(folder));
  const room = join(folder, "room");
  mkdirSync(room);
  const places = await openPlaces(join(folder, "places"));
  const run = (argv: readonly string[], more: Partial<ProcessCall> = {}) =>
    runProcess({
      argv,
      cwd: room,
      env: PATH_ONLY,
      timeoutMs: 60_000,
      walls: wideWalls,
      place: { places, folder: room, runId: "run-1" },
      redactor: NO_SECRETS,
      ...more,
    });
  return { folder, room, places, run };
};
