import { type BudgetUse, budgetUse } from "../core/budget.js";
import { isLedgerError, LedgerError } from "../core/errors.js";
import { isCutOff, nextActions, nextWake } from "../core/next.js";
import { isTerminal, type Run } from "../core/run.js";
import { type StateWord, stateWord } from "../core/state-word.js";
import { hasTracking, unansweredApprovals } from "../core/tracked-facts.js";
import { type Usage, usageOfRun } from "../core/usage.js";
import { questionIn, type Waiting, whyRun } from "../core/why.js";
import type { ListQuery, Origin, RunRow } from "../stores/store.js";
import type { Ledger } from "./ledger.js";
import { ownerIsDead } from "./owner.js";
import type { KeptReceipts, ReceiptName } from "./receipts.js";
import { absent } from "./removal.js";

/** A run as people see it: with what nobody can know from its journal alone, whether somebody works on it. */
export type RunView = {
  readonly run: Run;
  /** Where it stands, as people are told. */
  readonly stateWord: StateWord;
  readonly waiting: Waiting;
  /** Something is due in it and nobody alive holds its lease, or its client says so: derived, not a state. */
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
  /** Where it stands, as people are told. */
  readonly stateWord: StateWord;
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
  const isLate = isOverdue(ledger, run);
  const waiting = isDriven || !isLate ? whyRun(run, isDriven, ledger.rules) : overdue(runId);
  const currentBlocker = waiting.for === "person" ? waiting.sentence : null;
  const undriven = !isDriven && (isLate || nextActions(run).length > 0) ? waiting.for : null;
  const wasToldSo = isInterrupted(run);
  return {
    run,
    stateWord: stateWord({
      status: run.state.status,
      stepsTotal: run.steps.length,
      asks: asksIn(run, currentBlocker ?? questionIn(run)),
      undriven,
      isCutOff: wasToldSo || (undriven === "worker" && isCutOff(run, ledger.rules.toolAgents)),
    }),
    waiting,
    interrupted: undriven === "worker" || wasToldSo,
    origin: (await ledger.store.originOf(runId)) ?? null,
    receipt: isTerminal(run) ? await nameOf(runId) : null,
    currentStepId: waiting.stepId,
    currentBlocker,
    usage: usageOfRun(run),
    budget: budgetUse(run, ledger.rules.budget, ledger.now()),
  };
};

/** Of a run that its client records only an approval is asked, as `runs inspect` has it: all else its client goes on beside. */
const asksIn = (run: Run, blocker: string | null): boolean =>
  hasTracking(run) ? unansweredApprovals(run).length > 0 : blocker !== null;

/** By its client, of a run that that one records: until it goes on, or ends. */
const isInterrupted = ({ state, tracked }: Run): boolean =>
  state.status === "paused" && (tracked?.interrupted ?? null) !== null;

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
  for (const row of await ledger.list(query)) listed.push(await listedRun(ledger, row));
  return listed;
};

const listedRun = async (ledger: Ledger, row: RunRow): Promise<ListedRun> => {
  const { status, stepsTotal, runId } = row;
  const hasWoken = row.wakeAt !== null && row.wakeAt <= Date.parse(ledger.now());
  const due = (status === "running" || status === "planning") && (row.runnable || hasWoken);
  const isUndriven = due && !(await hasWorker(ledger, runId));
  // Of one that its client records only the run itself can tell whether that one was interrupted, or asks for approval.
  const isRecorded =
    stepsTotal === 0 && (status === "paused" || (status === "running" && row.blocker !== null));
  const run = isUndriven || isRecorded ? await ifReadable(ledger, runId) : null;
  const waiting = run === null || !isUndriven ? null : undrivenWhy(ledger, run);
  const blocker = row.blocker ?? (waiting?.for === "person" ? waiting.sentence : null);
  const asks = run === null ? blocker !== null : asksIn(run, blocker);
  const wasToldSo = run !== null && isInterrupted(run);
  const undriven = isUndriven ? (waiting?.for ?? "worker") : null;
  const isCut = undriven === "worker" && run !== null && isCutOff(run, ledger.rules.toolAgents);
  return {
    ...row,
    blocker,
    stateWord:
      row.quarantine === null
        ? stateWord({ status, stepsTotal, asks, undriven, isCutOff: wasToldSo || isCut })
        : "quarantined",
    interrupted: undriven === "worker" || wasToldSo,
    waiting,
  };
};

// Whether somebody here is missing, or a client that comes by itself, only the run and the settings together can tell.
const undrivenWhy = (ledger: Ledger, run: Run): Waiting =>
  isOverdue(ledger, run) ? overdue(run.runId) : whyRun(run, false, ledger.rules);

const ifReadable = async (ledger: Ledger, runId: string): Promise<Run | null> => {
  try {
    return await ledger.load(runId);
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
