import { requireBudget } from "../budget.js";
import { hasUnwantedChildren } from "../children.js";
import type { CommandOf } from "../commands.js";
import { LedgerError } from "../errors.js";
import type { EventBody } from "../events.js";
import * as limit from "../limits.js";
import { isPlanning, PLANNING_STEP, planProposed } from "../planning.js";
import { isOpen, named, workedStep } from "../race.js";
import {
  awaitsApproval,
  completedIds,
  findStep,
  isActive,
  isReady,
  type Run,
  type Step,
  type StepState,
  type WorkedStep,
} from "../run.js";
import { validatorDigest } from "../spec.js";
import { nothingRan, type Verdict } from "../verdict.js";
import {
  alreadyDone,
  type DecideContext,
  type Decider,
  requireLive,
  requireOwner,
  requireRole,
  requireRunning,
  requireSession,
  requireState,
  requireStep,
} from "./guards.js";
import { planAttached, requirePlan } from "./lifecycle.js";

export const startStep: Decider<"start_step"> = (command, run, { caller, rules, at }) => {
  requireRole(caller, "start a step", "executor", "engine");
  requireSession(run, caller);
  const whole = requireStep(run, caller, command.stepId);
  const step = workedStep(whole, command.candidate);
  requireRunning(run);
  const attempt = whole.state.status === "pending" ? step.attempt + 1 : step.attempt;
  requireOwner(step, caller, attempt);
  if (step.state.status === "in_progress") return alreadyDone;
  requireState(step, "pending", "step_not_pending");
  requireChildrenEnded(step);
  if (whole.state.status !== "racing") requireReady(run, whole);
  const { id, ownerAgent } = step.spec;
  // Those who race begin one attempt together.
  const warned = requireBudget(run, rules.budget, at, attempt === whole.attempt ? {} : { attempts: 1 });
  return [
    {
      type: "step_started",
      version: 2,
      attempt,
      payload: { stepId: id, ...named(step), agent: ownerAgent, base: command.base },
    },
    ...warned,
  ];
};

const requireChildrenEnded = (step: WorkedStep): void => {
  if (!hasUnwantedChildren(step)) return;
  throw new LedgerError(
    "step_not_ready",
    `Step "${step.spec.id}" waits for runs of an earlier attempt to end.`,
    { hint: "Whoever drives the run cancels them; then it can start." },
  );
};

const requireReady = (run: Run, step: Step): void => {
  const { id, dependsOn } = step.spec;
  const completed = completedIds(run);
  if (!isReady(step, completed)) {
    const open = dependsOn.filter((need) => !completed.has(need));
    throw new LedgerError("step_not_ready", `Step "${id}" waits for: ${open.join(", ")}.`, {
      hint: "It can start when they are completed.",
    });
  }
  if (run.workspaceIsolation) return;
  const busy = run.steps.find(
    ({ state }) => state.status === "in_progress" || state.status === "verify_pending",
  );
  if (busy !== undefined)
    throw new LedgerError(
      "step_not_ready",
      `Without workspace isolation one step runs at a time: "${busy.spec.id}".`,
      { hint: "Wait until it is completed, or turn runLedger.workspaceIsolation on for the next run." },
    );
};

export const proposeStepResult: Decider<"propose_step_result"> = (command, run, { caller, rules }) => {
  requireRole(caller, "propose a result", "executor");
  requireSession(run, caller);
  const step = workedStep(requireStep(run, caller, command.stepId), command.candidate);
  requireLive(run);
  requireOwner(step, caller, step.attempt);
  const { result, evidence, capture } = command;
  if (step.state.status === "verify_pending" && isSameProposal(step.state, command)) return alreadyDone;
  requireState(step, "in_progress", "step_not_in_progress");
  if (capture.base !== step.base)
    throw new LedgerError(
      "verdict_mismatch",
      `The capture starts from ${capture.base}, the step from ${step.base}.`,
    );
  if (run.workspaceIsolation && capture.tree === null)
    throw new LedgerError("invalid_input", `Nothing was captured from the workspace of "${step.spec.id}".`);
  const plan = isPlanning(step) ? planProposed(run, result, rules.agents) : undefined;
  if (plan !== undefined) requirePlan(plan, rules, run.workspaceIsolation);
  return [
    {
      type: "step_result_proposed",
      version: 2,
      attempt: step.attempt,
      payload: { stepId: step.spec.id, ...named(step), result, evidence, capture },
    },
    ...(plan !== undefined && rules.trustPlans === true ? [planAttached(plan)] : []),
  ];
};

const isSameProposal = (
  { proposal }: Extract<StepState, { status: "verify_pending" }>,
  command: CommandOf<"propose_step_result">,
): boolean => proposal.result === command.result && proposal.capture.tree === command.capture.tree;

export const interruptStep: Decider<"interrupt_step"> = (command, run, { caller }) => {
  requireRole(caller, "interrupt a step", "engine");
  const step = workedStep(requireStep(run, caller, command.stepId), command.candidate);
  requireLive(run);
  const { attempt, reason, tail } = command;
  if (step.state.status === "interrupted" && step.attempt === attempt) return alreadyDone;
  requireState(step, "in_progress", "step_not_in_progress");
  if (step.attempt !== attempt)
    throw new LedgerError(
      "step_not_in_progress",
      `Step "${step.spec.id}" is at attempt ${step.attempt}, not ${attempt}.`,
    );
  const payload = { stepId: step.spec.id, ...named(step), reason, tail };
  return [{ type: "step_interrupted", version: 2, attempt, payload }];
};

// Nobody certifies their own work: only the PEV engine speaks here, and only about exactly what was proposed.
export const recordVerdict: Decider<"record_verdict"> = (command, run, { caller }) => {
  requireRole(caller, "record a verdict", "engine");
  const step = workedStep(requireStep(run, caller, command.stepId), command.candidate);
  const { verdict, round } = command;
  if (isRecorded(step, verdict, round)) return alreadyDone;
  requireLive(run);
  const state = requireState(step, "verify_pending", "step_not_waiting");
  requireMatch(run, step, state, verdict);
  const { id } = step.spec;
  const { attempt } = step;
  const payload = { stepId: id, ...named(step), verdict };
  if (verdict.outcome === "passed")
    return [{ type: "step_validation_passed", version: 2, attempt, payload }, ...losers(run, step)];
  if (verdict.outcome === "failed") return [{ type: "step_validation_failed", version: 2, attempt, payload }];
  const errored: EventBody = { type: "step_validation_errored", version: 2, attempt, payload };
  requireRound(step, state.errors, round);
  const last = state.errors + 1 >= limit.VERIFY_ERRORS_MAX && isActive(run);
  return last ? [errored, pausedByErrors(id, verdict)] : [errored];
};

// In the same append as the verdict, so no race ever has a winner and others who may still win.
const losers = (run: Run, { spec, candidate }: WorkedStep): readonly EventBody[] => {
  const step = findStep(run, spec.id);
  if (step === undefined || candidate === undefined) return [];
  const others = { ...step, candidates: step.candidates.filter((one) => one.candidate !== candidate) };
  return cancelling(others, `Candidate ${candidate} was verified.`);
};

/** Everyone who may still win is out of the race. */
export const cancelling = (step: Step, reason: string): readonly EventBody[] =>
  step.candidates.filter(isOpen).map(({ candidate }) => ({
    type: "candidate_cancelled",
    version: 1,
    attempt: step.attempt,
    payload: { stepId: step.spec.id, candidate, reason },
  }));

// A judge that began before the run was resumed has nothing to say about what came after.
const requireRound = ({ spec }: Step, errors: number, round: number): void => {
  if (round === errors) return;
  throw new LedgerError(
    "verdict_mismatch",
    `The errored verdict on "${spec.id}" is of round ${round}, not ${errors}.`,
    { hint: "Verify the proposal again." },
  );
};

const isRecorded = (step: Step, verdict: Verdict, round: number): boolean => {
  const { state } = step;
  if (verdict.outcome === "errored")
    return (
      state.status === "verify_pending" && state.proposal.seq === verdict.proposalSeq && state.errors > round
    );
  return (
    (state.status === "completed" || state.status === "failed") &&
    state.verdict?.proposalSeq === verdict.proposalSeq &&
    state.verdict?.outcome === verdict.outcome &&
    state.verdict?.commit === verdict.commit
  );
};

const requireMatch = (
  run: Run,
  step: Step,
  state: Extract<StepState, { status: "verify_pending" }>,
  verdict: Verdict,
): void => {
  const { spec } = step;
  if (awaitsApproval(step))
    throw new LedgerError("step_not_waiting", `Step "${spec.id}" waits for approval, not for a verdict.`);
  const pairs = [
    ["proposal", verdict.proposalSeq, state.proposal.seq],
    ["base", verdict.base, state.proposal.capture.base],
    ["head", verdict.head, run.head],
    ["validator", verdict.validator.digest, validatorDigest(spec.validator)],
    ["approval", verdict.reason === "approved", verdict.outcome === "passed" && state.approval !== null],
  ] as const;
  for (const [what, judged, actual] of pairs)
    if (judged !== actual)
      throw new LedgerError(
        "verdict_mismatch",
        `The verdict on "${spec.id}" names ${what} ${judged}, not ${actual}.`,
        {
          hint: "Verify the proposal again.",
        },
      );
  if (verdict.outcome === "passed" && run.workspaceIsolation && verdict.commit === null)
    throw new LedgerError(
      "verdict_mismatch",
      `A passed verdict on "${spec.id}" must name the commit it judged.`,
    );
};

const pausedByErrors = (stepId: string, verdict: Verdict): EventBody => ({
  type: "run_paused",
  version: 1,
  payload: {
    reason: "verification_errored",
    message: `The validator of "${stepId}" could not run: ${verdict.message}`,
    stepId,
  },
});

export const approveStep: Decider<"approve_step"> = (command, run, { caller, rules }) => {
  if (command.stepId === PLANNING_STEP && run.planDigest !== null) {
    requireRole(caller, "approve or refuse a plan", "human");
    return alreadyDone;
  }
  const step = requireApprover(run, command.stepId, caller);
  const { state } = step;
  if (state.status === "completed" && state.how === "approved") return alreadyDone;
  requireLive(run);
  const waiting = requireState(step, "verify_pending", "step_not_waiting");
  requireSeen(step, waiting, command.proposalSeq);
  if (waiting.approval !== null) return alreadyDone;
  const reason = command.reason || "approved";
  const approved = approvalReceived(step, "approve", reason);
  if (!isPlanning(step)) return [approved];
  // Agents may have gone since: then it is a plan that cannot be carried out.
  const plan = planProposed(run, waiting.proposal.result, rules.agents);
  requirePlan(plan, rules, run.workspaceIsolation);
  return [approved, planAttached(plan)];
};

export const rejectStep: Decider<"reject_step"> = (command, run, { caller }) => {
  const step = requireApprover(run, command.stepId, caller);
  const { state } = step;
  if (state.status === "failed" && state.verdict?.reason === "rejected") return alreadyDone;
  requireLive(run);
  const waiting = requireState(step, "verify_pending", "step_not_waiting");
  requireSeen(step, waiting, command.proposalSeq);
  if (waiting.approval !== null)
    throw new LedgerError("step_not_waiting", `Step "${step.spec.id}" is approved already.`, {
      hint: `Go on with: runledger resume ${run.runId}`,
    });
  return [
    approvalReceived(step, "deny", command.reason),
    {
      type: "step_validation_failed",
      version: 2,
      attempt: step.attempt,
      payload: { stepId: step.spec.id, verdict: rejection(run, step, waiting, command.reason) },
    },
    ...(isPlanning(step) ? [anotherPlan(step, command.reason)] : []),
  ];
};

/** Who says what is wrong with a plan asks for a better one; who wants none cancels the run. */
const anotherPlan = ({ spec, attempt }: Step, reason: string): EventBody => {
  const digest = validatorDigest(spec.validator);
  const decision = { action: "retry", fresh: false } as const;
  return {
    type: "policy_decision_applied",
    version: 2,
    attempt,
    payload: { stepId: spec.id, decision, reason, validatorBefore: digest, validatorAfter: digest },
  };
};

const requireApprover = (run: Run, stepId: string, caller: DecideContext["caller"]): Step => {
  requireRole(caller, "approve or reject a step", "orchestrator", "human");
  requireSession(run, caller);
  const step = requireStep(run, caller, stepId);
  // A plan of a model holds commands, and another model's word for it is no person's.
  if (isPlanning(step)) requireRole(caller, "approve or refuse a plan", "human");
  if (caller.name === step.spec.ownerAgent)
    throw new LedgerError("access_denied", `"${caller.name}" proposed this and may not approve it.`, {
      hint: "Another person or the orchestrator may.",
    });
  if (step.spec.validator.type === "orchestrator_approval") return step;
  throw new LedgerError(
    "access_denied",
    `Step "${stepId}" is judged by ${step.spec.validator.type}; nobody can approve it.`,
    { hint: 'Only a step whose validator is "orchestrator_approval" waits for approval.' },
  );
};

// What was approved is what was looked at: a proposal that came in its place meanwhile waits for a look of its own.
const requireSeen = ({ spec }: Step, { proposal }: Waiting, seen: number | undefined): void => {
  if (seen === undefined || seen === proposal.seq) return;
  throw new LedgerError(
    "step_not_waiting",
    `Step "${spec.id}" waits with proposal ${proposal.seq}, not with proposal ${seen}.`,
    { hint: "Look at the new proposal first: `runledger show` names it." },
  );
};

type Waiting = Extract<StepState, { status: "verify_pending" }>;

const approvalReceived = (step: Step, decision: "approve" | "deny", reason: string): EventBody => ({
  type: "approval_received",
  version: 1,
  attempt: step.attempt,
  payload: { stepId: step.spec.id, decision, reason },
});

const rejection = (
  run: Run,
  { spec }: Step,
  { proposal }: Extract<StepState, { status: "verify_pending" }>,
  reason: string,
): Verdict => ({
  outcome: "failed",
  reason: "rejected",
  message: reason,
  ...nothingRan(),
  // Whoever makes the next one begins a conversation anew.
  ...(spec.id === PLANNING_STEP ? { tail: proposal.result.slice(-limit.TAIL_BYTES) } : {}),
  proposalSeq: proposal.seq,
  base: proposal.capture.base,
  head: run.head,
  commit: null,
  tree: proposal.capture.tree,
  validator: {
    type: spec.validator.type,
    target: spec.validator.target,
    digest: validatorDigest(spec.validator),
  },
  isolationLevel: run.workspaceIsolation ? 1 : 0,
  protectedPaths: [],
  conflicts: [],
  provision: [],
  durationMs: 0,
});
