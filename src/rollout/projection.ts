import type { HostChange, HostRun, HostRunStatus, HostStep } from "../core/reported.js";

/**
 * The host's own table of runs. In the stages off and shadow it is written as it always was (`create`, `update`); from
 * write-through on the ledger is written first and the record that follows from it is put here whole (`save`).
 */
export interface Projection {
  /** Told in the ledger, where it tells apart the tables of several hosts; never changes. */
  readonly name: string;
  /** As before any ledger: makes the id when none is given, and `createdAt` when none is given. Answers with the record. */
  create(run: NewHostRun): Promise<HostRun>;
  /** As before any ledger. Throws the host's own error when there is no such run or step. */
  update(id: string, change: HostChange): Promise<void>;
  /** Makes the record be exactly this one, whether it was there or not; the same one again changes nothing. */
  save(run: HostRun): Promise<void>;
  read(id: string): Promise<HostRun | undefined>;
  /** The newest first: by `createdAt`, those of the same time by `id`, both descending. Filtered before limited. */
  list(query: HostQuery): Promise<readonly HostRun[]>;
}

/** A run that begins now: still `pending` or already `running`, with the steps that are known. */
export type NewHostRun = Pick<HostRun, "kind" | "sessionKey" | "name" | "request"> & {
  /** For hosts that must know the id before. */
  readonly id?: string;
  /** ISO 8601, UTC, milliseconds. */
  readonly createdAt?: string;
  /** Default: null. */
  readonly descriptor?: HostRun["descriptor"];
  /** Default: running. */
  readonly status?: HostRunStatus;
  readonly steps?: readonly HostStep[];
};

export type HostQuery = {
  readonly statuses?: readonly HostRunStatus[];
  readonly limit: number;
  /** Continue after this run of an earlier answer, by the host's id for it. */
  readonly after?: string;
};

/** The whole record of a run that begins: what every table must make of what a host gives. */
export const newRecord = (run: NewHostRun, made: { readonly id: string; readonly at: string }): HostRun => ({
  id: run.id ?? made.id,
  kind: run.kind,
  sessionKey: run.sessionKey,
  name: run.name,
  request: run.request,
  descriptor: run.descriptor ?? null,
  createdAt: run.createdAt ?? made.at,
  status: run.status ?? "running",
  result: "",
  error: "",
  steps: [...(run.steps ?? [])],
});

/** The record after a change: what every table must make of it. Undefined when it has no such step. */
export const changedRecord = (run: HostRun, change: HostChange): HostRun | undefined => {
  if (change.kind === "run_status") {
    const { kind: _kind, ...said } = change;
    return { ...run, ...said };
  }
  const stepId = change.kind === "step" ? change.step.stepId : change.stepId;
  const at = run.steps.findIndex((step) => step.stepId === stepId);
  const before = run.steps[at];
  if (change.kind === "step")
    return { ...run, steps: before ? run.steps.with(at, change.step) : [...run.steps, change.step] };
  const { kind: _kind, ...said } = change;
  return before && { ...run, steps: run.steps.with(at, { ...before, ...said }) };
};
