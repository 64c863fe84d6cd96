import type { CommandOf } from "../core/commands.js";
import { isLedgerError } from "../core/errors.js";
import type { GrantOutcome } from "../core/events.js";
import { REASON_CHARS, TEAMMATES_BLOCKED } from "../core/limits.js";
import type { BlockedTeammate, RunStatus } from "../core/run.js";
import type { Ledger } from "../ledger/ledger.js";
import type { Projection } from "./projection.js";
import type { RolloutOptions } from "./rollout.js";
import type { RolloutSettings } from "./stage.js";

/** How the teammates of one run stand now, as the host's live control plane knows it. */
export type TeammateCondition = {
  /** The host's id of a run that it drives, or the ledger's id of one that is driven here. */
  readonly id: string;
  /** Every teammate of the run that waits for a grant now; who is not here does not wait. */
  readonly blocked: readonly {
    /** The same for every attempt at the same request. */
    readonly grantRequestId: string;
    readonly agent: string;
    readonly tool?: string;
    readonly reason: string;
    /** From 1 in each cycle. Left out: another reason, tool or agent for a blocked request is another attempt. */
    readonly attempt?: number;
  }[];
  /** By request id, what became of those that wait no more; `withdrawn` for those not named. */
  readonly answered?: Readonly<Record<string, GrantOutcome>>;
};

export type MirrorPhase = "append_journal" | "refresh_snapshot";
export type MirrorFailure = {
  readonly phase: MirrorPhase;
  /** As the host named the run; null when all runs were looked at. */
  readonly id: string | null;
  readonly error: unknown;
};

/** Approval-blocked teammates in the journal, as far as it goes: the host stays the authority and is never stopped by it. */
export interface TeammateMirror {
  /** Never rejects. Who is blocked by the ledger's word now; null when nothing was mirrored. */
  tell(condition: TeammateCondition): Promise<readonly BlockedTeammate[] | null>;
  /**
   * Makes good what failed. With `live` (the conditions of all runs, after a restart) also what was told to nobody: runs
   * that are not among them have no blocked teammates. Answers with the runs that are still owed; never rejects.
   */
  reconcile(live?: readonly TeammateCondition[]): Promise<readonly string[]>;
  /** Since this mirror was made. */
  failures(): Readonly<Record<MirrorPhase, number>>;
}

/** Runs whose condition is kept while the journal cannot be written; the one that waits longest is dropped, and told again by `live`. */
const OWED_RUNS_MAX = 1_000;
/** Runs looked at together when everything is reconciled. */
const RUNS_PER_PAGE = 100;
const LIVE: readonly RunStatus[] = ["planning", "running", "paused"];

export const createTeammateMirror = (options: {
  readonly ledger: RolloutOptions["ledger"];
  /** Says which table's ids the host uses. */
  readonly projection: Pick<Projection, "name">;
  /** Mirrored from write-through on: `enabled` and `writeThrough`, as they are when something is told. */
  readonly settings: Pick<RolloutSettings, "enabled" | "writeThrough">;
  /** Default: process.emitWarning. */
  readonly onFailure?: (failure: MirrorFailure) => void;
}): TeammateMirror => {
  const { projection, settings, onFailure = warn } = options;
  const { ledger, host } = options.ledger;
  const isOn = (): boolean => settings.enabled && settings.writeThrough;
  const owed = new Map<string, TeammateCondition>();
  const turns = new Map<string, Promise<unknown>>();
  const counts: Record<MirrorPhase, number> = { append_journal: 0, refresh_snapshot: 0 };

  const failed = (phase: MirrorPhase, id: string | null, error: unknown): null => {
    counts[phase] += 1;
    try {
      onFailure({ phase, id, error });
    } catch (untold) {
      process.emitWarning(`A failure of the teammate mirror could not be told: ${String(untold)}`);
    }
    return null;
  };

  /** What is owed of a run is the newest condition, with every answer that was not recorded yet. */
  const owe = (condition: TeammateCondition): void => {
    const answered = { ...owed.get(condition.id)?.answered, ...condition.answered };
    owed.delete(condition.id);
    owed.set(condition.id, { ...condition, answered });
    const [oldest] = owed.keys();
    if (owed.size > OWED_RUNS_MAX && oldest !== undefined) owed.delete(oldest);
  };

  const runIdOf = async (id: string): Promise<string> =>
    (await ledger.store.mirrorOf({ projection: projection.name, hostId: id }))?.runId ?? id;

  const pay = async (id: string): Promise<readonly BlockedTeammate[] | null> => {
    const condition = owed.get(id);
    if (condition === undefined) return null;
    let runId: string;
    try {
      runId = await runIdOf(id);
      await ledger.submit(runId, commandOf(condition), host);
    } catch (error) {
      // What the ledger refuses, it refuses again; what it could not write, it may write later.
      if (isRefusal(error) && owed.get(id) === condition) owed.delete(id);
      return failed("append_journal", id, error);
    }
    if (owed.get(id) === condition) owed.delete(id);
    try {
      return (await ledger.load(runId)).blockedTeammates;
    } catch (error) {
      return failed("refresh_snapshot", id, error);
    }
  };

  /** The words about one run in the order in which they were said: an older one must not overtake a newer. */
  const inTurn = (id: string): Promise<readonly BlockedTeammate[] | null> => {
    const turn = (turns.get(id) ?? Promise.resolve()).then(() => pay(id));
    turns.set(id, turn);
    return turn.finally(() => {
      if (turns.get(id) === turn) turns.delete(id);
    });
  };

  const payAllBut = async (id: string | null): Promise<void> => {
    for (const other of [...owed.keys()]) if (other !== id) await inTurn(other);
  };

  /** Runs that the ledger shows as blocked and the host does not name: nobody waits there any more. */
  const oweUnnamed = async (live: readonly TeammateCondition[]): Promise<void> => {
    try {
      const named = new Set(await Promise.all(live.map(({ id }) => runIdOf(id))));
      for await (const id of liveRuns(ledger))
        if (!named.has(id) && (await hasBlocked(id))) owe({ id, blocked: [] });
    } catch (error) {
      failed("refresh_snapshot", null, error);
    }
  };

  /** One run that cannot be read must not keep the others from being made good. */
  const hasBlocked = async (runId: string): Promise<boolean> => {
    try {
      return (await ledger.load(runId)).blockedTeammates.length > 0;
    } catch (error) {
      failed("refresh_snapshot", runId, error);
      return false;
    }
  };

  return {
    tell: async (condition) => {
      if (!isOn()) return null;
      owe(condition);
      const blocked = await inTurn(condition.id);
      if (blocked !== null && owed.size > 0) await payAllBut(condition.id);
      return blocked;
    },
    reconcile: async (live) => {
      if (!isOn()) return [];
      for (const condition of live ?? []) owe(condition);
      if (live !== undefined) await oweUnnamed(live);
      await payAllBut(null);
      return [...owed.keys()];
    },
    failures: () => ({ ...counts }),
  };
};

const warn = ({ phase, id, error }: MirrorFailure): void =>
  process.emitWarning(
    `The teammates of run ${JSON.stringify(id)} could not be mirrored (${phase}): ${error instanceof Error ? error.message : error}`,
  );

const commandOf = ({ blocked, answered }: TeammateCondition): CommandOf<"mirror_teammates"> => ({
  type: "mirror_teammates",
  blocked: blocked.map(({ grantRequestId, agent, tool, reason, attempt }) => ({
    grantRequestId,
    agent,
    tool: tool ?? null,
    reason: reason.trim().slice(0, REASON_CHARS),
    attempt: attempt ?? null,
  })),
  // Of answers that could not be written for long, the newest: one that is lost reads as withdrawn.
  answered: Object.entries(answered ?? {})
    .slice(-TEAMMATES_BLOCKED)
    .map(([grantRequestId, outcome]) => ({ grantRequestId, outcome })),
});

const isRefusal = (error: unknown): boolean =>
  isLedgerError(error) && ["usage", "refused", "not_found"].includes(error.kind);

async function* liveRuns(ledger: Ledger): AsyncGenerator<string> {
  let after: string | undefined;
  for (;;) {
    const page = await ledger.list({
      statuses: LIVE,
      limit: RUNS_PER_PAGE,
      ...(after === undefined ? {} : { afterRunId: after }),
    });
    for (const { runId, quarantine } of page) if (quarantine === null) yield runId;
    after = page.at(-1)?.runId;
    if (page.length < RUNS_PER_PAGE) return;
  }
}
