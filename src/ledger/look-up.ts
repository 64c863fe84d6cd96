import { LedgerError } from "../core/errors.js";
import type { Run } from "../core/run.js";
import { type Waiting, whyRun } from "../core/why.js";
import type { Ledger } from "./ledger.js";
import { ownerIsDead } from "./owner.js";

export type RunView = { readonly run: Run; readonly waiting: Waiting };

/** Runs searched for the end of an id. */
const RUNS_SEARCHED = 1_000;

// People type `last` or the end of an id: ids begin with the time they were made, so their beginnings look alike.
export const findRun = async (ledger: Ledger, given: string): Promise<string> => {
  const rows = await ledger.list({ limit: given === "last" ? 1 : RUNS_SEARCHED });
  const found = rows.filter(
    ({ runId }) => given === "last" || runId === given || (given !== "" && runId.endsWith(given)),
  );
  const [only] = found;
  if (only !== undefined && found.length === 1) return only.runId;
  if (found.length > 1)
    throw new LedgerError("invalid_input", `"${given}" is the end of ${found.length} run ids.`, {
      hint: "Give more of it.",
    });
  if ((await ledger.store.runRow(given)) !== undefined) return given;
  throw new LedgerError(
    "run_not_found",
    given === "last" ? "There is no run yet." : `There is no run "${given}".`,
    { hint: "`runledger list` shows the runs of this project." },
  );
};

// What a run waits for depends on whether somebody alive holds its lease, which the run itself cannot know.
export const viewRun = async (ledger: Ledger, runId: string): Promise<RunView> => {
  const run = await ledger.load(runId);
  const lease = await ledger.store.leaseOf(runId);
  return { run, waiting: whyRun(run, lease?.live === true && !ownerIsDead(lease.owner)) };
};
