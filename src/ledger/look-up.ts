import { type BudgetUse, budgetUse } from "../core/budget.js";
import { isLedgerError, LedgerError } from "../core/errors.js";
import { nextActions, nextWake } from "../core/next.js";
import { isTerminal, type Run } from "../core/run.js";
import { type Usage, usageOfRun } from "../core/usage.js";
import { type Waiting, whyRun } from "../core/why.js";
import type { ListQuery, Origin, RunRow } from "../stores/store.js";
import type { Ledger } from "./ledger.js";
import { ownerIsDead } from "./owner.js";
import type { KeptReceipts, ReceiptName } from "./receipts.js";
import { absent } from "./removal.js";

/** A run as people see it: with what nobody can know from its journal alone, whether somebody works on it. */
export type RunView = {
  readonly run: Run;
  readonly waiting: Waiting;
  /** Running, something is due, and nobody alive holds its lease (seed 000): a derived word, not a state. */
  readonly interrupted: boolean;
  readonly currentStepId: string | null;
  /** The ledger it was imported from; null for a run that was made here. */
  readonly origin: Origin | null;
  /** Of a run that ended; null before it is signed for, and for one that another ledger signs for. */
  readonly receipt: ReceiptName | null;
  /** What a person must answer; null when nothing. */
  readonly currentBlocker: string | null;
  /** What its calls of models used, over all attempts. */
  readonly usage: Usage;
  /** What it may spend, and what of that is used or held; nothing where there is no limit. */
  readonly budget: readonly BudgetUse[];
};

export type ListedRun = RunRow & {
  readonly interrupted: boolean;
  /** Of a run for which something is due and that nobody drives: what it waits for. Null of others, and where it cannot be read. */
  readonly waiting: Waiting | null;
};

/** Runs searched for the end of an id. */
const RUNS_SEARCHED = 1_000;

// People type `last` or the end of an id: ids begin with the time they were made, so their beginnings look alike.
export const findRun = async (ledger: Pick<Ledger, "list" | "store">, given: string): Promise<string> => {
  const rows = await ledger.list({ limit: given === "last" ? 1 : RUNS_SEARCHED });
  const found = rows.filter(
    ({ runId }) => given === "last" || runId === given || (given !== "" && runId.endsWith(given)),
  );
  const [only] = found;
  if (only !== undefined && found.length === 1) return only.runId;
  if (found.length > 1)
    throw new LedgerError("invalid_input", `"${given}" is the end of ${found.length} run ids.`, {
      hint: "Give more of it; `runledger list` shows whole ids.",
    });
  if ((await ledger.store.runRow(given)) !== undefined) return given;
  if (given !== "last") throw await absent(ledger.store, given);
  throw new LedgerError("run_not_found", "There is no run yet.", {
    hint: "Start one: runledger run plan.yaml",
  });
};

// What a run waits for depends on whether somebody alive holds its lease, which the run itself cannot know.
export const viewRun = async (
  ledger: Ledger,
  runId: string,
  { nameOf }: Pick<KeptReceipts, "nameOf">,
): Promise<RunView> => {
  const run = await ledger.load(runId);
  const isDriven = await hasWorker(ledger, runId);
  const waiting = isDriven || !isOverdue(ledger, run) ? whyRun(run, isDriven, ledger.rules) : overdue(runId);
  return {
    run,
    waiting,
    interrupted: waiting.for === "worker" || (run.tracked?.interrupted ?? null) !== null,
    origin: (await ledger.store.originOf(runId)) ?? null,
    receipt: isTerminal(run) ? await nameOf(runId) : null,
    currentStepId: waiting.stepId,
    currentBlocker: waiting.for === "person" ? waiting.sentence : null,
    usage: usageOfRun(run),
    budget: budgetUse(run, ledger.rules.budget, ledger.now()),
  };
};

const isOverdue = (ledger: Ledger, run: Run): boolean => {
  const wake = nextActions(run).length === 0 ? nextWake(run) : null;
  return wake !== null && Date.parse(wake) <= Date.parse(ledger.now());
};

const overdue = (runId: string): Waiting => ({
  for: "worker",
  sentence: "The time it waited for has come, and no worker drives it.",
  hint: `runledger resume ${runId}`,
  stepId: null,
});

export const listRuns = async (ledger: Ledger, query: ListQuery): Promise<readonly ListedRun[]> => {
  const listed: ListedRun[] = [];
  for (const row of await ledger.list(query)) {
    const hasWoken = row.wakeAt !== null && row.wakeAt <= Date.parse(ledger.now());
    const due = (row.status === "running" || row.status === "planning") && (row.runnable || hasWoken);
    if (!due || (await hasWorker(ledger, row.runId)))
      listed.push({ ...row, interrupted: false, waiting: null });
    else {
      const waiting = await undrivenWhy(ledger, row);
      const asks = waiting?.for === "person" ? waiting.sentence : null;
      const interrupted = waiting === null || waiting.for === "worker";
      listed.push({ ...row, blocker: row.blocker ?? asks, interrupted, waiting });
    }
  }
  return listed;
};

// Whether somebody here is missing, or a client that comes by itself, only the run and the settings together can tell.
const undrivenWhy = async (ledger: Ledger, row: RunRow): Promise<Waiting | null> => {
  try {
    const run = await ledger.load(row.runId);
    return isOverdue(ledger, run) ? overdue(row.runId) : whyRun(run, false, ledger.rules);
  } catch (error) {
    // It is sealed, spoilt or taken out since it was listed; the others are listed all the same.
    if (!isLedgerError(error)) throw error;
    return null;
  }
};

/** Whether somebody alive holds its lease. */
export const hasWorker = async (ledger: Pick<Ledger, "store">, runId: string): Promise<boolean> => {
  const lease = await ledger.store.leaseOf(runId);
  return lease?.live === true && !ownerIsDead(lease.owner);
};
