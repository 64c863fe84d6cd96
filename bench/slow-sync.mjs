// A disk that takes longer to sync, for whoever measures on one that is quicker than those of their users.
import { execFileSync } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** What the processes that measure get in their environment, so that each of their syncs takes so many milliseconds longer. */
export const slowSync = (ms) => {
  if (!(Number(ms) > 0)) throw new Error(`RUNLEDGER_BENCH_SYNC_MS is a number of milliseconds, not "${ms}".`);
  if (process.platform !== "linux") throw new Error("RUNLEDGER_BENCH_SYNC_MS works on Linux, by LD_PRELOAD.");
  const library = join(mkdtempSync(join(tmpdir(), "runledger-slow-sync-")), "slow-sync.so");
  const source = fileURLToPath(new URL("fixtures/slow-sync.c", import.meta.url));
  execFileSync("cc", ["-shared", "-fPIC", "-O2", "-o", library, source, "-ldl"], { stdio: "inherit" });
  return { LD_PRELOAD: library, SYNC_MS: ms };
};
