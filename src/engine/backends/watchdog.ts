import type { Ledger } from "../../ledger/ledger.js";
import { ownerIsDead } from "../../ledger/owner.js";
import type { RunRow } from "../../stores/store.js";

/** A worker that knows so many runs has enough to do before it looks again. */
const RUNS_PER_LOOK = 1_000;

// Which runs could be driven now, those waiting longest first: runs that nobody holds, of which something is due or a timer,
// and runs whose holder died without a word.
export const findAbandoned = async (ledger: Ledger): Promise<readonly RunRow[]> => {
  const by = Date.parse(ledger.now());
  const dueTo = (heldBy: "nobody" | readonly string[]): Promise<readonly RunRow[]> =>
    ledger.list({ due: { by, heldBy }, limit: RUNS_PER_LOOK });
  const dead = (await ledger.store.holdersOfDue(by)).filter(ownerIsDead);
  return [...(await dueTo("nobody")), ...(dead.length === 0 ? [] : await dueTo(dead))];
};
