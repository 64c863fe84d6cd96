import { isLedgerError } from "../core/errors.js";
import { doubtsOf } from "../ledger/doubts.js";
import { FINISHED } from "../ledger/housekeeping.js";
import type { Ledger } from "../ledger/ledger.js";
import type { RunRow } from "../stores/store.js";
import { type Finding, fail, warn } from "./findings.js";

/** Without one of these nothing of a run can be in doubt. */
const BEGINNINGS = ["execution_ordered", "event_recorded", "effect_intended"] as const;
const PAGE = 1_000;
/** Named before "and so on". */
const RUNS_NAMED = 5;

/** Runs that are over and stay until a person has said whether something in them happened, and those that cannot be read. */
export const doubtFindings = async (ledger: Ledger): Promise<readonly Finding[]> => {
  const [found, unreadable, failed]: [string[], string[], Finding[]] = [[], [], []];
  try {
    for (const runId of await runsThatBegan(ledger)) {
      const row = await ledger.store.runRow(runId);
      if (row === undefined || !isReadForDoubt(row)) continue;
      // Whoever asks because something is broken is told of all the rest as well.
      const open = await doubtsIn(ledger, runId, unreadable);
      if (open.length > 0) found.push(`${runId} (${open.slice(0, RUNS_NAMED).join(", ")})`);
    }
  } catch (error) {
    if (!isLedgerError(error)) throw error;
    // What was found until then is true all the same.
    failed.push(fail("in doubt", error.message, error.hint ?? VERIFY));
  }
  return [...failed, ...unreadableFinding(unreadable), ...inDoubtFinding(found)];
};

/** Nothing is in doubt as long as a run is not over; one set aside is named with the journals, and the others nobody can open. */
const isReadForDoubt = ({ status, quarantine, seal }: RunRow): boolean =>
  FINISHED.includes(status) && quarantine === null && seal !== "erased" && seal !== "locked";

const doubtsIn = async (ledger: Ledger, runId: string, unreadable: string[]): Promise<readonly string[]> => {
  try {
    return await doubtsOf(ledger.store, await ledger.load(runId));
  } catch (error) {
    if (!isLedgerError(error) || error.kind !== "corrupt") throw error;
    unreadable.push(runId);
    return [];
  }
};

const VERIFY = "`runledger verify` says what is damaged.";

const unreadableFinding = (runs: readonly string[]): readonly Finding[] => {
  if (runs.length === 0) return [];
  const message = `Nobody can say whether something in these happened, for they cannot be read: ${named(runs)}.`;
  return [fail("in doubt", message, VERIFY)];
};

const inDoubtFinding = (found: readonly string[]): readonly Finding[] => {
  if (found.length === 0) return [];
  const message = `${found.length} finished ${found.length === 1 ? "run stays" : "runs stay"}, however old: nobody has said whether this happened: ${named(found)}.`;
  return [
    warn("in doubt", message, "Say it: runledger intents report, runs answer or decide; then it may go."),
  ];
};

const named = (runs: readonly string[]): string =>
  runs.slice(0, RUNS_NAMED).join("; ") + (runs.length > RUNS_NAMED ? "; …" : "");

const runsThatBegan = async ({ store }: Ledger): Promise<ReadonlySet<string>> => {
  const found = new Set<string>();
  for (let position = 0; ; ) {
    const rows = await store.feedOf(BEGINNINGS, position, PAGE);
    for (const { runId } of rows) found.add(runId);
    position = rows.at(-1)?.position ?? position;
    if (rows.length < PAGE) return found;
  }
};
