import type { CommandOf } from "../core/commands.js";
import { cutShort } from "../core/cut.js";
import { isLedgerError } from "../core/errors.js";
import type { GrantOutcome } from "../core/events.js";
import { REASON_CHARS, TEAMMATES_BLOCKED } from "../core/limits.js";
import type { BlockedTeammate, RunStatus } from "../core/run.js";
import type { Ledger } from "../ledger/ledger.js";
import type { Projection } from "./projection.js";
import type { RolloutOptions } from "./rollout.js";
import type { RolloutSettings } from "./stage.js";
import { turns } from "./turns.js";

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

export type TeammateMirrorOptions = {
  readonly ledger: RolloutOptions["ledger"];
  /** Says which table's ids the host uses. */
  readonly projection: Pick<Projection, "name">;
  /** Mirrored from write-through on: `enabled` and `writeThrough`, as they are when something is told. */
  readonly settings: Pick<RolloutSettings, "enabled" | "writeThrough">;
  /** Default: process.emitWarning. */
  readonly onFailure?: (failure: MirrorFailure) => void;
};

export const createTeammateMirror = (options: TeammateMirrorOptions): TeammateMirror => {
  const { settings, onFailure = warn } = options;
  const isOn = (): boolean => settings.enabled && settings.writeThrough;
  const debts = openDebts();
  const { failed, counts } = countFailures(onFailure);
  const journal = journalOf(options, failed);
  const inTurn = turns();
  /** An older word about a run must not overtake a newer one. */
  const pay = (id: string): Promise<readonly BlockedTeammate[] | null> =>
    inTurn(id, async () => {
      const condition = debts.of(id);
      if (condition === undefined) return null;
      const { done, blocked } = await journal.write(condition);
      if (done) debts.settle(condition);
      return blocked;
    });
  const payAllBut = async (id: string | null): Promise<void> => {
    for (const other of debts.ids()) if (other !== id) await pay(other);
  };
  return {
    tell: async (condition) => {
      if (!isOn()) return null;
      debts.owe(condition);
      const blocked = await pay(condition.id);
      if (blocked !== null) await payAllBut(condition.id);
      return blocked;
    },
    reconcile: async (live) => {
      if (!isOn()) return [];
      for (const condition of live ?? []) debts.owe(condition);
      // Nobody waits any more in a run that the ledger shows as blocked and the host does not name.
      for (const id of live === undefined ? [] : await journal.blockedBeside(live))
        debts.owe({ id, blocked: [] });
      await payAllBut(null);
      return debts.ids();
    },
    failures: () => ({ ...counts }),
  };
};

/** What is owed of a run is the newest condition, with every answer that was not recorded yet. */
const openDebts = () => {
  const owed = new Map<string, TeammateCondition>();
  return {
    of: (id: string) => owed.get(id),
    ids: () => [...owed.keys()],
    owe: (condition: TeammateCondition): void => {
      const answered = { ...owed.get(condition.id)?.answered, ...condition.answered };
      owed.delete(condition.id);
      owed.set(condition.id, { ...condition, answered });
      const [oldest] = owed.keys();
      if (owed.size > OWED_RUNS_MAX && oldest !== undefined) owed.delete(oldest);
    },
    /** Unless something newer was said meanwhile. */
    settle: (condition: TeammateCondition): void => {
      if (owed.get(condition.id) === condition) owed.delete(condition.id);
    },
  };
};

type Failed = (phase: MirrorPhase, id: string | null, error: unknown) => void;

const countFailures = (onFailure: (failure: MirrorFailure) => void) => {
  const counts: Record<MirrorPhase, number> = { append_journal: 0, refresh_snapshot: 0 };
  const failed: Failed = (phase, id, error) => {
    counts[phase] += 1;
    try {
      onFailure({ phase, id, error });
    } catch (untold) {
      process.emitWarning(`A failure of the teammate mirror could not be told: ${String(untold)}`);
    }
  };
  return { counts, failed };
};

/** What the mirror does with the ledger; whatever fails there is told, not thrown. */
const journalOf = ({ ledger: { ledger, host }, projection }: TeammateMirrorOptions, failed: Failed) => {
  const runIdOf = async (id: string): Promise<string> =>
    (await ledger.store.mirrorOf({ projection: projection.name, hostId: id }))?.runId ?? id;
  const blockedIn = async (runId: string, id: string): Promise<readonly BlockedTeammate[] | null> => {
    try {
      return (await ledger.load(runId)).blockedTeammates;
    } catch (error) {
      failed("refresh_snapshot", id, error);
      return null;
    }
  };
  return {
    write: async (condition: TeammateCondition) => {
      try {
        const runId = await runIdOf(condition.id);
        await ledger.submit(runId, commandOf(condition), host);
        return { done: true, blocked: await blockedIn(runId, condition.id) };
      } catch (error) {
        failed("append_journal", condition.id, error);
        // What the ledger refuses, it refuses again; what it could not write, it may write later.
        return { done: isRefusal(error), blocked: null };
      }
    },
    /** One run that cannot be read must not keep the others from being made good. */
    blockedBeside: async (live: readonly TeammateCondition[]): Promise<readonly string[]> => {
      const blocked: string[] = [];
      try {
        const named = new Set(await Promise.all(live.map(({ id }) => runIdOf(id))));
        for await (const id of liveRuns(ledger))
          if (!named.has(id) && ((await blockedIn(id, id)) ?? []).length > 0) blocked.push(id);
      } catch (error) {
        failed("refresh_snapshot", null, error);
      }
      return blocked;
    },
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
    reason: cutShort(reason.trim(), REASON_CHARS),
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
