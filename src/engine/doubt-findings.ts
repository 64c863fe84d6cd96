import { inDoubt } from "../core/in-doubt.js";
import { isTerminal } from "../core/run.js";
import type { Ledger } from "../ledger/ledger.js";
import { type Finding, warn } from "./findings.js";

/** Without one of these nothing of a run can be in doubt. */
const BEGINNINGS = ["execution_ordered", "event_recorded", "effect_intended"] as const;
const PAGE = 1_000;
/** Named before "and so on". */
const RUNS_NAMED = 5;

/** Runs that are over and stay until a person has said whether something in them happened. Reads the journal once. */
export const doubtFindings = async (ledger: Ledger): Promise<readonly Finding[]> => {
  const found: string[] = [];
  for (const runId of await runsThatBegan(ledger)) {
    const row = await ledger.store.runRow(runId);
    if (row === undefined || row.quarantine !== null || row.seal === "erased" || row.seal === "locked")
      continue;
    const run = await ledger.load(runId);
    const open = isTerminal(run) ? inDoubt(run, ledger.store.ledgerId) : [];
    if (open.length > 0) found.push(`${runId} (${open.slice(0, RUNS_NAMED).join(", ")})`);
  }
  if (found.length === 0) return [];
  const named = found.slice(0, RUNS_NAMED).join("; ") + (found.length > RUNS_NAMED ? "; …" : "");
  const message = `${found.length} finished ${found.length === 1 ? "run stays" : "runs stay"}, however old: nobody has said whether this happened: ${named}.`;
  return [
    warn("in doubt", message, "Say it: runledger intents report, runs answer or decide; then it may go."),
  ];
};

const runsThatBegan = async ({ store }: Ledger): Promise<ReadonlySet<string>> => {
  const found = new Set<string>();
  for (let position = 0; ; ) {
    const rows = await store.feedOf(BEGINNINGS, position, PAGE);
    for (const { runId } of rows) found.add(runId);
    position = rows.at(-1)?.position ?? position;
    if (rows.length < PAGE) return found;
  }
};
