import type { Caller, Command } from "../core/commands.js";
import { isLedgerError, LedgerError } from "../core/errors.js";
import * as limit from "../core/limits.js";
import { type Action, nextActions } from "../core/next.js";
import { findStep, isTerminal, type Run, type Step } from "../core/run.js";
import { type HeldLease, holdLease } from "../ledger/lease.js";
import type { Ledger } from "../ledger/ledger.js";
import type { Pev } from "../pev/engine.js";
import type { StepWorkspace } from "../pev/workspaces.js";
import type { Agent, AgentOutcome } from "./agents/agent.js";
import { staticPolicy } from "./static-policy.js";

export type ExecutorOptions = {
  readonly ledger: Ledger;
  readonly pev: Pev;
  /** The engine's own credential. */
  readonly engine: Caller;
  readonly agents: ReadonlyMap<string, Agent>;
  readonly maxParallelSteps: number;
  /** Bounds an agent whose step sets no limit of its own. */
  readonly agentTimeoutMs: (agent: string) => number;
  readonly leaseTtlMs: number;
};

/**
 * How driving ended: nothing is due any more (`idle`), what is due belongs to agents that are not here (`no_agent`), it was
 * asked to stop, or another worker has the run.
 */
export type Driven = { readonly run: Run; readonly end: "idle" | "no_agent" | "stopped" | "lease_lost" };

/** Changes by people in other processes are noticed at the latest after this long. */
const LOOK_MS = 1_000;

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

type Flight = { readonly done: Promise<void>; readonly stop: AbortController };

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
  // The caller's signal may be that of very many runs, so it gets no listener from each.
  const stopping = AbortSignal.any([signal, lease.lost]);
  const stop = (): void => watch.wake.abort();
  stopping.addEventListener("abort", stop);
  try {
    return await circle({ options, runId, lease, flights, watch, signal, stopping });
  } finally {
    stopping.removeEventListener("abort", stop);
    await landAll(flights);
  }
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
  const launch = (action: Action): void => {
    const stop = new AbortController();
    const done = perform(options, runId, action, lease, stop.signal)
      .catch((error: unknown) => void failures.push(error))
      .finally(() => {
        flights.delete(keyOf(action));
        watch.wake.abort();
      });
    flights.set(keyOf(action), { done, stop });
  };
  for (;;) {
    // Made before the look, so that what happens during it is not slept through.
    watch.wake = new AbortController();
    const run = await ledger.load(runId);
    if (stopping.aborted || failures.length > 0 || isTerminal(run)) await landAll(flights);
    if (lease.lost.aborted || failures.some((error) => isLedgerError(error, "lease_lost")))
      return { run, end: "lease_lost" };
    if (failures.length > 0) throw failures[0];
    if (signal.aborted) return { run: await ledger.load(runId), end: "stopped" };
    for (const action of dueNow(options, run, flights)) launch(action);
    if (isAgentAtWork(run, flights)) options.pev.prepareRoom(run);
    if (flights.size === 0 && (await ledger.load(runId)).seq === run.seq)
      return { run, end: nextActions(run).length === 0 ? "idle" : "no_agent" };
    await ledger.changed(runId, run.seq, LOOK_MS, watch.wake.signal);
  }
};

const keyOf = (action: Action): string =>
  action.kind === "verify_criterion"
    ? "verify"
    : action.kind === "verify"
      ? "verify"
      : `${action.kind} ${action.stepId}`;

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
const isAgentAtWork = ({ steps }: Run, flights: ReadonlyMap<string, Flight>): boolean =>
  steps.some(({ spec, state }) => state.status === "in_progress" && flights.has(`work ${spec.id}`));

const perform = async (
  options: ExecutorOptions,
  runId: string,
  action: Action,
  lease: HeldLease,
  signal: AbortSignal,
): Promise<void> => {
  switch (action.kind) {
    case "work":
      return work(options, runId, action.stepId, lease, signal);
    case "verify":
      return void (await options.pev.verify(runId, action.stepId, { epoch: lease.epoch, signal }));
    case "verify_criterion":
      return void (await options.pev.verifyCriterion(runId, action.index, { epoch: lease.epoch, signal }));
    case "decide_policy":
      return decidePolicy(options, runId, action.stepId, lease);
  }
};

const decidePolicy = async (
  { ledger }: ExecutorOptions,
  runId: string,
  stepId: string,
  { epoch }: HeldLease,
): Promise<void> => {
  const run = await ledger.load(runId);
  const step = findStep(run, stepId);
  if (step === undefined) return;
  const system = ledger.issue({ name: "system", role: "orchestrator", sessionKey: run.sessionKey });
  await unlessOvertaken(ledger, run, () =>
    ledger.submit(runId, { type: "apply_policy", stepId, ...staticPolicy(step) }, system, { epoch }),
  );
};

// One attempt of one agent: start or go on, let it work, capture what it made, propose for it.
const work = async (
  options: ExecutorOptions,
  runId: string,
  stepId: string,
  { epoch }: HeldLease,
  signal: AbortSignal,
): Promise<void> => {
  const { ledger, pev, engine } = options;
  const before = await ledger.load(runId);
  const begun = await unlessOvertaken(ledger, before, () => begin(options, before, stepId, epoch, signal));
  if (begun === undefined || begun.workspace === null) return;
  const { run, step, workspace } = begun;
  const say = (command: Command, caller: Caller) =>
    unlessOvertaken(ledger, run, () => ledger.submit(runId, command, caller, { epoch }));
  const interrupt = (reason: string, tail: string) => say(interruption(step, reason, tail), engine);
  try {
    const outcome = await askAgent(options, run, step, workspace, signal);
    if (outcome.kind === "stopped") return;
    if (outcome.kind === "failed") return void (await interrupt(outcome.reason, outcome.tail));
    const capture = await pev.capture(run, step);
    const { result, evidence } = outcome;
    await say(
      { type: "propose_step_result", stepId, result, evidence: [...evidence], capture },
      ownerOf(ledger, run, step),
    );
  } catch (error) {
    if (!isFaultOfAttempt(error)) throw error;
    await interrupt(error.message, error.hint ?? "");
  }
};

/** What an agent says may be of any length. */
const interruption = ({ spec, attempt }: Step, reason: string, tail: string): Command => ({
  type: "interrupt_step",
  stepId: spec.id,
  attempt,
  reason: reason.slice(0, limit.REASON_CHARS),
  tail: tail.slice(-limit.TAIL_BYTES),
});

const ownerOf = (ledger: Ledger, { runId, sessionKey }: Run, { spec, attempt }: Step): Caller =>
  ledger.issue({
    name: spec.ownerAgent,
    role: "executor",
    sessionKey,
    runId,
    stepId: spec.id,
    attempt,
  });

/**
 * A folder that cannot be captured, a program that cannot be started, a claim that is too long: the next attempt may be
 * better. A ledger that cannot be trusted or written, or a run that somebody else drives, is no attempt's fault.
 */
const isFaultOfAttempt = (error: unknown): error is LedgerError =>
  isLedgerError(error) &&
  error.kind !== "corrupt" &&
  error.kind !== "conflict" &&
  error.code !== "store_unavailable";

type Begun = { readonly run: Run; readonly step: Step; readonly workspace: StepWorkspace | null };

// The workspace exists before the journal says that the step started; a crash in between finds it again.
const begin = async (
  { ledger, pev, engine }: ExecutorOptions,
  before: Run,
  stepId: string,
  epoch: number,
  signal: AbortSignal,
): Promise<Begun | undefined> => {
  const { runId } = before;
  const found = findStep(before, stepId);
  if (found === undefined) throw new LedgerError("step_not_found", `Run "${runId}" has no step "${stepId}".`);
  const start = async (base: string | null): Promise<{ run: Run; step: Step }> => {
    const { run } = await ledger.submit(runId, { type: "start_step", stepId, base }, engine, { epoch });
    return { run, step: findStep(run, stepId) ?? found };
  };
  try {
    const workspace = await pev.openWorkspace(before, found, signal);
    return { ...(await start(workspace.base)), workspace };
  } catch (error) {
    if (signal.aborted) return undefined;
    if (!isLedgerError(error) || error.kind !== "environment") throw error;
    const { run, step } = await start(before.head);
    const reason = `The workspace could not be prepared: ${error.message}`;
    await ledger.submit(runId, interruption(step, reason, ""), engine, { epoch });
    return { run, step, workspace: null };
  }
};

const askAgent = async (
  { agents, agentTimeoutMs }: ExecutorOptions,
  run: Run,
  step: Step,
  workspace: StepWorkspace,
  signal: AbortSignal,
): Promise<AgentOutcome> => {
  const { spec } = step;
  const agent = agents.get(spec.ownerAgent);
  if (agent === undefined)
    throw new LedgerError("agent_not_found", `There is no agent "${spec.ownerAgent}".`, {
      hint: `Name it in runledger.yaml, then: runledger resume ${run.runId}`,
    });
  return agent.work({
    runId: run.runId,
    stepId: spec.id,
    attempt: step.attempt,
    agent: spec.ownerAgent,
    goal: spec.goal,
    runGoal: run.goal,
    feedback: step.feedback,
    judgedBy: { type: spec.validator.type, target: spec.validator.target },
    mayChange: spec.mayChange,
    notes: run.notes,
    workspace: workspace.folder,
    place: workspace.place,
    timeoutMs: spec.agentTimeoutMs ?? agentTimeoutMs(spec.ownerAgent),
    signal,
  });
};

/**
 * A person may pause, cancel, skip or answer at the same moment: then this worker's word comes too late, and that is no
 * fault. A refusal of the very run that it saw is one: asked again, it would be refused for ever.
 */
const unlessOvertaken = async <T>(
  ledger: Ledger,
  seen: Run,
  submit: () => Promise<T>,
): Promise<T | undefined> => {
  try {
    return await submit();
  } catch (error) {
    if (!isLedgerError(error) || error.kind !== "refused") throw error;
    if ((await ledger.load(seen.runId)).seq === seen.seq) throw error;
    return undefined;
  }
};
