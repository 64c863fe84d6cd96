import type Database from "better-sqlite3";
import { groupCommit, type Outcome } from "./group-commit.js";
import { isStoreFailure } from "./sqlite-errors.js";
import type { leaseStatements } from "./sqlite-leases.js";
import type { ClaimRequest, Lease, Store } from "./store.js";

type Parts = {
  readonly statements: () => ReturnType<typeof leaseStatements>;
  /** Throws `run_not_found`. */
  readonly requireRun: (runId: string) => unknown;
  readonly call: <T>(work: () => T) => T;
};

export type LeaseCalls = {
  readonly calls: Pick<Store, "claim" | "renew" | "release" | "leaseOf">;
  /** Commits everything that waits, now. */
  readonly drain: () => void;
};

type Work = () => Lease | undefined;

/** Hundreds of runs begin, beat and end at the same moment: what is asked of their leases in one turn shares one sync. */
export const leaseCalls = (
  sqlite: Database.Database,
  { statements, requireRun, call }: Parts,
): LeaseCalls => {
  const attempt = (work: Work): Outcome<Lease | undefined> => {
    try {
      return { done: work() };
    } catch (error) {
      // Without a transaction around it the next one would be committed on its own.
      if (isStoreFailure(error) || !sqlite.inTransaction) throw error;
      return { refused: error };
    }
  };
  const together = sqlite.transaction((group: readonly Work[]) => group.map(attempt));
  const { add, drain } = groupCommit<Work, Lease | undefined>(
    (group) => call(() => together.immediate(group)),
    () => 0,
  );
  const claim = ({ runId, owner, ttlMs, breaking }: ClaimRequest): Lease | undefined => {
    requireRun(runId);
    const broken = { brokenOwner: breaking?.owner ?? null, brokenEpoch: breaking?.epoch ?? null };
    return statements().claim.all({ runId, owner, ttlMs, ...broken })[0];
  };
  const calls: LeaseCalls["calls"] = {
    claim: async (request) => call(() => add(() => claim(request))),
    renew: async (lease, ttlMs) => call(() => add(() => statements().renew.all({ ...lease, ttlMs })[0])),
    release: async (lease) => {
      await call(() =>
        add(() => {
          statements().release.run(lease);
          return undefined;
        }),
      );
    },
    leaseOf: async (runId) => call(() => statements().current.get({ runId })),
  };
  return { calls, drain };
};
