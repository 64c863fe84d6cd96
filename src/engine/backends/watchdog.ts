import type { Ledger } from "../../ledger/ledger.js";
import { ownerIsDead } from "../../ledger/owner.js";
import type { RunRow } from "../../stores/store.js";

/** Runs looked at in one pass; the next pass sees the rest. */
const RUNS_PER_LOOK = 100;

// Which runs could be driven now: those that nobody holds, and those whose holder died without a word.
export const findAbandoned = async (ledger: Ledger): Promise<readonly RunRow[]> => {
  const free = await ledger.list({ statuses: ["running"], claimable: true, limit: RUNS_PER_LOOK });
  const running = await ledger.list({ statuses: ["running"], limit: RUNS_PER_LOOK });
  const known = new Set(free.map(({ runId }) => runId));
  const orphans: RunRow[] = [];
  for (const row of running) {
    if (known.has(row.runId) || !row.runnable) continue;
    const lease = await ledger.store.leaseOf(row.runId);
    if (lease !== undefined && ownerIsDead(lease.owner)) orphans.push(row);
  }
  return [...orphans, ...free];
};
