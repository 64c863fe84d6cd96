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

/** A run that is begun now: still `pending` or already `running`, with the steps that are known. */
export type NewHostRun = Pick<HostRun, "kind" | "sessionKey" | "name" | "request"> & {
  /** For hosts that must know the id before. */
  readonly id?: string;
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
