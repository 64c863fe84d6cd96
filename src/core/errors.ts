/** What went wrong, in the eyes of a program: the kind decides exit codes and whether to try again. */
export type ErrorKind = "usage" | "refused" | "not_found" | "conflict" | "environment" | "corrupt";

/** Every code RunLedger can answer with. Closed: a new one does not compile until it is listed here. */
export const errorKinds = {
  // what came in cannot be understood
  parse_failed: "usage",
  validation_failed: "usage",
  invalid_input: "usage",
  settings_invalid: "usage",
  unknown_key: "usage",
  media_type_unknown: "usage",
  method_unknown: "usage",
  bundle_invalid: "usage",
  policy_invalid: "usage",
  // not allowed, to this caller or now
  access_denied: "refused",
  session_mismatch: "refused",
  credential_invalid: "refused",
  credential_expired: "refused",
  credential_ended: "refused",
  run_terminal: "refused",
  run_not_running: "refused",
  run_not_paused: "refused",
  run_not_planning: "refused",
  run_stale: "refused",
  step_not_ready: "refused",
  step_not_pending: "refused",
  step_not_in_progress: "refused",
  step_not_waiting: "refused",
  step_not_yours: "refused",
  no_policy_request: "refused",
  retries_exhausted: "refused",
  criteria_not_due: "refused",
  verdict_mismatch: "refused",
  run_mirrored: "refused",
  run_not_mirrored: "refused",
  run_tracked: "refused",
  run_not_tracked: "refused",
  rollout_blocked: "refused",
  rollout_ended: "refused",
  limit_exceeded: "refused",
  too_many_waiting: "refused",
  budget_exceeded: "refused",
  effect_ambiguous: "refused",
  effect_failed: "refused",
  effect_key_used: "refused",
  effect_not_open: "refused",
  effect_result_gone: "refused",
  replay_divergence: "refused",
  promise_refused: "refused",
  promise_resolved: "refused",
  intent_not_pending: "refused",
  already_voted: "refused",
  intent_not_approved: "refused",
  intent_expired: "refused",
  intent_changed: "refused",
  execution_refused: "refused",
  execution_reported: "refused",
  run_not_sealed: "refused",
  run_not_finished: "refused",
  receipt_elsewhere: "refused",
  agent_changed: "refused",
  // not there
  run_not_found: "not_found",
  step_not_found: "not_found",
  attempt_not_found: "not_found",
  candidate_not_found: "not_found",
  criterion_not_found: "not_found",
  effect_not_found: "not_found",
  promise_not_found: "not_found",
  checkpoint_not_found: "not_found",
  intent_not_found: "not_found",
  file_not_found: "not_found",
  policy_not_found: "not_found",
  agent_not_found: "not_found",
  sdk_key_not_found: "not_found",
  drift_not_found: "not_found",
  target_not_found: "not_found",
  mandate_not_found: "not_found",
  run_erased: "not_found",
  // somebody else was faster
  run_exists: "conflict",
  seq_conflict: "conflict",
  lease_held: "conflict",
  lease_lost: "conflict",
  idempotency_key_reused: "conflict",
  intent_ordered: "conflict",
  apply_conflict: "conflict",
  checkpoint_overtaken: "conflict",
  // the machine or the project is not as it must be
  not_a_repository: "environment",
  no_commits: "environment",
  dirty_checkout: "environment",
  unsupported_repository: "environment",
  workspace_unfit: "environment",
  toolchain_missing: "environment",
  git_failed: "environment",
  worker_unreachable: "environment",
  provision_failed: "environment",
  held_out_unfit: "environment",
  isolation_unmet: "environment",
  model_unavailable: "environment",
  store_unavailable: "environment",
  key_unavailable: "environment",
  no_space: "environment",
  address_unavailable: "environment",
  // the record itself is not as it was written
  journal_tampered: "corrupt",
  ledger_behind: "corrupt",
  event_unreadable: "corrupt",
  store_version: "corrupt",
  blob_corrupt: "corrupt",
  receipt_refused: "corrupt",
  checkpoint_corrupt: "corrupt",
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof errorKinds;

export type ErrorOptions = {
  /** One sentence that mends it. */
  readonly hint?: string;
  /** Facts for programs: defects, paths, ids. */
  readonly details?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
};

/** The only error RunLedger throws on purpose: a code for programs, a sentence for people, a hint that mends. */
export class LedgerError extends Error {
  override readonly name = "LedgerError";
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
    this.details = options.details ?? {};
  }

  get kind(): ErrorKind {
    return errorKinds[this.code];
  }

  toJSON(): { code: ErrorCode; message: string; hint?: string; details?: Readonly<Record<string, unknown>> } {
    return {
      code: this.code,
      message: this.message,
      ...(this.hint === undefined ? {} : { hint: this.hint }),
      ...(Object.keys(this.details).length === 0 ? {} : { details: this.details }),
    };
  }
}

/** Recognises our errors across bundles, where instanceof would not. */
export const isLedgerError = (error: unknown, code?: ErrorCode): error is LedgerError =>
  error instanceof Error &&
  error.name === "LedgerError" &&
  (code === undefined || (error as LedgerError).code === code);
