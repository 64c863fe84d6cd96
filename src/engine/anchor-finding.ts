import type { AnchorState } from "../stores/store.js";
import { type Finding, fail, ok, warn } from "./findings.js";

const SEE = "`runledger verify` says whether all is as it was written.";

/** Whether a database that was put back would be noticed. One that was is refused before anybody can ask here. */
export const anchorFinding = ({ state, damaged, madeAnew, refusal }: AnchorState): Finding => {
  if (refusal !== null) return fail("anchor", refusal.message, refusal.hint ?? SEE);
  if (damaged > 0)
    return warn("anchor", `${damaged} of its records ${damaged === 1 ? "is" : "are"} not as written.`, SEE);
  if (madeAnew) return warn("anchor", "It was missing, and has been made anew.", SEE);
  return ok(
    "anchor",
    state === "none" ? "There is no event yet." : "The ledger holds all that was acknowledged.",
  );
};
