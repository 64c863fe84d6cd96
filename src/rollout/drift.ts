import type { Actor } from "../core/events.js";

/** One difference between the host's table and the ledger, in the host's words. */
export type Drift = {
  readonly kind: DriftKind;
  /** The host's id of the run. */
  readonly id: string;
  /** Null when the difference is not about one step. */
  readonly stepId: string | null;
  /** What each side says; null where there is nothing. */
  readonly projection: string | null;
  readonly ledger: string | null;
  /** Over all of the above and the table's name: the same difference has the same one. */
  readonly digest: string;
  readonly explained: Explanation | null;
};

export type DriftKind =
  | "missing_in_projection"
  | "missing_in_ledger"
  | "run_status"
  | "run_outcome"
  | "run_facts"
  | "step_missing_in_projection"
  | "step_missing_in_ledger"
  | "step_status"
  | "step_outcome"
  | "step_facts";

export type Explanation = { readonly by: Actor; readonly reason: string; readonly at: string };
