import { isLedgerError, LedgerError } from "../core/errors.js";
import type { StoredEvent } from "../core/events.js";
import { type Action, maySayWhatIsDue, nextActions } from "../core/next.js";
import { isOpen } from "../core/race.js";
import { findStep, hasPolicyRequest, isTerminal, type Run } from "../core/run.js";
import { type HeldLease, holdLease } from "../ledger/lease.js";
import type { Ledger } from "../ledger/ledger.js";
import { underEither } from "../pev/under-either.js";
import { endChild, endOrphan, tellParent } from "./children.js";
import { askOrchestrator, type Orchestrator } from "./orchestrating.js";
import { staticPolicy } from "./static-policy.js";
import { lookMs, msToWake } from "./waking.js";
import { unlessOvertaken, type WorkOptions, work } from "./work.js";

export type ExecutorOptions = WorkOptions & {
  /** Of each run: so many agents are at work at once. */
  readonly maxParallelSteps: number;
  readonly leaseTtlMs: number;
  /** Answers policy requests before the static policy does; null where no model leads. */
  readonly orchestrator: Orchestrator | null;
};

/**
 * How driving ended: nothing is due any more (`idle`), what is due belongs to agents that are not here (`no_agent`), it was
 * asked to stop, or another worker has the run.
 */
export type Driven = { readonly run: Run; readonly end: "idle" | "no_agent" | "stopped" | "lease_lost" };

// Performs what nextActions names until nothing is due: the only impure quarter of the circle.
export const driveRun = async (
  options: ExecutorOptions,
  runId: string,
  signal: AbortSignal,
): Promise<Driven> => {
  const { ledger, pev, engine, leaseTtlMs } = options;
  const lease = await holdLease(ledger.store, runId, leaseTtlMs);
  if (lease === undefined) throw await heldElsewhere(ledger, runId);
  const leave = pev.attend(runId);
  try {
    // The lost worker's agents may still be at work in the folders that ours are about to use.
    if (lease.takenFrom !== null) await pev.stopProcesses(runId);
    if (lease.takenFrom !== null && !isTerminal(await ledger.load(runId)))
      await ledger.submit(runId, { type: "worker_lost", ...lease.takenFrom }, engine, { epoch: lease.epoch });
    await endOrphan(options, runId);
    return await driveHolding(options, runId, lease, signal);
  } finally {
    await lease.release();
    await leave();
  }
};

const heldElsewhere = async (ledger: Ledger, runId: string): Promise<LedgerError> => {
  await ledger.load(runId);
  const lease = await ledger.store.leaseOf(runId);
  return new LedgerError(
    "lease_held",
    `Run "${runId}" is driven by another worker (${lease?.owner ?? "unknown"}).`,
    {
      hint: `Watch it: runledger journal ${runId} --follow`,
    },
  );
};

type Flight = {
  readonly done: Promise<void>;
  readonly stop: AbortController;
  readonly action: Action;
  /** Of the step, when it works on one. */
  readonly attempt: number;
};

/** One for each look: aborted when a flight has ended since, or when it is time to stop. */
type Watch = { wake: AbortController };

const driveHolding = async (
  options: ExecutorOptions,
  runId: string,
  lease: HeldLease,
  signal: AbortSignal,
): Promise<Driven> => {
  const flights = new Map<string, Flight>();
  const watch: Watch = { wake: new AbortController() };
  return underEither([signal, lease.lost], async (stopping) => {
    const stop = (): void => watch.wake.abort();
    stopping.addEventListener("abort", stop);
    try {
      return await circle({ options, runId, lease, flights, watch, signal, stopping });
    } finally {
      await landAll(flights);
    }
  });
};

const landAll = async (flights: ReadonlyMap<string, Flight>): Promise<void> => {
  for (const { stop } of flights.values()) stop.abort();
  await Promise.all([...flights.values()].map(({ done }) => done));
};

type Driving = {
  readonly options: ExecutorOptions;
  readonly runId: string;
  readonly lease: HeldLease;
  readonly flights: Map<string, Flight>;
  readonly watch: Watch;
  readonly signal: AbortSignal;
  /** Aborts when the signal does, and when the lease is lost. */
  readonly stopping: AbortSignal;
};

const circle = async (driving: Driving): Promise<Driven> => {
  const { options, runId, lease, flights, watch, signal, stopping } = driving;
  const { ledger } = options;
  const failures: unknown[] = [];
  const launch = (action: Action, run: Run): void => {
    const stop = new AbortController();
    const done = perform(driving, action, stop.signal)
      .catch((error: unknown) => void failures.push(error))
      .finally(() => {
        flights.delete(keyOf(action));
        watch.wake.abort();
      });
    flights.set(keyOf(action), { done, stop, action, attempt: attemptOf(run, action) });
  };
  for (;;) {
    // Made before the look, so that what happens during it is not slept through.
    watch.wake = new AbortController();
    const run = await afterTimers(driving);
    if (stopping.aborted || failures.length > 0 || isTerminal(run)) await landAll(flights);
    if (lease.lost.aborted || failures.some((error) => isLedgerError(error, "lease_lost")))
      return { run, end: "lease_lost" };
    if (failures.length > 0) throw failures[0];
    if (signal.aborted) return { run: await ledger.load(runId), end: "stopped" };
    for (const flight of flights.values()) if (isLost(run, flight)) flight.stop.abort();
    await options.checkpointing.signIfDue(run, lease.epoch);
    for (const action of dueNow(options, run, flights)) launch(action, run);
    if (isAgentAtWork(run, flights)) options.pev.prepareRoom(run);
    if (flights.size === 0 && (await ledger.load(runId)).seq === run.seq)
      return { run, end: nextActions(run).length === 0 ? "idle" : "no_agent" };
    const matters = (event: StoredEvent): boolean =>
      maySayWhatIsDue(event) || options.checkpointing.isDue(run, event.seq);
    await ledger.changed(runId, run.seq, lookMs(ledger, run), watch.wake.signal, matters);
  }
};

/** The run as of now, with what is due by now fired. */
const afterTimers = async ({ options, runId, lease, stopping }: Driving): Promise<Run> => {
  const { ledger, engine } = options;
  const run = await ledger.load(runId);
  if (stopping.aborted || msToWake(ledger, run) > 0) return run;
  const { epoch } = lease;
  const fired = await unlessOvertaken(ledger, run, () =>
    ledger.submit(runId, { type: "fire_timers" }, engine, { epoch }),
  );
  return fired?.run ?? ledger.load(runId);
};

const keyOf = (action: Action): string => {
  switch (action.kind) {
    case "verify":
    case "verify_criterion":
      return "verify";
    case "work":
      return `work ${action.stepId}${action.candidate === undefined ? "" : ` ${action.candidate}`}`;
    case "decide_policy":
      return `decide_policy ${action.stepId}`;
    case "end_child":
      return `end_child ${action.childId}`;
    case "tell_parent":
      return "tell_parent";
  }
};

/** The attempt that an agent is about to work on, or to go on with. */
const attemptOf = (run: Run, action: Action): number => {
  const step = "stepId" in action ? findStep(run, action.stepId) : undefined;
  return step === undefined ? 0 : step.state.status === "pending" ? step.attempt + 1 : step.attempt;
};

/** At work for a race that this candidate cannot win any more; nobody waits for what it would say. */
const isLost = (run: Run, { action, attempt }: Flight): boolean => {
  if (action.kind !== "work" || action.candidate === undefined) return false;
  const step = findStep(run, action.stepId);
  if (step === undefined || attempt !== attemptOf(run, action)) return true;
  const { status } = step.state;
  if (status === "pending") return false;
  return (
    status !== "racing" || !step.candidates.some((one) => one.candidate === action.candidate && isOpen(one))
  );
};

/** Actions that are not under way, within the limits: so many agents at once, one verdict at a time. */
const dueNow = (
  { agents, maxParallelSteps }: ExecutorOptions,
  run: Run,
  flights: ReadonlyMap<string, Flight>,
): readonly Action[] => {
  let working = [...flights.keys()].filter((key) => key.startsWith("work ")).length;
  return nextActions(run).filter((action) => {
    if (flights.has(keyOf(action))) return false;
    if (action.kind !== "work") return true;
    if (!agents.has(action.agent) || working >= maxParallelSteps) return false;
    working += 1;
    return true;
  });
};

/** Its workspace is made by then, so that two checkouts do not wait for the same disk. */
const isAgentAtWork = (run: Run, flights: ReadonlyMap<string, Flight>): boolean =>
  [...flights.values()].some(({ action }) => {
    if (action.kind !== "work") return false;
    const step = findStep(run, action.stepId);
    const { candidate } = action;
    const worker =
      candidate === undefined ? step : step?.candidates.find((one) => one.candidate === candidate);
    return worker?.state.status === "in_progress";
  });

const perform = async (
  { options, runId, lease, flights }: Driving,
  action: Action,
  signal: AbortSignal,
): Promise<void> => {
  const { epoch } = lease;
  switch (action.kind) {
    case "work":
      return work(options, runId, action, { epoch, signal });
    case "verify": {
      const isAtWork = (candidate: number): boolean => flights.has(`work ${action.stepId} ${candidate}`);
      return void (await options.pev.verify(runId, action, { epoch, signal, isAtWork }));
    }
    case "verify_criterion":
      return void (await options.pev.verifyCriterion(runId, action.index, { epoch, signal }));
    case "end_child":
      return endChild(options, runId, action.childId);
    case "tell_parent":
      return tellParent(options, runId);
    case "decide_policy":
      return decidePolicy(options, runId, action.stepId, { epoch, signal });
  }
};

const decidePolicy = async (
  options: ExecutorOptions,
  runId: string,
  stepId: string,
  holding: { readonly epoch: number; readonly signal: AbortSignal },
): Promise<void> => {
  const { ledger, orchestrator } = options;
  const { epoch, signal } = holding;
  const before = await ledger.load(runId);
  const unanswered =
    orchestrator === null ? "" : await askOrchestrator({ ...options, orchestrator }, before, stepId, holding);
  if (unanswered === null || signal.aborted) return;
  const run = await ledger.load(runId);
  const step = findStep(run, stepId);
  if (step === undefined || !hasPolicyRequest(step)) return;
  const system = ledger.issue({ name: "system", role: "orchestrator", sessionKey: run.sessionKey });
  const { decision, reason } = staticPolicy(step);
  const command = { type: "apply_policy", stepId, decision, reason: `${unanswered}${reason}` } as const;
  await unlessOvertaken(ledger, run, () => ledger.submit(runId, command, system, { epoch }));
};
