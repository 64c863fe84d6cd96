import { describe } from "vitest";
import { all, type Cell, type CommandCase, nothing, type RunCase, runs, saidIn, testCell } from "./cells.js";

// Every command in every state of a run. A new command, state or reason does not compile until its cells are here.
type Row = { readonly [C in RunCase]: Cell };

const paused = (cell: Cell) =>
  all(
    [
      ...(["paused requested", "paused escalated", "paused verification_errored"] as const),
      ...(["paused unmet_criteria", "paused budget"] as const),
    ],
    cell,
  );
const failed = (cell: Cell) => all(["failed aborted", "failed cancelled", "failed unmet_criteria"], cell);
/** Its host drives it, so nobody else moves it. */
const mirrored = (cell: Cell) =>
  all(
    [
      "mirrored pending",
      "mirrored running",
      "mirrored paused",
      "mirrored completed",
      "mirrored failed",
      "mirrored cancelled",
      "mirrored degraded",
    ],
    cell,
  );
const ended = { completed: "run_terminal", ...failed("run_terminal") } as const;
const absent = { none: "run_not_found", planning: "step_not_found" } as const;

const drivenHere = (cells: Omit<Row, keyof ReturnType<typeof mirrored>>): Row => ({
  ...cells,
  ...mirrored("run_mirrored"),
});

/** Of a run that is driven here, whatever its state, a host has nothing to say. */
const ofHosts = (cells: ReturnType<typeof mirrored>): Row => ({
  none: "run_not_found",
  planning: "run_not_mirrored",
  running: "run_not_mirrored",
  ...paused("run_not_mirrored"),
  completed: "run_not_mirrored",
  ...failed("run_not_mirrored"),
  ...cells,
});
const onceEnded = {
  "mirrored completed": "run_terminal",
  "mirrored failed": "run_terminal",
  "mirrored cancelled": "run_terminal",
} as const;

const answered = (applied: Cell): Row =>
  drivenHere({
    ...absent,
    running: "no_policy_request",
    ...paused("no_policy_request"),
    "paused escalated": applied,
    "paused verification_errored": applied,
    ...ended,
  });

/** The engine says what has become due, and nothing has. */
const whereNothingIsDue = drivenHere({
  none: "run_not_found",
  planning: nothing,
  running: nothing,
  ...paused(nothing),
  completed: nothing,
  ...failed(nothing),
});

const PROPOSED = ["intent_proposed", "policy_checked", "approval_requested"] as const;
const whereNothingIsProposed = (refusal: Cell) =>
  drivenHere({
    none: "run_not_found",
    planning: refusal,
    running: refusal,
    ...paused(refusal),
    completed: refusal,
    ...failed(refusal),
  });
/** A run with a plan, or a host, has no client that records it. */
const ofClients = drivenHere({
  none: "run_not_found",
  planning: "run_not_tracked",
  running: "run_not_tracked",
  ...paused("run_not_tracked"),
  completed: "run_not_tracked",
  ...failed("run_not_tracked"),
});

const rows: { readonly [C in CommandCase]: Row } = {
  create_run: {
    none: ["run_created", "plan_attached"],
    planning: "run_exists",
    running: "run_exists",
    ...paused("run_exists"),
    completed: "run_exists",
    ...failed("run_exists"),
    ...mirrored("run_exists"),
  },
  fork_run: {
    none: ["run_created", "plan_attached", "step_started", "step_result_proposed", "step_validation_failed"],
    planning: "run_exists",
    running: "run_exists",
    ...paused("run_exists"),
    completed: "run_exists",
    ...failed("run_exists"),
    ...mirrored("run_exists"),
  },
  attach_plan: drivenHere({
    none: "run_not_found",
    planning: ["plan_attached"],
    running: "run_not_planning",
    ...paused("run_not_planning"),
    ...ended,
  }),
  start_step: drivenHere({ ...absent, running: ["step_started"], ...paused("run_not_running"), ...ended }),
  propose_step_result: drivenHere({
    ...absent,
    running: "step_not_in_progress",
    ...paused("step_not_in_progress"),
    "paused verification_errored": nothing,
    ...ended,
  }),
  interrupt_step: drivenHere({
    ...absent,
    running: "step_not_in_progress",
    ...paused("step_not_in_progress"),
    ...ended,
  }),
  record_effects: drivenHere({
    ...absent,
    running: "step_not_in_progress",
    ...paused("step_not_in_progress"),
    ...ended,
  }),
  decide_effect: drivenHere({
    ...absent,
    running: "effect_not_found",
    ...paused("effect_not_found"),
    ...ended,
  }),
  seal_checkpoint: drivenHere({
    ...absent,
    running: "step_not_in_progress",
    ...paused("step_not_in_progress"),
    ...ended,
  }),
  pass_over_checkpoints: drivenHere({
    ...absent,
    running: "step_not_in_progress",
    ...paused("step_not_in_progress"),
    ...ended,
  }),
  // Nobody remembers anything.
  discard_checkpoints: drivenHere({
    none: "run_not_found",
    planning: nothing,
    running: nothing,
    ...paused(nothing),
    ...ended,
  }),
  suspend_step: drivenHere({
    ...absent,
    running: "step_not_in_progress",
    ...paused("step_not_in_progress"),
    ...ended,
  }),
  propose_intent: drivenHere({
    none: "run_not_found",
    planning: PROPOSED,
    running: PROPOSED,
    ...paused(PROPOSED),
    ...ended,
  }),
  vote_intent: whereNothingIsProposed("intent_not_found"),
  cancel_intent: whereNothingIsProposed("intent_not_found"),
  order_intent: whereNothingIsProposed("intent_not_found"),
  report_intent: whereNothingIsProposed("execution_refused"),
  apply_standing: whereNothingIsProposed("intent_not_found"),
  expire_intents: whereNothingIsDue,
  fire_timers: whereNothingIsDue,
  finish_child: whereNothingIsDue,
  tell_parent: whereNothingIsDue,
  resolve_promise: drivenHere({
    none: "run_not_found",
    planning: "promise_refused",
    running: "promise_refused",
    ...paused("promise_refused"),
    completed: "promise_refused",
    ...failed("promise_refused"),
  }),
  "record_verdict passed": drivenHere({
    ...absent,
    running: "step_not_waiting",
    ...paused("step_not_waiting"),
    "paused verification_errored": ["step_validation_passed"],
    "paused unmet_criteria": nothing,
    ...ended,
    completed: nothing,
    "failed unmet_criteria": nothing,
  }),
  "record_verdict failed": drivenHere({
    ...absent,
    running: "step_not_waiting",
    ...paused("step_not_waiting"),
    "paused escalated": nothing,
    "paused verification_errored": ["step_validation_failed"],
    ...ended,
    "failed aborted": nothing,
  }),
  "record_verdict errored": drivenHere({
    ...absent,
    running: "step_not_waiting",
    ...paused("step_not_waiting"),
    "paused verification_errored": ["step_validation_errored"],
    ...ended,
  }),
  "record_criterion_verdict passed": drivenHere({
    none: "run_not_found",
    planning: "criterion_not_found",
    running: "criteria_not_due",
    ...paused("criteria_not_due"),
    ...ended,
    completed: nothing,
  }),
  "record_criterion_verdict failed": drivenHere({
    none: "run_not_found",
    planning: "criterion_not_found",
    running: "criteria_not_due",
    ...paused("criteria_not_due"),
    "paused unmet_criteria": nothing,
    ...ended,
    "failed unmet_criteria": nothing,
  }),
  "record_criterion_verdict errored": drivenHere({
    none: "run_not_found",
    planning: "criterion_not_found",
    running: "criteria_not_due",
    ...paused("criteria_not_due"),
    ...ended,
  }),
  "apply_policy retry": answered(["policy_decision_applied"]),
  "apply_policy decompose": answered(["policy_decision_applied"]),
  "apply_policy change_agent": answered(["policy_decision_applied"]),
  "apply_policy change_validator": answered(["policy_decision_applied"]),
  "apply_policy skip": answered(["policy_decision_applied"]),
  "apply_policy abort": {
    ...answered(["policy_decision_applied", "run_failed"]),
    "failed aborted": nothing,
  },
  "apply_policy escalate": { ...answered("run_not_running"), "paused escalated": nothing },
  approve_step: drivenHere({
    ...absent,
    running: ["approval_received"],
    ...paused(["approval_received"]),
    "paused unmet_criteria": nothing,
    ...ended,
    completed: nothing,
    "failed unmet_criteria": nothing,
  }),
  reject_step: drivenHere({
    ...absent,
    running: ["approval_received", "step_validation_failed"],
    ...paused(["approval_received", "step_validation_failed"]),
    "paused unmet_criteria": "step_not_waiting",
    ...ended,
  }),
  write_note: {
    none: "run_not_found",
    planning: ["note_written"],
    running: ["note_written"],
    ...paused(["note_written"]),
    ...ended,
    ...mirrored(["note_written"]),
    ...onceEnded,
  },
  pause_run: drivenHere({
    none: "run_not_found",
    planning: "run_not_running",
    running: ["run_paused"],
    ...paused(nothing),
    ...ended,
  }),
  resume_run: drivenHere({
    none: "run_not_found",
    planning: "run_not_paused",
    running: "run_not_paused",
    ...paused(["run_resumed"]),
    ...ended,
  }),
  cancel_run: drivenHere({
    none: "run_not_found",
    planning: ["run_failed"],
    running: ["run_failed"],
    ...paused(["run_failed"]),
    ...ended,
    "failed cancelled": nothing,
  }),
  set_budget: drivenHere({
    none: "run_not_found",
    planning: ["budget_set"],
    running: ["budget_set"],
    ...paused(["budget_set"]),
    ...ended,
  }),
  stop_at_budget: drivenHere({
    none: "run_not_found",
    planning: nothing,
    running: ["run_paused"],
    ...paused(nothing),
    completed: nothing,
    ...failed(nothing),
  }),
  refuse_access: {
    none: "run_not_found",
    planning: ["access_refused"],
    running: ["access_refused"],
    ...paused(["access_refused"]),
    completed: ["access_refused"],
    ...failed(["access_refused"]),
    ...mirrored(["access_refused"]),
  },
  worker_lost: {
    none: "run_not_found",
    planning: ["worker_lost"],
    running: ["worker_lost"],
    ...paused(["worker_lost"]),
    ...ended,
    ...mirrored(["worker_lost"]),
    ...onceEnded,
  },
  "mirror_teammates blocked": {
    none: "run_not_found",
    planning: ["teammate_approval_blocked"],
    running: ["teammate_approval_blocked"],
    ...paused(["teammate_approval_blocked"]),
    ...ended,
    ...mirrored(["teammate_approval_blocked"]),
    ...onceEnded,
  },
  "mirror_teammates free": {
    none: "run_not_found",
    planning: nothing,
    running: nothing,
    ...paused(nothing),
    completed: nothing,
    ...failed(nothing),
    ...mirrored(nothing),
  },
  mirror_run: {
    none: ["run_created", "step_reported", "step_reported", "run_reported"],
    planning: "run_exists",
    running: "run_exists",
    ...paused("run_exists"),
    completed: "run_exists",
    ...failed("run_exists"),
    ...mirrored(["run_reported"]),
    "mirrored running": nothing,
    "mirrored degraded": nothing,
    ...onceEnded,
  },
  start_run: {
    none: ["run_created", "tracking_started"],
    planning: "run_exists",
    running: "run_exists",
    ...paused("run_exists"),
    completed: "run_exists",
    ...failed("run_exists"),
    ...mirrored("run_exists"),
  },
  record_event: ofClients,
  open_handoff: ofClients,
  complete_handoff: ofClients,
  resume_tracked: ofClients,
  end_tracked: ofClients,
  "report_change step": ofHosts({ ...mirrored(["step_reported"]), ...onceEnded }),
  "report_change step_status": ofHosts({ ...mirrored(["step_reported"]), ...onceEnded }),
  "report_change run_status": ofHosts({ ...mirrored(["run_reported"]), ...onceEnded }),
  "sync_projection synced": ofHosts({ ...mirrored(nothing), "mirrored degraded": ["projection_synced"] }),
  "sync_projection degraded": ofHosts({
    ...mirrored(["projection_synced"]),
    "mirrored degraded": nothing,
  }),
};

const said = saidIn("sign");
for (const command of Object.keys(rows) as CommandCase[])
  describe(`${command} on a run that is`, () => {
    for (const state of Object.keys(runs) as RunCase[])
      testCell(state, runs[state], said[command], rows[command][state]);
  });
