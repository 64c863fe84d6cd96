import { type Walls, wallsLack } from "../pev/walls/walls.js";
import { type Finding, ok, warn } from "./findings.js";

export type AroundCommands = {
  readonly walls: Pick<Walls, "gap">;
  /** The highest level that the settings ask for. */
  readonly levelMax: number;
};

/** Level 2 is the kernel's own walls; sandboxes of level 3 stand behind them where there are any. */
const WALLED = 2;

/** Who keeps the limits of memory and processes. */
export const wallsFinding = async ({ walls, levelMax }: AroundCommands): Promise<Finding> => {
  const lack = await wallsLack(walls);
  if (lack === null) return ok("walls", "Memory and processes are bounded by the kernel.");
  return levelMax < WALLED ? ok("walls", lack.because) : warn("walls", lack.because, lack.fix);
};
