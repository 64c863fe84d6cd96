import { canonicalJson } from "../canonical.js";
import type { Caller, CommandOf } from "../commands.js";
import { LedgerError } from "../errors.js";
import type { EventBody, PolicyAction, PolicyActionType } from "../events.js";
import { readSteps, readValidator } from "../plan.js";
import { validatorWire } from "../plan-validator.js";
import { stepWire } from "../plan-wire.js";
import { isPlanning, PLANNING_ANSWERS, planningAnswerOnly } from "../planning.js";
import { agentsOf } from "../race.js";
import { hasPolicyRequest, isActive, isTerminal, type Run, type Step } from "../run.js";
import { type StepSpec, validatorDigest } from "../spec.js";
import {
  alreadyDone,
  type DecideContext,
  type Decider,
  requireAgent,
  requireLive,
  requireRole,
  requireRoomToRace,
  requireRunning,
  requireSession,
  requireStep,
} from "./guards.js";
import { cancelling } from "./step.js";

// The answer to a refused, errored or interrupted step; it opens no door without an open policy request.
export const applyPolicy: Decider<"apply_policy"> = (command, run, context) => {
  requireRole(context.caller, "apply a policy action", "orchestrator", "human");
  requireSession(run, context.caller);
  const step = requireStep(run, context.caller, command.stepId);
  if (isRepeated(run, step, command)) return alreadyDone;
  requireLive(run);
  if (!hasPolicyRequest(step))
    throw new LedgerError(
      "no_policy_request",
      `Step "${step.spec.id}" is ${step.state.status}; it asks nothing.`,
      {
        hint: "Policy actions answer a failed, errored or interrupted step.",
      },
    );
  requireSeenAttempt(step, command.attempt);
  const { decision } = command;
  if (isPlanning(step) && !PLANNING_ANSWERS.includes(decision.action))
    throw planningAnswerOnly(decision.action);
  const check = preconditions[decision.action] as Precondition<PolicyActionType>;
  check(decision, run, step, context);
  return [...raceEnded(step, command), policyApplied(step, command), ...followUp(run, step, command)];
};

const requireSeenAttempt = ({ spec, attempt }: Step, seen: number | undefined): void => {
  if (seen === undefined || seen === attempt) return;
  throw new LedgerError(
    "no_policy_request",
    `Step "${spec.id}" is at attempt ${attempt} now; attempt ${seen} asks nothing any more.`,
    { hint: "Look at what was refused since, then answer that." },
  );
};

type ActionOf<T extends PolicyActionType> = Extract<PolicyAction, { action: T }>;
type Precondition<T extends PolicyActionType> = (
  decision: ActionOf<T>,
  run: Run,
  step: Step,
  context: DecideContext,
) => void;

const preconditions: { readonly [T in PolicyActionType]: Precondition<T> } = {
  retry: (_decision, _run, step, { caller }) => requireRetriesLeft(step, caller),
  decompose: ({ newSteps }, run, step, { rules }) => requireFittingSteps(run, step, newSteps, rules.agents),
  change_agent: ({ newAgent }, _run, step, { rules }) => {
    requireAgent(newAgent, rules.agents);
    if (agentsOf(step.spec).every((agent) => agent === newAgent))
      throw new LedgerError("invalid_input", `Step "${step.spec.id}" belongs to "${newAgent}" already.`, {
        hint: 'Use action "retry" to let the same agent try again.',
      });
  },
  change_validator: ({ newValidator }, _run, step, { caller, rules }) => {
    if (rules.changeValidator === "human" && caller.role !== "human")
      throw new LedgerError(
        "access_denied",
        `Only a person may replace the validator of "${step.spec.id}".`,
        {
          hint: "The setting changeValidator says so.",
        },
      );
    readValidator(validatorWire(newValidator));
    if (step.spec.race !== undefined && newValidator.type === "orchestrator_approval")
      throw new LedgerError("invalid_input", `Step "${step.spec.id}" is raced for; nobody can approve it.`, {
        hint: "A race needs a judge that needs nobody.",
      });
    if (validatorDigest(newValidator) === validatorDigest(step.spec.validator))
      throw new LedgerError(
        "invalid_input",
        `Step "${step.spec.id}" is judged by exactly this validator already.`,
        { hint: 'Use action "retry" to have the work done and judged again.' },
      );
  },
  skip: () => undefined,
  abort: () => undefined,
  escalate: (_decision, run) => requireRunning(run),
};

export type PolicyContext = Pick<DecideContext, "caller" | "rules">;

/** The actions that a caller may choose from for this step now. */
export const allowedActions = (run: Run, step: Step, context: PolicyContext): readonly PolicyActionType[] =>
  hasPolicyRequest(step) && !isTerminal(run)
    ? (Object.keys(preconditions) as PolicyActionType[]).filter((action) => {
        if (isPlanning(step) && !PLANNING_ANSWERS.includes(action)) return false;
        if (action === "retry")
          return step.retryCount < step.spec.maxRetries || context.caller.role === "human";
        if (action === "change_validator")
          return context.rules.changeValidator === "orchestrator" || context.caller.role === "human";
        return action !== "escalate" || isActive(run);
      })
    : [];

const requireRetriesLeft = (step: Step, caller: Caller): void => {
  const { maxRetries, id } = step.spec;
  if (step.retryCount < maxRetries || caller.role === "human") return;
  throw new LedgerError(
    "retries_exhausted",
    `Step "${id}" was retried ${step.retryCount} of ${maxRetries} times.`,
    {
      hint: "A person may retry once more; the orchestrator can decompose, change the agent, skip, abort or escalate.",
    },
  );
};

// A host may hand in steps that no planner wrote; every rule of a plan holds for them too, for the run they come to.
const requireFittingSteps = (
  run: Run,
  step: Step,
  newSteps: readonly StepSpec[],
  agents: readonly string[] | null,
): void => {
  const existing = run.steps.map(({ spec }) => spec);
  readSteps(newSteps.map(stepWire), { existing, replaces: step.spec.id, ...(agents ? { agents } : {}) });
  requireRoomToRace(newSteps, run.workspaceIsolation);
};

// Only a judge that could not run asks in the middle of a race; what goes on with the step then goes on without the race.
const raceEnded = (step: Step, { decision: { action } }: CommandOf<"apply_policy">): readonly EventBody[] =>
  step.state.status !== "racing" || action === "escalate" || action === "abort"
    ? []
    : cancelling(step, `The race was ended by "${action}".`);

const policyApplied = ({ spec, attempt }: Step, command: CommandOf<"apply_policy">): EventBody => {
  const { decision, reason } = command;
  const before = validatorDigest(spec.validator);
  const after = decision.action === "change_validator" ? validatorDigest(decision.newValidator) : before;
  return {
    type: "policy_decision_applied",
    version: 2,
    attempt,
    payload: { stepId: spec.id, decision, reason, validatorBefore: before, validatorAfter: after },
  };
};

const followUp = (run: Run, { spec }: Step, { decision, reason }: CommandOf<"apply_policy">): EventBody[] => {
  if (decision.action === "abort")
    return [{ type: "run_failed", version: 1, payload: { reason: "aborted", message: reason, unmet: [] } }];
  if (decision.action === "escalate" && isActive(run))
    return [
      { type: "run_paused", version: 1, payload: { reason: "escalated", message: reason, stepId: spec.id } },
    ];
  return [];
};

// The same answer to the same attempt, and the request it answered is closed (or the run it escalated still waits).
const isRepeated = (run: Run, step: Step, { decision, reason }: CommandOf<"apply_policy">): boolean => {
  const last = step.lastDecision;
  if (last === null || last.attempt !== step.attempt || last.reason !== reason) return false;
  if (canonicalJson(last.decision) !== canonicalJson(decision)) return false;
  if (decision.action === "escalate")
    return (
      run.state.status === "paused" && run.state.reason === "escalated" && run.state.stepId === step.spec.id
    );
  return decision.action === "abort" ? run.state.status === "failed" : !hasPolicyRequest(step);
};
