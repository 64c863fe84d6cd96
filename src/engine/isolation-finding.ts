import { isLedgerError } from "../core/errors.js";
import type { IsolationLevel } from "../core/verdict.js";
import type { Isolation } from "../pev/isolation/isolation.js";
import { type Finding, fail, ok, warn } from "./findings.js";

export type Rooms = {
  readonly isolated: boolean;
  readonly isolation: Pick<Isolation, "level" | "lacks" | "lacksSandbox">;
};

const ROOMS: Readonly<Record<IsolationLevel, string>> = {
  0: "Level 0: agents and judges share your folder.",
  1: "Level 1: clean rooms, scrubbed environment, limits. Code under test runs as you.",
  2: "Level 2: clean rooms, with walls that the kernel keeps. Code under test runs as you.",
  3: "Level 3: sandboxed rooms, which see no network, none of your files, and no process but their own.",
};

/** How safe rooms are here, and what the next level needs. */
export const isolationFinding = async ({ isolated, isolation }: Rooms): Promise<Finding> => {
  try {
    const level = await isolation.level(isolated);
    if (level === 0) return warn("isolation", ROOMS[0], "Set runLedger.workspaceIsolation: true.");
    const lack = await isolation.lacks();
    if (lack !== null) return warn("isolation", `${ROOMS[level]} ${lack.because}`, lack.fix);
    return ok("isolation", level === 3 ? ROOMS[3] : `${ROOMS[level]} isolation.maximum asks for no more.`);
  } catch (error) {
    if (!isLedgerError(error, "isolation_unmet")) throw error;
    return fail("isolation", error.message, error.hint ?? "Lower isolation.minimum.");
  }
};
