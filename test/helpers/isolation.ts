import { join } from "node:path";
import { createIsolation, type Isolation, type IsolationOptions } from "../../src/pev/isolation/isolation.js";
import { probeIsolation } from "../../src/pev/isolation/probe.js";
import { WIDE, wideWalls } from "./walls.js";

const [found, gap] = [await probeIsolation(process.env.PATH ?? ""), await wideWalls.gap()];

/** Why sandboxes cannot be tested here; false where they can. */
export const NO_SANDBOX = found.bubblewrap === null ? found.because : false;

/** The level of rooms on this machine when settings ask for nothing. */
export const LEVEL_HERE = found.bubblewrap !== null ? 3 : gap === null ? 2 : 1;

/** Of a project whose parts lie in one folder, as the settings have it when they say nothing. */
export const isolationOf = (folder: string, more: Partial<IsolationOptions> = {}): Isolation =>
  createIsolation({
    minimum: 0,
    maximum: 3,
    visible: [],
    network: [],
    environment: process.env,
    checkout: join(folder, "source"),
    dataDir: join(folder, "data"),
    workspaceRoot: join(folder, "workspaces"),
    walls: wideWalls,
    memoryBytes: WIDE.memoryBytes,
    ...more,
  });
