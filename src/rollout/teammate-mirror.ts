import type { Caller, CommandOf } from "../core/commands.js";
import { isLedgerError } from "../core/errors.js";
import type { GrantOutcome } from "../core/events.js";
import { REASON_CHARS } from "../core/limits.js";
import type { BlockedTeammate, RunStatus } from "../core/run.js";
import type { Ledger } from "../ledger/ledger.js";

/** How the teammates of one run stand now, as the host's live control plane knows it. */
export type TeammateCondition = {
  readonly runId: string;
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
  readonly runId: string;
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

export const createTeammateMirror = (parts: {
  readonly ledger: Ledger;
  /** The rollout's own credential. */
  readonly host: Caller;
  /** `runLedger.enabled` and `writeThrough`, as they are now. */
  readonly isOn: () => boolean;
  readonly onFailure: (failure: MirrorFailure) => void;
}): TeammateMirror => {
  const { ledger, host, isOn, onFailure } = parts;
  const owed = new Map<string, TeammateCondition>();
  const turns = new Map<string, Promise<unknown>>();
  const counts: Record<MirrorPhase, number> = { append_journal: 0, refresh_snapshot: 0 };

  const failed = (phase: MirrorPhase, runId: string, error: unknown): null => {
    counts[phase] += 1;
    try {
      onFailure({ phase, runId, error });
    } catch (untold) {
      process.emitWarning(`A failure of the teammate mirror could not be told: ${String(untold)}`);
    }
    return null;
  };

  /** What is owed of a run is the newest condition, with every answer that was not recorded yet. */
  const owe = (condition: TeammateCondition): void => {
    const answered = { ...owed.get(condition.runId)?.answered, ...condition.answered };
    owed.delete(condition.runId);
    owed.set(condition.runId, { ...condition, answered });
    const [oldest] = owed.keys();
    if (owed.size > OWED_RUNS_MAX && oldest !== undefined) owed.delete(oldest);
  };

  const pay = async (runId: string): Promise<readonly BlockedTeammate[] | null> => {
    const condition = owed.get(runId);
    if (condition === undefined) return null;
    try {
      await ledger.submit(runId, commandOf(condition), host);
    } catch (error) {
      // What the ledger refuses, it refuses again; what it could not write, it may write later.
      if (isRefusal(error) && owed.get(runId) === condition) owed.delete(runId);
      return failed("append_journal", runId, error);
    }
    if (owed.get(runId) === condition) owed.delete(runId);
    try {
      return (await ledger.load(runId)).blockedTeammates;
    } catch (error) {
      return failed("refresh_snapshot", runId, error);
    }
  };

  /** The words about one run in the order in which they were said: an older one must not overtake a newer. */
  const inTurn = (runId: string): Promise<readonly BlockedTeammate[] | null> => {
    const turn = (turns.get(runId) ?? Promise.resolve()).then(() => pay(runId));
    turns.set(runId, turn);
    return turn.finally(() => {
      if (turns.get(runId) === turn) turns.delete(runId);
    });
  };

  const payOthers = async (runId: string): Promise<void> => {
    for (const other of [...owed.keys()]) if (other !== runId) await inTurn(other);
  };

  return {
    tell: async (condition) => {
      if (!isOn()) return null;
      owe(condition);
      const blocked = await inTurn(condition.runId);
      if (blocked !== null && owed.size > 0) await payOthers(condition.runId);
      return blocked;
    },
    reconcile: async (live) => {
      if (!isOn()) return [];
      for (const condition of live ?? []) owe(condition);
      if (live !== undefined)
        try {
          const told = new Set(live.map(({ runId }) => runId));
          for await (const runId of runsWithBlocked(ledger))
            if (!told.has(runId)) owe({ runId, blocked: [] });
        } catch (error) {
          failed("refresh_snapshot", "", error);
        }
      await payOthers("");
      return [...owed.keys()];
    },
    failures: () => ({ ...counts }),
  };
};

const commandOf = ({ blocked, answered }: TeammateCondition): CommandOf<"mirror_teammates"> => ({
  type: "mirror_teammates",
  blocked: blocked.map(({ grantRequestId, agent, tool, reason, attempt }) => ({
    grantRequestId,
    agent,
    tool: tool ?? null,
    reason: reason.trim().slice(0, REASON_CHARS),
    attempt: attempt ?? null,
  })),
  answered: Object.entries(answered ?? {}).map(([grantRequestId, outcome]) => ({ grantRequestId, outcome })),
});

const isRefusal = (error: unknown): boolean =>
  isLedgerError(error) && ["usage", "refused", "not_found"].includes(error.kind);

/** A run that cannot be read shows nothing to make good; it is set aside and told elsewhere. */
async function* runsWithBlocked(ledger: Ledger): AsyncGenerator<string> {
  let after: string | undefined;
  for (;;) {
    const page = await ledger.list({
      statuses: LIVE,
      limit: RUNS_PER_PAGE,
      ...(after === undefined ? {} : { afterRunId: after }),
    });
    for (const { runId, quarantine } of page) {
      if (quarantine !== null) continue;
      const run = await ledger.load(runId);
      if (run.blockedTeammates.length > 0) yield runId;
    }
    after = page.at(-1)?.runId;
    if (page.length < RUNS_PER_PAGE) return;
  }
}
