import { describe } from "vitest";
import type { EventType } from "../../../src/core/events.js";
import {
  all,
  type Cell,
  type CommandCase,
  nothing,
  type StepCase,
  saidIn,
  steps,
  testCell,
} from "./cells.js";

// Every command in every state of a step, the run running. A new command, state or reason does not compile until its
// cells are here.
type Row = { readonly [C in StepCase]: Cell };

const pending = (cell: Cell) => all(["pending ready", "pending waiting"], cell);
const judging = (cell: Cell) =>
  all(
    [
      "verify_pending fresh",
      "verify_pending errored",
      "verify_pending awaiting approval",
      "verify_pending approved",
    ],
    cell,
  );
const completed = (cell: Cell) =>
  all(["completed verified", "completed approved", "completed skipped", "completed decomposed"], cell);
const asking = (cell: Cell) => all(["failed judged", "failed rejected", "interrupted open"], cell);
const ofHosts = (cell: Cell) => all(["completed reported", "failed reported", "interrupted reported"], cell);
/** The steps of hosts are not moved by anybody else. */
const every = (cell: Cell): Row => ({
  ...pending(cell),
  "in_progress open": cell,
  "racing open": cell,
  "racing errored": cell,
  ...judging(cell),
  ...completed(cell),
  ...asking(cell),
  ...ofHosts("run_mirrored"),
});

const answered = (applied: readonly EventType[], inRace: readonly EventType[] = twoOut): Row => ({
  ...every("no_policy_request"),
  "racing errored": [...inRace, ...applied],
  "verify_pending errored": applied,
  ...asking(applied),
  ...ofHosts("run_mirrored"),
});
/** Whoever answers in the middle of a race ends it. */
const twoOut: readonly EventType[] = ["candidate_cancelled", "candidate_cancelled"];

const rows: { readonly [C in CommandCase]: Row } = {
  create_run: { ...every("run_exists"), ...ofHosts("run_exists") },
  fork_run: { ...every("run_exists"), ...ofHosts("run_exists") },
  attach_plan: every("run_not_planning"),
  start_step: {
    ...every("step_not_pending"),
    "pending ready": ["step_started"],
    "pending waiting": "step_not_ready",
    "in_progress open": nothing,
    "racing open": nothing,
  },
  propose_step_result: {
    ...every("step_not_in_progress"),
    "in_progress open": ["step_result_proposed"],
    "racing open": ["step_result_proposed"],
    "racing errored": nothing,
    ...judging(nothing),
  },
  interrupt_step: {
    ...every("step_not_in_progress"),
    "in_progress open": ["step_interrupted"],
    "racing open": ["step_interrupted"],
    "interrupted open": nothing,
  },
  record_effects: {
    ...every("step_not_in_progress"),
    "in_progress open": ["effect_intended"],
    "racing open": ["effect_intended"],
  },
  decide_effect: every("effect_not_found"),
  seal_checkpoint: {
    ...every("step_not_in_progress"),
    "in_progress open": ["checkpoint_sealed"],
    // It speaks for the step, and not for one of those who race.
    "racing open": "step_not_yours",
    "racing errored": "step_not_yours",
  },
  pass_over_checkpoints: {
    ...every("step_not_in_progress"),
    "in_progress open": ["checkpoints_passed_over"],
    "racing open": ["checkpoints_passed_over"],
  },
  // Nobody remembers anything.
  discard_checkpoints: { ...every(nothing), ...ofHosts("run_mirrored") },
  // Nobody waits for anything yet.
  suspend_step: {
    ...every("step_not_in_progress"),
    "in_progress open": nothing,
    "racing open": nothing,
  },
  propose_intent: every(["intent_proposed", "policy_checked", "approval_requested"]),
  vote_intent: every("intent_not_found"),
  cancel_intent: every("intent_not_found"),
  order_intent: every("intent_not_found"),
  report_intent: every("execution_refused"),
  apply_standing: every("intent_not_found"),
  expire_intents: every(nothing),
  fire_timers: every(nothing),
  resolve_promise: every("promise_refused"),
  // Nobody has started anything, nor was started by anybody.
  finish_child: every(nothing),
  tell_parent: every(nothing),
  "record_verdict passed": {
    ...every("step_not_waiting"),
    "racing errored": ["step_validation_passed", "candidate_cancelled"],
    "verify_pending fresh": ["step_validation_passed"],
    "verify_pending errored": ["step_validation_passed"],
    "verify_pending approved": ["step_validation_passed"],
    "completed verified": nothing,
    "completed approved": nothing,
  },
  "record_verdict failed": {
    ...every("step_not_waiting"),
    "racing errored": ["step_validation_failed"],
    "verify_pending fresh": ["step_validation_failed"],
    "verify_pending errored": ["step_validation_failed"],
    "verify_pending approved": ["step_validation_failed"],
    "completed skipped": nothing,
    "completed decomposed": nothing,
    "failed judged": nothing,
    "failed rejected": nothing,
  },
  "record_verdict errored": {
    ...every("step_not_waiting"),
    "racing errored": ["step_validation_errored"],
    "verify_pending fresh": ["step_validation_errored"],
    "verify_pending errored": ["step_validation_errored"],
    "verify_pending approved": ["step_validation_errored"],
  },
  "record_criterion_verdict passed": every("criteria_not_due"),
  "record_criterion_verdict failed": every("criteria_not_due"),
  "record_criterion_verdict errored": every("criteria_not_due"),
  "apply_policy retry": answered(["policy_decision_applied"]),
  "apply_policy decompose": {
    ...answered(["policy_decision_applied"]),
    "completed decomposed": nothing,
  },
  "apply_policy change_agent": answered(["policy_decision_applied"]),
  "apply_policy change_validator": answered(["policy_decision_applied"]),
  "apply_policy skip": { ...answered(["policy_decision_applied"]), "completed skipped": nothing },
  "apply_policy abort": answered(["policy_decision_applied", "run_failed"], nothing),
  "apply_policy escalate": answered(["policy_decision_applied", "run_paused"], nothing),
  approve_step: {
    ...every("access_denied"),
    "verify_pending awaiting approval": ["approval_received"],
    "verify_pending approved": nothing,
    "completed approved": nothing,
    "failed rejected": "step_not_waiting",
  },
  reject_step: {
    ...every("access_denied"),
    "verify_pending awaiting approval": ["approval_received", "step_validation_failed"],
    "verify_pending approved": "step_not_waiting",
    "completed approved": "step_not_waiting",
    "failed rejected": nothing,
  },
  write_note: { ...every(["note_written"]), ...ofHosts(["note_written"]) },
  pause_run: every(["run_paused"]),
  resume_run: every("run_not_paused"),
  cancel_run: every(["run_failed"]),
  mirror_run: { ...every("run_exists"), ...ofHosts(["step_reported"]) },
  "report_change step": { ...every("run_not_mirrored"), ...ofHosts(["step_reported"]) },
  "report_change step_status": { ...every("run_not_mirrored"), ...ofHosts(["step_reported"]) },
  "report_change run_status": { ...every("run_not_mirrored"), ...ofHosts(["run_reported"]) },
  "sync_projection synced": { ...every("run_not_mirrored"), ...ofHosts(nothing) },
  "sync_projection degraded": { ...every("run_not_mirrored"), ...ofHosts(["projection_synced"]) },
  set_budget: every(["budget_set"]),
  stop_at_budget: every(["run_paused"]),
  refuse_access: { ...every(["access_refused"]), ...ofHosts(["access_refused"]) },
  worker_lost: { ...every(["worker_lost"]), ...ofHosts(["worker_lost"]) },
  "mirror_teammates blocked": {
    ...every(["teammate_approval_blocked"]),
    ...ofHosts(["teammate_approval_blocked"]),
  },
  "mirror_teammates free": { ...every(nothing), ...ofHosts(nothing) },
  // Whoever works on a step records what it does by itself.
  start_run: { ...every("run_exists"), ...ofHosts("run_exists") },
  record_event: every("run_not_tracked"),
  open_handoff: every("run_not_tracked"),
  complete_handoff: every("run_not_tracked"),
  resume_tracked: every("run_not_tracked"),
  end_tracked: every("run_not_tracked"),
};

const said = saidIn("a");
for (const command of Object.keys(rows) as CommandCase[])
  describe(`${command} about a step that is`, () => {
    for (const state of Object.keys(steps) as StepCase[])
      testCell(state, steps[state], said[command], rows[command][state]);
  });
