import type { RunStatus } from "../core/run.js";

/** Which runs are asked for; all that it says must hold. */
export type RunQuery = {
  readonly statuses?: readonly RunStatus[];
  readonly sessionKey?: string;
  /** Only runs for which something can be done now, whoever holds a lease on them. */
  readonly runnable?: true;
  /** Only runs for which something can be done now and that nobody holds a live lease on. */
  readonly claimable?: boolean;
  /** Only runs for which something can be done at this moment, a timer's due time being something; the oldest first. */
  readonly due?: DueQuery;
  /** Only runs that have steps, or only those that have none: before there is a plan, or recorded by a client. */
  readonly planned?: boolean;
  /** Only runs that hosts drive, or only those that are driven here. */
  readonly mirrored?: boolean;
  /** Only runs whose journal could not be read. */
  readonly quarantined?: boolean;
  /** Only runs that ask something of a person. */
  readonly waiting?: boolean;
  /** Part of the goal or of the run id; large and small letters of ASCII are the same. */
  readonly text?: string;
  /** Continue after this run of an earlier answer. */
  readonly afterRunId?: string;
};

export type DueQuery = {
  /** Milliseconds since 1970 by the ledger's clock. */
  readonly by: number;
  /** Only those that nobody holds a live lease on, or those on which one of these owners does. */
  readonly heldBy: "nobody" | readonly string[];
};

export type ListQuery = RunQuery & {
  readonly limit: number;
  /** Leave out so many at the beginning. */
  readonly offset?: number;
};
