import type { CommandOf } from "../commands.js";
import { formatDuration } from "../duration.js";
import { LedgerError } from "../errors.js";
import type { EventBody, Role } from "../events.js";
import * as limit from "../limits.js";
import { readPlan } from "../plan.js";
import { planWire } from "../plan-wire.js";
import { isPlanning, planningStep } from "../planning.js";
import type { Run } from "../run.js";
import { type Plan, planDigest } from "../spec.js";
import { requireSameAgents, withoutMemory } from "./checkpoints.js";
import {
  alreadyDone,
  type DecideContext,
  type Decider,
  isStalePause,
  type Rules,
  requireAgent,
  requireLive,
  requireRole,
  requireRoomToRace,
  requireRunning,
  requireSession,
} from "./guards.js";

// A run with a plan is born in one append, so no half-made run exists.
export const createRun: Decider<"create_run"> = (command, run, { caller, rules }) => {
  const { goal, originalRequest, workspaceIsolation, base, plan, planner, child } = command;
  const { parent, sessionKey } = child ?? { parent: null, sessionKey: caller.sessionKey };
  // Who says to be the child of another run is believed only when the engine says it.
  if (parent === null) requireRole(caller, "create a run", "orchestrator", "human");
  else requireRole(caller, "start a child run", "engine");
  if (run !== undefined) {
    const same =
      run.originalRequest === originalRequest &&
      run.goal === (plan?.goal ?? goal) &&
      run.planDigest === (plan ? planDigest(plan) : null) &&
      run.parent?.runId === parent?.runId &&
      run.parent?.seq === parent?.seq;
    if (same && run.sessionKey === sessionKey) return alreadyDone;
    throw new LedgerError("run_exists", `Run "${run.runId}" exists already, with other content.`, {
      hint: "Give the new run another id, or none.",
    });
  }
  if (plan !== undefined) requirePlan(plan, rules, workspaceIsolation);
  if (planner !== undefined) requirePlanner(planner, command, rules);
  return [
    {
      type: "run_created",
      version: 4,
      sessionKey,
      payload: {
        goal: plan?.goal ?? goal,
        originalRequest,
        workspaceIsolation,
        base,
        forkedFrom: null,
        source: null,
        parent,
      },
    },
    ...(plan === undefined ? [] : [{ ...planAttached(plan), sessionKey }]),
    ...(planner === undefined ? [] : [{ ...planRequested(goal, planner), sessionKey }]),
  ];
};

const requirePlanner = (planner: string, { plan }: CommandOf<"create_run">, { agents }: Rules): void => {
  if (plan !== undefined)
    throw new LedgerError("invalid_input", "A run that comes with its plan needs no planner.", {
      hint: "Give the plan, or who makes it.",
    });
  requireAgent(planner, agents);
};

const planRequested = (goal: string, planner: string): EventBody => ({
  type: "plan_requested",
  version: 1,
  payload: { step: planningStep(goal, planner) },
});

export const attachPlan: Decider<"attach_plan"> = (command, run, { caller, rules }) => {
  requireRole(caller, "attach a plan", ...approversOf(run));
  requireSession(run, caller);
  if (run.planDigest === planDigest(command.plan)) return alreadyDone;
  requirePlanWanted(run);
  requirePlan(command.plan, rules, run.workspaceIsolation);
  return [planAttached(command.plan)];
};

/** Refuses a run that takes no plan as it stands, whatever the plan; for whoever is about to write one. */
export const requirePlanWanted = (run: Run): void => {
  requireLive(run);
  if (run.planDigest !== null || run.state.status === "running")
    throw new LedgerError("run_not_planning", `Run "${run.runId}" has a plan already.`, {
      hint: "Change steps by policy actions, or start a new run.",
    });
  requireNoPlannerAtWork(run);
};

/** Where a model plans, its plan waits for a person: no other program may bring one in its place. */
const approversOf = ({ steps }: Run): readonly Role[] =>
  steps.some(isPlanning) ? ["human"] : ["orchestrator", "human"];

/** Its answer would come to a step that is not there any more. */
const requireNoPlannerAtWork = ({ runId, steps, state: { status } }: Run): void => {
  if (!steps.some(({ state }) => state.status === "in_progress")) return;
  // A pause starts nothing new; whether what had begun still goes on somewhere, no run can tell.
  if (status === "paused")
    throw new LedgerError("step_not_waiting", `The planner of paused run "${runId}" has begun a plan.`, {
      hint: `Let it end: runledger resume ${runId}. Its plan then waits, and plan edit puts yours in its place. Without it: runledger cancel ${runId}, then runledger run with your plan`,
    });
  throw new LedgerError("step_not_waiting", `The planner of run "${runId}" is at work.`, {
    hint: `Wait for its plan, or end it: runledger cancel ${runId}`,
  });
};

// A host may hand in a plan that no planner wrote: one without steps, or with a circle, would never end.
export const requirePlan = (plan: Plan, { agents }: Rules, workspaceIsolation: boolean): void => {
  readPlan(planWire(plan), agents ? { agents } : {});
  requireRoomToRace(plan.steps, workspaceIsolation);
};

/** Judged by a person, or by nobody where the settings trust plans. */
export const planAttached = (plan: Plan): EventBody => ({
  type: "plan_attached",
  version: 2,
  payload: { plan, digest: planDigest(plan) },
});

export const writeNote: Decider<"write_note"> = (command, run, { caller }) => {
  requireSession(run, caller);
  const { key, value } = command;
  const known = Object.hasOwn(run.notes, key);
  if (known && run.notes[key] === value) return alreadyDone;
  if (caller.role !== "human") requireLive(run);
  if (!known && Object.keys(run.notes).length >= limit.NOTES_PER_RUN)
    throw new LedgerError("limit_exceeded", `A run holds at most ${limit.NOTES_PER_RUN} notes.`, {
      hint: "Overwrite one that exists.",
    });
  return [{ type: "note_written", version: 1, payload: { key, value } }];
};

export const pauseRun: Decider<"pause_run"> = (command, run, { caller }) => {
  requireRole(caller, "pause a run", "orchestrator", "human");
  requireSession(run, caller);
  if (run.state.status === "paused") return alreadyDone;
  requireRunning(run);
  return [
    {
      type: "run_paused",
      version: 1,
      payload: { reason: "requested", message: command.reason, stepId: null },
    },
  ];
};

// Never automatic: somebody of the same session, or a person, asks for it (seed 002, "Resume").
export const resumeRun: Decider<"resume_run"> = (command, run, context) => {
  requireRole(context.caller, "resume a run", "orchestrator", "human");
  requireSession(run, context.caller);
  requireLive(run);
  if (run.state.status !== "paused")
    throw new LedgerError("run_not_paused", `Run "${run.runId}" is ${run.state.status}, not paused.`, {
      hint: `What it waits for: runledger why ${run.runId}`,
    });
  requireFresh(run, command, context);
  const resumed = { type: "run_resumed", version: 1, payload: { message: command.reason } } as const;
  if (command.anew === true) return [...withoutMemory(run, command.reason || ANEW), resumed];
  requireSameAgents(run, context.rules);
  return [resumed];
};

const ANEW = "Resumed anew.";

const requireFresh = (
  run: Run,
  command: CommandOf<"resume_run">,
  { caller, at, rules }: DecideContext,
): void => {
  if (run.state.status !== "paused" || !isStalePause(run, Date.parse(at), rules.staleTtlMs)) return;
  if (caller.role === "human" && command.overrideStale) return;
  const ageMs = Date.parse(at) - Date.parse(run.state.since);
  throw new LedgerError(
    "run_stale",
    `Run "${run.runId}" has been paused for ${formatDuration(ageMs)}; staleTtl is ${formatDuration(rules.staleTtlMs)}.`,
    { hint: `A person may go on anyway: runledger resume ${run.runId} --stale` },
  );
};

export const cancelRun: Decider<"cancel_run"> = (command, run, { caller }) => {
  requireRole(caller, "cancel a run", "orchestrator", "human");
  requireSession(run, caller);
  if (run.state.status === "failed" && run.state.reason === "cancelled") return alreadyDone;
  requireLive(run);
  return [
    {
      type: "run_failed",
      version: 1,
      payload: { reason: "cancelled", message: command.reason, unmet: [] },
    },
  ];
};

export const workerLost: Decider<"worker_lost"> = (command, run, { caller }) => {
  requireRole(caller, "report a lost worker", "engine");
  if (command.epoch <= run.lastLostEpoch) return alreadyDone;
  requireLive(run);
  return [{ type: "worker_lost", version: 1, payload: { owner: command.owner, epoch: command.epoch } }];
};
