import type { Ledger } from "../../ledger/ledger.js";
import { ownerIsDead } from "../../ledger/owner.js";
import type { ListQuery, RunRow } from "../../stores/store.js";

const PAGE = 100;
/** A worker that knows so many runs has enough to do before it looks again. */
const RUNS_PER_LOOK = 1_000;

// Which runs could be driven now, those waiting longest first: runs that nobody holds, of which something is due or a timer,
// and runs whose holder died without a word.
export const findAbandoned = async (ledger: Ledger): Promise<readonly RunRow[]> => {
  // The list begins with the newest: who stopped there would never come to those that wait longest.
  const wakingBy = Date.parse(ledger.now());
  const free = [
    ...(await oldestOf(ledger, { claimable: true })),
    ...(await oldestOf(ledger, { wakingBy })).filter(({ runnable }) => !runnable),
  ];
  const known = new Set(free.map(({ runId }) => runId));
  const orphans: RunRow[] = [];
  const held = [
    ...(await oldestOf(ledger, { statuses: ["running"] })),
    // Of a run that is over something may be due too: its children, and its parent.
    ...(await oldestOf(ledger, { statuses: ["completed", "failed"], runnable: true })),
  ];
  for (const row of held) {
    const isDue = row.runnable || (row.wakeAt !== null && row.wakeAt <= wakingBy);
    if (known.has(row.runId) || !isDue || row.quarantine !== null) continue;
    const lease = await ledger.store.leaseOf(row.runId);
    if (lease !== undefined && ownerIsDead(lease.owner)) orphans.push(row);
  }
  return [...orphans, ...free].reverse();
};

const oldestOf = async (
  ledger: Ledger,
  query: Omit<ListQuery, "limit" | "afterRunId">,
): Promise<RunRow[]> => {
  let found: RunRow[] = [];
  for (;;) {
    const last = found.at(-1);
    const page = await ledger.list({ ...query, limit: PAGE, ...(last ? { afterRunId: last.runId } : {}) });
    found = [...found, ...page].slice(-RUNS_PER_LOOK);
    if (page.length < PAGE) return found;
  }
};
