import type { Budget } from "../budget-shape.js";
import type { Caller, CommandOf, CommandType } from "../commands.js";
import { quoted } from "../defects.js";
import { LedgerError } from "../errors.js";
import type { EventBody, JournalEvent, Role, StoredEvent } from "../events.js";
import type { GateContext, GateRules } from "../gate-context.js";
import * as limit from "../limits.js";
import {
  findStep,
  isActive,
  isTerminal,
  type Run,
  type Step,
  type StepState,
  type WorkedStep,
} from "../run.js";
import type { StepSpec } from "../spec.js";
import type { FirstRecorded } from "../tracked.js";

/** What a rule must know beyond its own run: settings of the project, handed in by the ledger. */
export type Rules = {
  /** How long a run that was paused on request stays resumable without a person's override. */
  readonly staleTtlMs: number;
  readonly onUnmetCriteria: "fail" | "pause";
  /** Who may replace a judge. */
  readonly changeValidator: "orchestrator" | "human";
  /** Agents that exist; null when the host does not say. */
  readonly agents: readonly string[] | null;
  /** Those of them that work through their tools alone: nobody here is started for their steps. */
  readonly toolAgents?: readonly string[];
  /** Whether an agent can go on with what this version of it remembered; absent where nobody knows versions. */
  readonly takesMemoryOf?: (agent: string, agentVersion: string) => boolean;
  /** What each run may spend where nobody has said it of the run itself. */
  readonly budget?: Budget;
  /** What one agent may record; as limits.ts has it where nothing is said. */
  readonly recording?: Recording;
  /** Plans that a planner made are carried out as they come; absent, a person approves each. */
  readonly trustPlans?: boolean;
  /** Who is asked before anything leaves the building; absent, nothing does. */
  readonly gate?: GateRules;
};

export type Recording = {
  readonly effectsPerAttempt: number;
  readonly eventsPerRun: number;
  /** Of one result as JSON. */
  readonly resultBytes: number;
  /** So many of a run's newest checkpoints are not thinned out. */
  readonly checkpointsKept: number;
};

export type DecideContext = {
  readonly caller: Caller;
  /** ISO 8601, UTC: the time of the command and of its events. */
  readonly at: string;
  readonly rules: Rules;
  /** Of the run that a fork goes on from, from its first event on. */
  readonly history?: readonly StoredEvent[];
  /** Of commands about intents. */
  readonly gate?: GateContext;
  readonly facts?: OutsideFacts;
  /** Of what a client records: the SDK key does not open that destination, so it only says that what is begun is done. */
  readonly endsOnly?: true;
};

/** What a rule must know that is not in its run, as the ledger found it. The store holds it to that in the same transaction. */
export type OutsideFacts = {
  /** The run that a new one goes on from, and the hash of its last event. */
  readonly parent?: { readonly run: Run; readonly hash: string };
  /** Where the side effect of the command was recorded first, in whatever run. */
  readonly taken?: FirstRecorded;
};

/** What is to be appended; events that are taken over from elsewhere keep who did them, and when. */
export type Decided = EventBody & Partial<Pick<JournalEvent, "at" | "actor" | "sessionKey">>;

/** Commands that make the run they are sent to. */
export type CreatingType = "create_run" | "fork_run" | "mirror_run" | "start_run";

/** Which events may follow a command, or a LedgerError. Pure. */
export type Decider<T extends CommandType> = (
  command: CommandOf<T>,
  run: T extends CreatingType ? Run | undefined : Run,
  context: DecideContext,
) => readonly Decided[];

/** Nothing to add: the command's events are already there. */
export const alreadyDone: readonly EventBody[] = [];

export const existing = (run: Run | undefined, runId: string): Run => {
  if (run !== undefined) return run;
  throw runNotFound(runId);
};

export const runNotSealed = (runId: string): LedgerError =>
  new LedgerError("run_not_sealed", `Run "${runId}" is not sealed: it has no key that could be destroyed.`, {
    hint: "Take it out instead: runledger prune. New runs are sealed with durable.encryption: true.",
    details: { runId },
  });

export const runNotFound = (runId: string): LedgerError =>
  new LedgerError("run_not_found", `There is no run ${quoted(runId)}.`, {
    hint: "`runledger list` shows the runs of this project.",
  });

export const requireRole = (caller: Caller, act: string, ...roles: readonly Role[]): void => {
  if (roles.includes(caller.role)) return;
  throw new LedgerError("access_denied", `"${caller.name}" (${caller.role}) may not ${act}.`, {
    hint: `Only these roles may: ${roles.join(", ")}.`,
  });
};

/** A credential that is bound to one run opens no other, and creates none. */
export const requireBound = (runId: string, caller: Caller): void => {
  if (caller.runId === undefined || caller.runId === runId) return;
  throw new LedgerError("access_denied", `This credential is bound to run "${caller.runId}".`);
};

/** Runs belong to the session that created them; people and the engine serve all sessions. */
export const requireSession = (run: Run, caller: Caller): void => {
  requireBound(run.runId, caller);
  if (caller.role === "human" || caller.role === "engine" || caller.sessionKey === run.sessionKey) return;
  throw new LedgerError("session_mismatch", `Run "${run.runId}" belongs to another session.`, {
    hint: "Only the session that created a run, or a person, may read or drive it.",
  });
};

/** Only a pause on request ages; time spent waiting for a person does not count. */
export const isStalePause = ({ state }: Run, nowMs: number, staleTtlMs: number): boolean =>
  state.status === "paused" && state.reason === "requested" && nowMs - Date.parse(state.since) > staleTtlMs;

/** What a host drives nobody else may move on, or the two would tell different stories. */
export const requireDrivenHere = ({ runId, source }: Run): void => {
  if (source === null) return;
  throw new LedgerError(
    "run_mirrored",
    `Run "${runId}" is driven by its host (${source.kind} ${quoted(source.hostId)} of ${quoted(source.projection)}).`,
    { hint: "Change it where it runs; its host reports that here." },
  );
};

/** Nobody here works on the run of a client, so nothing here may say how it goes on. */
export const requirePlanned = ({ runId, tracked }: Run): void => {
  if (tracked === null) return;
  throw new LedgerError(
    "run_tracked",
    `Run "${runId}" has no plan: its client does the work and records it.`,
    {
      hint: `What it did, and how to go on with it: runledger runs inspect ${runId}`,
    },
  );
};

export const requireLive = (run: Run): void => {
  if (!isTerminal(run)) return;
  throw new LedgerError("run_terminal", `Run "${run.runId}" is ${run.state.status}; nothing can change it.`, {
    hint: `Start a new run, or begin again from its past: runledger fork ${run.runId}`,
  });
};

export const requireRunning = (run: Run): void => {
  requireLive(run);
  if (isActive(run)) return;
  throw new LedgerError("run_not_running", `Run "${run.runId}" is ${run.state.status}, not running.`, {
    hint: run.state.status === "paused" ? `Resume it: runledger resume ${run.runId}` : "Attach a plan first.",
  });
};

/** Names those that there are. */
export const noSuchStep = ({ runId, steps }: Run, stepId: string): LedgerError => {
  const ids = steps.slice(0, STEPS_NAMED).map(({ spec }) => spec.id);
  const more = steps.length > ids.length ? `, and ${steps.length - ids.length} more` : "";
  return new LedgerError("step_not_found", `Run "${runId}" has no step ${quoted(stepId)}.`, {
    hint: ids.length === 0 ? "It has no steps yet." : `Its steps: ${ids.join(", ")}${more}.`,
  });
};

/** As many as are read at a glance. */
const STEPS_NAMED = 20;

export const requireStep = (run: Run, caller: Caller, stepId: string): Step => {
  const step = findStep(run, stepId);
  if (step === undefined) throw noSuchStep(run, stepId);
  if (caller.stepId !== undefined && caller.stepId !== stepId)
    throw new LedgerError("access_denied", `This credential is bound to step "${caller.stepId}".`);
  return step;
};

export const requireAgent = (name: string, agents: readonly string[] | null): void => {
  if (name.trim() === "")
    throw new LedgerError("invalid_input", "An agent needs a name.", {
      hint: agents === null ? "Name who is to work on the step." : `Agents: ${agents.join(", ")}.`,
    });
  if (agents === null || agents.includes(name)) return;
  throw new LedgerError("agent_not_found", `There is no agent ${quoted(name)}.`, {
    hint: `Agents: ${agents.join(", ")}.`,
  });
};

/** Candidates in one folder would write over each other, and nobody could tell whose work was judged. */
export const requireRoomToRace = (steps: readonly StepSpec[], workspaceIsolation: boolean): void => {
  const raced = steps.find(({ race }) => race !== undefined);
  if (raced === undefined || workspaceIsolation) return;
  throw new LedgerError(
    "invalid_input",
    `Step "${raced.id}" has candidates, and they would share one folder.`,
    {
      hint: "Turn runLedger.workspaceIsolation on, or leave candidates out of the plan.",
    },
  );
};

/** The owner agent of a step, with a credential that is not of another attempt than the one it speaks of. */
export const requireOwner = (step: WorkedStep, caller: Caller, attempt: number): void => {
  if (caller.role === "engine") return;
  const { id, ownerAgent } = step.spec;
  if (caller.name !== ownerAgent)
    throw new LedgerError(
      "step_not_yours",
      `Step "${id}" belongs to "${ownerAgent}", not to "${caller.name}".`,
      {
        hint: `The orchestrator can hand it over: run_apply_policy with action "change_agent".`,
      },
    );
  if (caller.candidate !== step.candidate)
    throw new LedgerError(
      "step_not_yours",
      `This credential is of ${candidateName(caller)}, not of ${candidateName(step)} of step "${id}".`,
      { hint: "A candidate speaks for itself alone, with a credential that names it." },
    );
  if (caller.attempt !== undefined && caller.attempt !== attempt)
    throw new LedgerError(
      "step_not_yours",
      `This credential is of attempt ${caller.attempt}, not of attempt ${attempt} of step "${id}".`,
      { hint: "The step was started anew since: stop working on the earlier attempt." },
    );
};

const candidateName = ({ candidate }: { readonly candidate?: number | undefined }): string =>
  candidate === undefined ? "no candidate" : `candidate ${candidate}`;

const ONLY = {
  pending: "only a pending step can be started",
  in_progress: "only a step in progress can be proposed or interrupted",
  verify_pending: "only a proposed step can be judged",
} as const;

export const requireState = <T extends keyof typeof ONLY>(
  step: Step,
  status: T,
  code: "step_not_pending" | "step_not_in_progress" | "step_not_waiting",
): Extract<StepState, { status: T }> => {
  if (step.state.status === status) return step.state as Extract<StepState, { status: T }>;
  throw new LedgerError(code, `Step "${step.spec.id}" is ${step.state.status}; ${ONLY[status]}.`, {
    hint: "`runledger show` tells where each step stands.",
  });
};

/** What somebody does who was stopped; by who they are. */
const ROOM_HINTS = {
  Agents: "Divide the work into more runs, or raise durable.eventsPerRun.",
  Clients: "Start a run that goes on from it (parentRunId), or raise durable.eventsPerRun.",
} as const;

/** As for effects: a loop that does nothing but end turns, and a client that records without end, must stop too. */
export const requireRoom = (
  { seq }: Run,
  who: keyof typeof ROOM_HINTS,
  { recording }: Rules,
  more = 0,
): void => {
  const { eventsPerRun = limit.EVENTS_PER_RUN } = recording ?? {};
  if (seq < eventsPerRun + more) return;
  throw new LedgerError("limit_exceeded", `${who} of a run stop at ${eventsPerRun} events.`, {
    hint: ROOM_HINTS[who],
  });
};
