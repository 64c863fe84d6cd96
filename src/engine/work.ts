import type { Caller, Command } from "../core/commands.js";
import type { PaidAmbiguous } from "../core/effects.js";
import { isLedgerError, LedgerError } from "../core/errors.js";
import * as limit from "../core/limits.js";
import { named, workedStep } from "../core/race.js";
import { type Feedback, findStep, type Run, type WorkedStep } from "../core/run.js";
import { forAgents } from "../core/verdict.js";
import { budgetStop } from "../ledger/budget-stop.js";
import type { Ledger } from "../ledger/ledger.js";
import type { TokenOf } from "../ledger/tokens.js";
import type { Holding, Pev, Proposed } from "../pev/engine.js";
import { requirePlanFit } from "../pev/planned.js";
import type { StepWorkspace } from "../pev/workspaces.js";
import type { Agent, AgentOutcome } from "./agents/agent.js";
import type { Checkpointing } from "./checkpointing.js";
import { startChild } from "./children.js";
import type { EffectsOptions } from "./effects/calls.js";
import { type OpenedEffects, openEffects } from "./effects/context.js";

export type WorkOptions = {
  readonly ledger: Ledger;
  readonly pev: Pev;
  /** The engine's own credential. */
  readonly engine: Caller;
  readonly agents: ReadonlyMap<string, Agent>;
  /** Bounds an agent whose step sets no limit of its own. */
  readonly agentTimeoutMs: (agent: string) => number;
  /** What becomes of a paid effect that a crash left open, where its agent does not say it. */
  readonly paidAmbiguous: PaidAmbiguous;
  readonly tokenOf: TokenOf;
  readonly checkpointing: Checkpointing;
};

// One attempt of one agent: start or go on, let it work, capture what it made, propose for it.
export const work = async (
  options: WorkOptions,
  runId: string,
  of: Proposed,
  holding: Holding,
): Promise<void> => {
  const { ledger, pev, engine, checkpointing } = options;
  const { epoch, signal } = holding;
  const { stepId } = of;
  const before = await ledger.load(runId);
  const begun = await unlessOvertaken(ledger, before, () => begin(options, before, of, holding)).catch(
    (error: unknown) => stopAtBudget(options, runId, of, holding, error),
  );
  if (begun === undefined || begun.workspace === null) return discardIfLost(options, runId, of);
  const { run, step, workspace } = begun;
  const say = (command: Command, caller: Caller) =>
    unlessOvertaken(ledger, run, () => ledger.submit(runId, command, caller, { epoch }));
  const interrupt = (reason: string, tail: string) =>
    say(interruption(step, ledger, { reason, tail }), engine);
  try {
    const leaving = new AbortController();
    const effects = await effectsOf(options, run, step, holding, (why) => leaving.abort(why));
    const untilEither = AbortSignal.any([signal, leaving.signal]);
    const outcome = await askAgent(options, run, step, { workspace, effects, signal: untilEither });
    const { waits, waitsFor } = await effects.close({ isStopped: outcome.kind === "stopped" });
    // Whatever its agent made of the refusal: the attempt goes on where it is when there is more to spend.
    if (isLedgerError(leaving.signal.reason, "budget_exceeded")) throw leaving.signal.reason;
    const leaves = waitsFor.length > 0 && !signal.aborted ? "wait" : "interruption";
    if (outcome.kind === "stopped") await checkpointing.signMemory(runId, step, leaves, epoch);
    if (waitsFor.length > 0 && !signal.aborted) return void (await say(suspension(step, waitsFor), engine));
    // The run waits for a person, and the attempt goes on where it is.
    if (outcome.kind === "stopped" || waits) return;
    if (outcome.kind === "failed") return void (await interrupt(outcome.reason, outcome.tail));
    const { result, evidence } = outcome;
    await requirePlanFit(options, run, step, result);
    const capture = await pev.capture(run, step);
    await say(
      { type: "propose_step_result", stepId, ...named(step), result, evidence: [...evidence], capture },
      ownerOf(ledger, run, step),
    );
  } catch (error) {
    if (!isFaultOfAttempt(error)) throw error;
    if (error.code === "budget_exceeded") await stopAtBudget(options, runId, of, holding, error);
    else await interrupt(error.message, error.hint ?? "");
  } finally {
    await discardIfLost(options, runId, of);
  }
};

/** The run waits for a person, who may raise its budget; any other error is thrown on. */
export const stopAtBudget = async (
  { ledger, engine }: Pick<WorkOptions, "ledger" | "engine">,
  runId: string,
  { stepId }: Pick<Proposed, "stepId">,
  { epoch }: Pick<Holding, "epoch">,
  error: unknown,
): Promise<undefined> => {
  if (!isLedgerError(error, "budget_exceeded")) throw error;
  const command = budgetStop(stepId, error);
  await unlessOvertaken(ledger, await ledger.load(runId), () =>
    ledger.submit(runId, command, engine, { epoch }),
  );
  return undefined;
};

/** Another candidate was verified while this one was at work, so only now that its agent is gone may its folder go. */
const discardIfLost = async (
  { ledger, pev }: WorkOptions,
  runId: string,
  { stepId, candidate }: Proposed,
): Promise<void> => {
  if (candidate === undefined) return;
  const step = findStep(await ledger.load(runId), stepId);
  if (step?.state.status === "completed") await pev.discardWorkspace(runId, workedStep(step, candidate));
};

/** What an agent says may be of any length; secrets are looked for before it is cut to size. */
const interruption = (
  step: WorkedStep,
  { redactor }: Ledger,
  { reason, tail }: { readonly reason: string; readonly tail: string },
): Command => ({
  type: "interrupt_step",
  stepId: step.spec.id,
  ...named(step),
  attempt: step.attempt,
  reason: redactor.text(reason).slice(0, limit.REASON_CHARS),
  tail: redactor.text(tail).slice(-limit.TAIL_BYTES),
});

const suspension = (step: WorkedStep, positions: readonly number[]): Command => ({
  type: "suspend_step",
  stepId: step.spec.id,
  ...named(step),
  attempt: step.attempt,
  positions: [...positions],
});

const ownerOf = (ledger: Ledger, { runId, sessionKey }: Run, step: WorkedStep): Caller =>
  ledger.issue({
    ...named(step),
    name: step.spec.ownerAgent,
    role: "executor",
    sessionKey,
    runId,
    stepId: step.spec.id,
    attempt: step.attempt,
  });

/**
 * A folder that cannot be captured, a program that cannot be started, a claim that is too long: the next attempt may be
 * better. A ledger that cannot be trusted or written, a run that somebody else drives, or a machine that cannot hold
 * processes as the settings ask, is no attempt's fault: whoever drives the run next goes on with the attempt.
 */
const isFaultOfAttempt = (error: unknown): error is LedgerError =>
  isLedgerError(error) &&
  error.kind !== "corrupt" &&
  error.kind !== "conflict" &&
  error.code !== "store_unavailable" &&
  error.code !== "no_space" &&
  error.code !== "isolation_unmet";

type Begun = { readonly run: Run; readonly step: WorkedStep; readonly workspace: StepWorkspace | null };

// The workspace exists before the journal says that the step started; a crash in between finds it again.
const begin = async (
  { ledger, pev, engine }: WorkOptions,
  before: Run,
  { stepId, candidate }: Proposed,
  { epoch, signal }: Holding,
): Promise<Begun | undefined> => {
  const { runId } = before;
  const stepOf = (run: Run): WorkedStep => {
    const step = findStep(run, stepId);
    if (step !== undefined) return workedStep(step, candidate);
    throw new LedgerError("step_not_found", `Run "${runId}" has no step "${stepId}".`);
  };
  const found = stepOf(before);
  const start = async (base: string | null): Promise<{ run: Run; step: WorkedStep }> => {
    const command = { type: "start_step", stepId, ...named(found), base } as const;
    const { run } = await ledger.submit(runId, command, engine, { epoch });
    return { run, step: stepOf(run) };
  };
  try {
    const workspace = await pev.openWorkspace(before, found, signal);
    return { ...(await start(workspace.base)), workspace };
  } catch (error) {
    if (signal.aborted) return undefined;
    if (!isFaultOfAttempt(error) || error.kind !== "environment") throw error;
    const { run, step } = await start(before.head);
    const reason = `The workspace could not be prepared: ${error.message}`;
    await ledger.submit(runId, interruption(step, ledger, { reason, tail: "" }), engine, { epoch });
    return { run, step, workspace: null };
  }
};

const askAgent = async (
  { agents, agentTimeoutMs }: WorkOptions,
  run: Run,
  step: WorkedStep,
  { workspace, effects, signal }: Given,
): Promise<AgentOutcome> => {
  const { spec } = step;
  const agent = agents.get(spec.ownerAgent);
  if (agent === undefined)
    throw new LedgerError("agent_not_found", `There is no agent "${spec.ownerAgent}".`, {
      hint: `Name it in runledger.yaml, then: runledger resume ${run.runId}`,
    });
  const task = {
    runId: run.runId,
    stepId: spec.id,
    attempt: step.attempt,
    candidate: step.candidate ?? null,
    agent: spec.ownerAgent,
    goal: spec.goal,
    runGoal: run.goal,
    feedback: feedbackFor(step.feedback),
    judgedBy: { type: spec.validator.type, target: spec.validator.target },
    mayChange: spec.mayChange,
    notes: run.notes,
    toolProfile: spec.toolProfile,
    workspace: workspace.folder,
    place: workspace.place,
    timeoutMs: timeLimit(spec, agentTimeoutMs),
    signal,
  };
  return agent.work(task, effects);
};

const timeLimit = (
  { agentTimeoutMs, ownerAgent }: WorkedStep["spec"],
  byAgent: WorkOptions["agentTimeoutMs"],
): number => agentTimeoutMs ?? byAgent(ownerAgent);

/** What an agent gets beside its task. */
type Given = {
  readonly workspace: StepWorkspace;
  readonly effects: OpenedEffects;
  readonly signal: AbortSignal;
};

/** Effects of an attempt, for its agent, or for who is asked what becomes of it. */
export const effectsOf = (
  options: WorkOptions,
  { runId }: Run,
  step: WorkedStep,
  { epoch, signal }: Pick<Holding, "epoch" | "signal">,
  leave: (why?: LedgerError) => void,
  over: Partial<EffectsOptions> = {},
): Promise<OpenedEffects> => {
  const { ledger, engine, agentTimeoutMs, paidAmbiguous, tokenOf, checkpointing } = options;
  const of = { stepId: step.spec.id, ...named(step), attempt: step.attempt };
  const say = async (command: Command): Promise<void> => {
    try {
      await ledger.submit(runId, command, engine, { epoch });
    } catch (error) {
      if (isLedgerError(error, "budget_exceeded")) leave(error);
      throw error;
    }
  };
  return openEffects({
    ledger,
    runId,
    step,
    paidAmbiguous,
    timeoutMs: timeLimit(step.spec, agentTimeoutMs),
    signal,
    tokenOf,
    leave,
    ...checkpointing.ofAttempt(runId, step, epoch),
    startChild: (child) => startChild(options, { runId }, step, child),
    record: (entries) => say({ type: "record_effects", ...of, entries: [...entries] }),
    decide: (position, decision, reason) => say({ type: "decide_effect", ...of, position, decision, reason }),
    ...over,
  });
};

const feedbackFor = (feedback: Feedback | null): Feedback | null =>
  feedback?.kind === "verdict" ? { ...feedback, verdict: forAgents(feedback.verdict) } : feedback;

/**
 * A person may pause, cancel, skip or answer at the same moment: then this worker's word comes too late, and that is no
 * fault. A refusal of the very run that it saw is one: asked again, it would be refused for ever. So is a spent budget, which
 * nobody else's word mends.
 */
export const unlessOvertaken = async <T>(
  ledger: Ledger,
  seen: Run,
  submit: () => Promise<T>,
): Promise<T | undefined> => {
  try {
    return await submit();
  } catch (error) {
    if (!isLedgerError(error) || error.kind !== "refused" || error.code === "budget_exceeded") throw error;
    if ((await ledger.load(seen.runId)).seq === seen.seq) throw error;
    return undefined;
  }
};
