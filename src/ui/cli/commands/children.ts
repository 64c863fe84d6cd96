import { isLedgerError, type RunLedger } from "../../../index.js";
import { statusCell } from "../describe.js";
import { EXIT } from "../exit-codes.js";
import { type Output, printJson } from "../output.js";
import { printTable } from "../table.js";
import { agoCell } from "../time-cells.js";

export const listChildren = async (app: RunLedger, output: Output, runId: string): Promise<number> => {
  const children = await app.children(runId);
  const { parent } = await app.ledger.load(runId);
  if (output.json) printJson(output, { runId, parent, children });
  else
    await printTable(output, {
      head: ["RUN", "NAME", "STEP", "ATTEMPT", "STATUS", "STARTED"],
      rows: children.map(({ runId: child, name, stepId, attempt, candidate, status, startedAt }) => [
        { text: child, id: true },
        name,
        stepId,
        candidate === null ? String(attempt) : `${attempt} (candidate ${candidate})`,
        status === null ? "not here" : statusCell(status),
        agoCell(startedAt),
      ]),
      empty: `Run "${runId}" has started no other run.`,
    });
  return EXIT.done;
};

/** What a cancelled run has started ends with it, also when no worker is there. Who drives it does it himself. */
export const endFamily = async (app: RunLedger, runId: string): Promise<void> => {
  const isDue = (await app.ledger.store.runRow(runId))?.runnable === true;
  if (!isDue) return;
  try {
    await app.drive(runId);
  } catch (error) {
    if (!isLedgerError(error, "lease_held")) throw error;
  }
  for (const { runId: child } of await app.children(runId)) await endFamily(app, child);
};
