import { requireDrivenHere } from "../core/decide/guards.js";
import { LedgerError } from "../core/errors.js";
import type { Ledger } from "../ledger/ledger.js";
import { type Applied, applyPatches, type Patch, patchSeries } from "./checkout.js";
import type { Project } from "./project.js";
import { unlessElsewhere } from "./transfer.js";

// What leaves the ledger: the verified commits, one after the other, nothing else.
export const patchesOf = async (
  ledger: Ledger,
  project: Project,
  runId: string,
): Promise<readonly Patch[]> => {
  const run = await ledger.load(runId);
  requireDrivenHere(run);
  const { base, head } = run;
  const { store } = project;
  if (store !== null && base !== null && head !== null)
    return patchSeries({ store, base, head }).catch(unlessElsewhere(store, runId));
  throw new LedgerError(
    "not_a_repository",
    `Run "${runId}" ran without workspace isolation; it made no commits.`,
    { hint: "Its changes are in the project folder already." },
  );
};

/** The only thing here that writes the user's checkout, and only when asked. */
export const applyRun = async (ledger: Ledger, project: Project, runId: string): Promise<Applied> =>
  applyPatches({ projectDir: project.folder, patches: await patchesOf(ledger, project, runId) });
