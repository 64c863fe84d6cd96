import type { Limits } from "../../src/core/walls.js";
import { openWalls } from "../../src/pev/walls/walls.js";

/** Far off, so that nothing runs into them. */
export const WIDE: Limits = {
  memoryBytes: 8 * 1024 ** 3,
  processes: 4_096,
  diskBytes: 20 * 1024 ** 3,
  files: 1_000_000,
  outputBytes: 4 * 1024 ** 3,
};
export const wideWalls = openWalls(WIDE);
