import type { Caller } from "../core/commands.js";
import { LedgerError } from "../core/errors.js";
import { hostRunOf } from "../core/mirror.js";
import type { HostRun, HostRunStatus } from "../core/reported.js";
import type { Ledger } from "../ledger/ledger.js";
import { type Drift, driftOf, type Explanation } from "./drift.js";
import { type Degraded, type Mirrors, openMirrors } from "./mirrors.js";
import type { HostQuery, Projection } from "./projection.js";
import { type Replayed, replayIntoLedger, replayIntoProjection } from "./replay.js";
import { type RolloutSettings, type Stage, type StageChange, stageChange, stageOf } from "./stage.js";
import { type Sides, type Trouble, type Writes, type Written, writesOf } from "./writes.js";

export type RolloutOptions = {
  /** The opened ledger (`openRunLedger`), or what of it is needed. */
  readonly ledger: {
    readonly ledger: Ledger;
    /** The credential that alone may report runs of hosts. */
    readonly host: Caller;
  };
  readonly projection: Projection;
  readonly settings: RolloutSettings;
  /**
   * Told of what the host is not to be disturbed by: a ledger that fails in shadow, a table that fails behind the
   * ledger. Default: process.emitWarning.
   */
  readonly onTrouble?: (trouble: Trouble) => void;
};

export type RolloutStatus = {
  readonly stage: Stage;
  readonly projection: string;
  /** Runs of this host in the ledger, by where its table stands. Pending: the table may lack what the ledger has. */
  readonly runs: { readonly synced: number; readonly pending: number; readonly degraded: number };
  /** The newest of the degraded ones, at most twenty; all are counted in `runs`. */
  readonly degraded: readonly Degraded[];
  /** Since this object was made. */
  readonly failures: { readonly ledger: number; readonly projection: number };
};

/** What a host calls instead of its own table of runs, at every stage. All ids are the host's. */
export interface Rollout extends Writes {
  readonly stage: Stage;
  /** The last word on a run: its status stays completed, failed or cancelled from then on. */
  complete(id: string, end: Completion): Promise<Written>;
  read(id: string): Promise<HostRun | undefined>;
  list(query: HostQuery): Promise<readonly HostRun[]>;
  status(): Promise<RolloutStatus>;
  /** Everything in which table and ledger differ, read page by page, each with its explanation if a person gave one. */
  drift(): AsyncIterable<Drift>;
  /** A person's word that this very difference is as it should be; void as soon as either side changes. */
  explain(drift: Pick<Drift, "digest">, reason: string, by: Caller): Promise<Explanation>;
  /**
   * Brings what the stage writes second up to what it writes first, but for what a person explained. Twice changes
   * nothing.
   */
  replay(): Promise<Replayed>;
  /**
   * The settings of the next stage; writing them is the caller's. Throws `rollout_blocked` while drift is unexplained or a
   * run is degraded, `rollout_ended` at the last stage.
   */
  advance(): Promise<StageChange>;
  /** The settings of the stage before, after what that one reads was repaired. Throws `rollout_ended` when it is off. */
  retreat(): Promise<StageChange & { readonly replayed: Replayed }>;
}

export type Completion = {
  readonly status: Extract<HostRunStatus, "completed" | "failed" | "cancelled">;
  readonly result: string;
  readonly error: string;
};

/** Degraded runs that a status names: a table that is locked has as many as it has runs, and one says why. */
const DEGRADED_NAMED = 20;
/** Differences named in a refusal to advance; the count is always told. */
const DRIFTS_NAMED = 10;

// One object for the host at every stage, so that a stage is a line in the settings and not another program.
export const createRollout = (options: RolloutOptions): Rollout => {
  const { projection, settings, onTrouble = warn } = options;
  const { ledger, host } = options.ledger;
  const stage = stageOf(settings);
  const mirrors = openMirrors(ledger, host, projection.name);
  const failures = { ledger: 0, projection: 0 };
  const trouble: Sides["trouble"] = (told) => {
    failures[told.side] += 1;
    try {
      onTrouble(told);
    } catch (error) {
      // Whoever listens must not become one more thing that fails for the host.
      process.emitWarning(`A listener of the rollout failed: ${String(error)}`);
    }
  };
  const writes = writesOf[stage]({ projection, mirrors, trouble });
  const drift = (): AsyncIterable<Drift> => driftOf(projection, mirrors);
  return {
    stage,
    ...writes,
    complete: (id, { status, result, error }) =>
      writes.update(id, { kind: "run_status", status, result, error }),
    ...readsOf[stage]({ projection, mirrors, trouble }),
    status: async () => ({
      stage,
      projection: projection.name,
      runs: await mirrors.count(),
      degraded: await mirrors.degraded(DEGRADED_NAMED),
      failures: { ...failures },
    }),
    drift,
    explain: ({ digest }, reason, by) => explain(ledger, projection.name, { digest, reason, by }),
    replay: () => replays[stage](projection, mirrors),
    advance: async () => {
      const change = requireChange(settings, "advance");
      if (stage !== "off") await requireSettled(mirrors, drift());
      return change;
    },
    retreat: async () => {
      const change = requireChange(settings, "retreat");
      return { ...change, replayed: await repairs[stage](projection, mirrors) };
    },
  };
};

const warn = ({ side, id, error }: Trouble): void => {
  const what = side === "ledger" ? "The ledger could not record" : "The host's table could not take over";
  process.emitWarning(`${what} run ${JSON.stringify(id)}: ${error instanceof Error ? error.message : error}`);
};

type Reads = Pick<Rollout, "read" | "list">;

const hostReads = ({ projection }: Sides): Reads => ({
  read: (id) => projection.read(id),
  list: (query) => projection.list(query),
});

/** From the ledger's snapshots alone. */
const ledgerReads = ({ mirrors, trouble }: Sides): Reads => ({
  read: (id) => mirrors.read(id),
  list: async ({ statuses, limit, after }) => {
    const found: HostRun[] = [];
    if (limit <= 0) return found;
    const query = {
      ...(statuses === undefined ? {} : { statuses }),
      ...(after === undefined ? {} : { after }),
    };
    for await (const { runId, hostId } of mirrors.rows(query)) {
      // One journal that cannot be read must not hide the other runs.
      const run = await mirrors.load(runId).catch((error: unknown) => {
        trouble({ side: "ledger", id: hostId, error });
        return undefined;
      });
      const record = run && hostRunOf(run);
      if (record === undefined || (statuses !== undefined && !statuses.includes(record.status))) continue;
      found.push(record);
      if (found.length >= limit) break;
    }
    return found;
  },
});

const readsOf: { readonly [S in Stage]: (sides: Sides) => Reads } = {
  off: hostReads,
  shadow: hostReads,
  write_through: hostReads,
  authoritative_read: ledgerReads,
  projection_retired: ledgerReads,
};

type Replay = (projection: Projection, mirrors: Mirrors) => Promise<Replayed>;
const nothingToDo =
  (truth: Replayed["truth"]): Replay =>
  async () => ({ truth, checked: 0, repaired: [], explained: [], failed: [] });

/** Towards what the stage writes second; where it writes one side only, there is nothing to bring up. */
const replays: { readonly [S in Stage]: Replay } = {
  off: nothingToDo("projection"),
  shadow: replayIntoLedger,
  write_through: replayIntoProjection,
  authoritative_read: replayIntoProjection,
  projection_retired: nothingToDo("ledger"),
};

/** What the stage before this one reads is the host's table, wherever the ledger was written first. */
const repairs: { readonly [S in Stage]: Replay } = {
  off: nothingToDo("projection"),
  shadow: nothingToDo("projection"),
  write_through: replayIntoProjection,
  authoritative_read: replayIntoProjection,
  projection_retired: replayIntoProjection,
};

const requireChange = (settings: RolloutSettings, direction: "advance" | "retreat"): StageChange => {
  const change = stageChange(settings, direction);
  if (change !== undefined) return change;
  throw new LedgerError(
    "rollout_ended",
    direction === "advance" ? "The projection is retired; that is the last stage." : "The rollout is off.",
  );
};

const requireSettled = async (mirrors: Mirrors, drifts: AsyncIterable<Drift>): Promise<void> => {
  const { degraded } = await mirrors.count();
  let unexplained = 0;
  const first: Drift[] = [];
  for await (const drift of drifts) {
    if (drift.explained !== null) continue;
    unexplained += 1;
    if (first.length < DRIFTS_NAMED) first.push(drift);
  }
  if (degraded === 0 && unexplained === 0) return;
  throw new LedgerError(
    "rollout_blocked",
    `${unexplained} differences between the host's table and the ledger are unexplained, ${degraded} runs are degraded.`,
    {
      hint: "Repair them: `runledger rollout replay`. What is left: `runledger rollout drift`, and explain it.",
      details: { unexplained, degraded, first },
    },
  );
};

const explain = async (
  ledger: Ledger,
  projection: string,
  { digest, reason, by }: { digest: string; reason: string; by: Caller },
): Promise<Explanation> => {
  const { name, role } = ledger.check(by);
  if (role !== "human")
    throw new LedgerError("access_denied", `"${name}" (${role}) may not explain drift.`, {
      hint: "A person has to say why it is as it should be.",
    });
  if (reason.trim() === "") throw new LedgerError("invalid_input", "An explanation says why.");
  const said = {
    by: { name, role },
    reason: ledger.redactor.text(reason.trim()),
    at: ledger.now(),
  };
  await ledger.store.explain({ digest, projection, ...said });
  return said;
};
