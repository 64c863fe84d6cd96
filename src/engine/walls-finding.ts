import type { Walls } from "../pev/walls/walls.js";
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
  const gap = await walls.gap();
  if (gap === null) return ok("walls", "Memory and processes are bounded by the kernel.");
  const message = `Memory and processes are looked up from time to time: ${gap}.`;
  return levelMax < WALLED ? ok("walls", message) : warn("walls", message, IN_A_SCOPE);
};

const IN_A_SCOPE =
  "On Linux with systemd: start it by `systemd-run --user --scope runledger …`, where control groups may be made.";
