import type { Ledger } from "../../ledger/ledger.js";
import { ownerIsDead } from "../../ledger/owner.js";
import type { DueQuery, RunRow } from "../../stores/store.js";

/** A worker that knows so many runs of which it may drive one has enough to do before it looks again. */
const RUNS_PER_LOOK = 1_000;

/**
 * Which runs could be driven now, those waiting longest first: runs that nobody holds, of which something is due or a timer, and
 * runs whose holder died without a word. Those that the worker leaves alone are passed over, however many they are: nobody who
 * waits behind them waits for them.
 */
export const findAbandoned = async (
  ledger: Ledger,
  isLeftAlone: (row: RunRow) => boolean = () => false,
): Promise<readonly RunRow[]> => {
  const by = Date.parse(ledger.now());
  const dueTo = (heldBy: DueQuery["heldBy"]): Promise<readonly RunRow[]> =>
    firstOf(ledger, { by, heldBy }, isLeftAlone);
  const dead = (await ledger.store.holdersOfDue(by)).filter(ownerIsDead);
  return [...(await dueTo("nobody")), ...(dead.length === 0 ? [] : await dueTo(dead))];
};

const firstOf = async (
  ledger: Ledger,
  due: DueQuery,
  isLeftAlone: (row: RunRow) => boolean,
): Promise<readonly RunRow[]> => {
  for (let last: RunRow | undefined; ; ) {
    const page = await ledger.list({ due, limit: RUNS_PER_LOOK, ...(last && { afterRunId: last.runId }) });
    const found = page.filter((row) => !isLeftAlone(row));
    last = page.at(-1);
    if (found.length > 0 || page.length < RUNS_PER_LOOK) return found;
  }
};
