import type { Caller } from "../core/commands.js";
import type { HostChange, HostRun, HostRunStatus } from "../core/reported.js";
import type { Ledger } from "../ledger/ledger.js";
import type { Drift, Explanation } from "./drift.js";
import type { HostQuery, NewHostRun, Projection } from "./projection.js";
import type { Replayed } from "./replay.js";
import type { RolloutSettings, Stage, StageChange } from "./stage.js";

export type RolloutOptions = {
  /** The opened ledger (`openRunLedger`), or what of it is needed. */
  readonly ledger: {
    readonly ledger: Ledger;
    /** The credential that alone may report runs of hosts. */
    readonly host: Caller;
  };
  readonly projection: Projection;
  readonly settings: RolloutSettings;
  /** What the host is not to be disturbed by: a ledger that fails in shadow, a table that fails behind the ledger. Default: process.emitWarning. */
  readonly onTrouble?: (trouble: Trouble) => void;
};

export type Trouble = {
  readonly side: "ledger" | "projection";
  /** The host's id of the run; null for one that was not made. */
  readonly id: string | null;
  readonly error: unknown;
};

/** Of a write that counts: whether the host's table has it too. */
export type Written = {
  /** Why the table has not: the run is valid in the ledger, and replay brings it there. Null when it has. */
  readonly degraded: unknown;
};

export type RolloutStatus = {
  readonly stage: Stage;
  readonly projection: string;
  /** Runs of this host in the ledger, by where its table stands. Pending: the table may lack what the ledger has. */
  readonly runs: { readonly synced: number; readonly pending: number; readonly degraded: number };
  /** Since this object was made. */
  readonly failures: { readonly ledger: number; readonly projection: number };
};

/** What a host calls instead of its own table of runs, at every stage. All ids are the host's. */
export interface Rollout {
  readonly stage: Stage;
  create(run: NewHostRun): Promise<Written & { readonly run: HostRun }>;
  update(id: string, change: HostChange): Promise<Written>;
  /** The last word on a run: its status is completed, failed or cancelled from then on. */
  complete(id: string, end: Completion): Promise<Written>;
  read(id: string): Promise<HostRun | undefined>;
  list(query: HostQuery): Promise<readonly HostRun[]>;
  status(): Promise<RolloutStatus>;
  /** Everything in which table and ledger differ, read page by page, each with its explanation if a person gave one. */
  drift(): AsyncIterable<Drift>;
  /** A person's word that this very difference is as it should be; void as soon as either side changes. */
  explain(drift: Pick<Drift, "digest">, reason: string, by: Caller): Promise<Explanation>;
  /** Brings what the stage writes second up to what it writes first. Twice changes nothing. */
  replay(): Promise<Replayed>;
  /** The settings of the next stage. Throws `rollout_blocked` while drift is unexplained or a run is degraded. */
  advance(): Promise<StageChange>;
  /** The settings of the stage before, after what that one reads was repaired as far as possible. */
  retreat(): Promise<StageChange & { readonly replayed: Replayed }>;
}

export type Completion = {
  readonly status: Extract<HostRunStatus, "completed" | "failed" | "cancelled">;
  readonly result: string;
  readonly error: string;
};
