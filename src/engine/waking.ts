import { nextWake } from "../core/next.js";
import type { Run } from "../core/run.js";
import type { Ledger } from "../ledger/ledger.js";

/** Changes by people in other processes, and clocks that were set, are noticed at the latest after this long. */
export const LOOK_MS = 1_000;

/** Until its next timer is due, by the ledger's clock; not above 0 when one is, infinite when it waits for none. */
export const msToWake = (ledger: Ledger, run: Run): number => {
  const wake = nextWake(run);
  return wake === null ? Number.POSITIVE_INFINITY : Date.parse(wake) - Date.parse(ledger.now());
};

/** How long whoever watches a run may wait before the next look at it. */
export const lookMs = (ledger: Ledger, run: Run): number =>
  Math.max(1, Math.min(LOOK_MS, msToWake(ledger, run)));
