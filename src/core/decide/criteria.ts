import { LedgerError } from "../errors.js";
import type { EventBody } from "../events.js";
import * as limit from "../limits.js";
import type { Criterion, CriterionState, Run } from "../run.js";
import { validatorDigest } from "../spec.js";
import type { Verdict } from "../verdict.js";
import { alreadyDone, type Decider, requireLive, requireRole } from "./guards.js";

// Criteria judge the whole: they are due when every step is completed, and each is judged on its own.
export const recordCriterionVerdict: Decider<"record_criterion_verdict"> = (command, run, { caller }) => {
  requireRole(caller, "record a verdict", "engine");
  const { index, verdict, round } = command;
  const criterion = run.criteria[index];
  if (criterion === undefined)
    throw new LedgerError("criterion_not_found", `Run "${run.runId}" has no acceptance criterion ${index}.`);
  if (isRecorded(criterion, verdict, round)) return alreadyDone;
  const { errors } = requireDue(run, criterion, index);
  requireMatch(run, criterion, verdict, round, errors);
  const { description } = criterion.spec;
  const type = verdict.outcome === "passed" ? "criterion_met" : "criterion_unmet";
  const events: EventBody[] = [{ type, version: 2, payload: { index, description, verdict } }];
  if (
    verdict.outcome === "errored" &&
    errors + 1 >= limit.VERIFY_ERRORS_MAX &&
    run.state.status === "running"
  )
    events.push({
      type: "run_paused",
      version: 1,
      payload: {
        reason: "verification_errored",
        message: `Criterion "${description}" could not be judged: ${verdict.message}`,
        stepId: null,
      },
    });
  return events;
};

const isRecorded = ({ state }: Criterion, verdict: Verdict, round: number): boolean => {
  if (state.status === "unchecked") return verdict.outcome === "errored" && state.errors > round;
  return state.verdict.head === verdict.head && state.verdict.outcome === verdict.outcome;
};

const requireDue = (
  run: Run,
  { state: criterion }: Criterion,
  index: number,
): Extract<CriterionState, { status: "unchecked" }> => {
  const open = run.steps.filter(({ state }) => state.status !== "completed").map(({ spec }) => spec.id);
  requireLive(run);
  if (run.steps.length > 0 && open.length === 0 && criterion.status === "unchecked") return criterion;
  throw new LedgerError(
    "criteria_not_due",
    open.length > 0
      ? `Criteria are judged when every step is completed; open: ${open.join(", ")}.`
      : `Criterion ${index} is ${criterion.status} already.`,
  );
};

const requireMatch = (
  run: Run,
  { spec }: Criterion,
  verdict: Verdict,
  round: number,
  errors: number,
): void => {
  const digest = validatorDigest(spec.validator);
  const inRound = verdict.outcome !== "errored" || round === errors;
  if (verdict.head === run.head && verdict.validator.digest === digest && verdict.reason !== "approved")
    if (inRound) return;
  throw new LedgerError(
    "verdict_mismatch",
    `The verdict on "${spec.description}" is of another head, validator or round.`,
    {
      hint: "Verify the criterion again.",
    },
  );
};
