import { isLedgerError, LedgerError } from "../core/errors.js";
import type { Blobs } from "./blobs.js";
import { encryptedCheckpoints } from "./checkpoints.js";
import { groupCommit, type Outcome } from "./group-commit.js";
import { leaseCalls } from "./lease-calls.js";
import {
  type AnchorHeld,
  type AnchorOf,
  anchorBefore,
  anchorOn,
  anchorState,
  newestEvent,
} from "./sqlite-anchor.js";
import { groupCommitter } from "./sqlite-append.js";
import { auditOn } from "./sqlite-audit.js";
import { sqliteCheckpoints } from "./sqlite-checkpoints.js";
import { connect, connectToLook, type SqliteConnection } from "./sqlite-connection.js";
import { countedIn } from "./sqlite-counted.js";
import { erase } from "./sqlite-erase.js";
import { inOurWords, mustStop } from "./sqlite-errors.js";
import { leaseStatements } from "./sqlite-leases.js";
import { leave, leaveOrigin, leftBehindOf } from "./sqlite-left-behind.js";
import { countRuns, listRuns } from "./sqlite-lists.js";
import { countMirrors, explanationOf, listMirrors, mirrorOf, mirrorStatements } from "./sqlite-mirrors.js";
import { proposalCounter } from "./sqlite-proposals.js";
import { schedulesOf } from "./sqlite-schedules.js";
import { sdkKeysOf } from "./sqlite-sdk-keys.js";
import {
  addGoalFunction,
  type KeptRunRow,
  sealedBatch,
  sealsBehind,
  searching,
  shownRow,
  shownSnapshot,
} from "./sqlite-sealed.js";
import { openVault, type SealOptions, type Vault } from "./sqlite-seals.js";
import { compact, giveBack, spaceOf } from "./sqlite-space.js";
import { appendStatements, eventsOf, housekeepingStatements, readStatements } from "./sqlite-statements.js";
import { countRemoved } from "./sqlite-tally.js";
import { wordsOf } from "./sqlite-words.js";
import type {
  AppendBatch,
  Audit,
  EventRow,
  Removing,
  RunQuery,
  RunRow,
  SnapshotRow,
  Store,
} from "./store.js";

export type SqliteOptions = {
  /** A path, or ":memory:". */
  readonly file: string;
  readonly blobs: Blobs;
  /** The file of the anchor; null for what ends with the process. */
  readonly anchor: string | null;
  readonly seals: SealOptions;
};

/** The store of one machine: nothing to start, and what it acknowledged is on the disk. Throws `ledger_behind`. */
export const openSqliteStore = async ({ file, blobs, anchor, seals }: SqliteOptions): Promise<Store> => {
  try {
    const read = anchorBefore(file, anchor);
    const connection = await connect(file);
    try {
      const anchored = { file: anchor, on: (of: AnchorOf) => anchorOn(connection.sqlite, of, read) };
      return storeOn(connection, blobs, anchored, seals);
    } catch (error) {
      connection.sqlite.close();
      throw error;
    }
  } catch (error) {
    throw inOurWords(error);
  }
};

/** Refuses to write, and waits for nobody; undefined when the file has another version's schema. */
export const lookAtSqliteStore = async ({
  file,
  blobs,
  anchor,
  seals,
}: SqliteOptions): Promise<Store | undefined> => {
  try {
    const connection = await connectToLook(file);
    return connection === undefined
      ? undefined
      : storeOn(connection, blobs, { file: anchor, on: () => NO_ANCHOR }, seals);
  } catch (error) {
    throw inOurWords(error);
  }
};

/** To check it; undefined when the file has another version's schema. */
export const auditSqliteStore = async ({
  file,
  blobs,
  anchor,
  seals,
}: SqliteOptions): Promise<Audit | undefined> => {
  try {
    // Where nothing is left but the anchor, that is all there is to say.
    anchorBefore(file, anchor);
    const connection = await connectToLook(file);
    if (connection === undefined) return undefined;
    const store = storeOn(connection, blobs, { file: anchor, on: () => NO_ANCHOR }, seals);
    return auditOn(connection.sqlite, store, anchor);
  } catch (error) {
    throw inOurWords(error);
  }
};

type AnchorUsed = { readonly file: string | null; readonly on: (of: AnchorOf) => AnchorHeld };

const NO_ANCHOR: AnchorHeld = { anchor: null, madeAnew: false };

/** What is committed is held by the anchor, if there is one. */
const holding =
  (anchor: AnchorHeld["anchor"], ledgerId: string, stop: (error: LedgerError) => void) =>
  (newest: Pick<EventRow, "position" | "hash"> | undefined): void => {
    if (newest === undefined || anchor === null) return;
    try {
      anchor.hold({ ledgerId, position: newest.position, hash: newest.hash });
    } catch (error) {
      // What is committed stays; going on would acknowledge what nobody could miss later, unless the next one is held.
      if (!isLedgerError(error, "no_space")) stop(stoppedBy(error));
      throw error;
    }
  };

const storeOn = (
  connection: SqliteConnection,
  blobs: Blobs,
  { file, on }: AnchorUsed,
  sealing: SealOptions,
): Store => {
  const { sqlite, db } = connection;
  const reads = readStatements(db);
  const { call, stop, orStop } = gate();
  const statements = onFirstUse(() => leaseStatements(db));
  const leases = leaseCalls(sqlite, { statements, requireRun: (runId) => requireRun(reads, runId), call });
  const keeping = onFirstUse(() => housekeepingStatements(db));
  const ledgerId = requireLedgerId(reads);
  const vault = openVault(connection, ledgerId, sealing);
  addGoalFunction(sqlite, vault);
  const commit = onFirstUse(() =>
    groupCommitter(sqlite, { ...reads, ...appendStatements(connection) }, vault.keep),
  );
  const { anchor, madeAnew } = on({ ledgerId, file });
  const hold = holding(anchor, ledgerId, stop);
  const remove = onFirstUse(() => remover(sqlite, reads, keeping(), () => hold(newestEvent(sqlite))));
  const committed = (group: readonly AppendBatch[]): readonly Outcome<readonly EventRow[]>[] =>
    call(() => {
      const outcomes = commit()(group);
      hold(lastRowOf(outcomes));
      return outcomes;
    });
  const found = finder(connection, reads, vault);
  const seals = sealsBehind(vault, call);
  const appends = groupCommit(committed, bytesWaiting);
  return {
    ledgerId,
    seals,
    anchored: async () => call(() => anchorState(sqlite, { ledgerId, file }, madeAnew)),
    append: async (batch) => call(() => appends.add(sealedBatch(batch))),
    read: async (runId, afterSeq, limit) =>
      call(() => eventsOf(reads.eventsOfRun.values({ runId, afterSeq, limit }))),
    feed: async (afterPosition, limit) =>
      call(() => eventsOf(reads.eventsOfAll.values({ afterPosition, limit }))),
    ...countedIn(connection, call),
    position: async () => call(() => reads.position.get()?.position ?? 0),
    list: async (query) => call(() => found(query, listRuns).map((row) => shownRow(vault, row))),
    count: async (query) => call(() => found(query, countRuns)),
    nextWake: async () => call(() => reads.nextWake.get()?.at ?? null),
    runRow: async (runId) => call(() => shown(vault, reads.run.get({ runId }))),
    end: async (runId) => call(() => reads.end.get({ runId })),
    findKey: async (scope, key) => call(() => reads.key.get({ scope, key })),
    ...askedSeldom(sqlite, call),
    ...leases.calls,
    readSnapshot: async (runId) => call(() => snapshotOf(vault, runId, reads.snapshot.get({ runId }))),
    quarantine: async (runId, found) => {
      call(() =>
        found ? keeping().setQuarantine.run({ runId, ...found }) : keeping().liftQuarantine.run({ runId }),
      );
    },
    originOf: async (runId) => call(() => reads.origin.get({ runId })),
    remove: async (runId, removal) => call(() => remove()(runId, removal)),
    erase: async (runId, erasing) => call(() => erase(sqlite, vault, runId, erasing)),
    bytesOf: async (runId) => call(() => keeping().bytesOfRun.get({ runId })?.bytes ?? 0),
    space: async () => call(() => spaceOf(sqlite)),
    giveBack: () => giveBack(sqlite, call),
    compact: async () => call(() => compact(sqlite, keeping().anyLease.get()?.runId)),
    removalOf: async (runId) => call(() => reads.removal.get({ runId })),
    checkpoints: encryptedCheckpoints(sqliteCheckpoints(db, call), seals),
    ...mirrorsOf(db, call),
    ...blobsOf(blobs, vault, { call, orStop }),
    close: async () => {
      appends.drain();
      leases.drain();
      stop(new LedgerError("store_unavailable", "The store is closed."));
      sqlite.close();
      anchor?.close();
    },
  };
};

const shown = (vault: Vault, row: KeptRunRow | undefined): RunRow | undefined => row && shownRow(vault, row);

const snapshotOf = (vault: Vault, runId: string, row: SnapshotRow | undefined): SnapshotRow | undefined =>
  row && shownSnapshot(vault.of(runId), row);

type Call = ReturnType<typeof gate>["call"];
type MirrorCalls = Pick<
  Store,
  "mirrorOf" | "listMirrors" | "countMirrors" | "markSync" | "explain" | "explanationOf"
>;

const mirrorsOf = (db: SqliteConnection["db"], call: Call): MirrorCalls => {
  const mirrors = onFirstUse(() => mirrorStatements(db));
  return {
    mirrorOf: async (by) => call(() => mirrorOf(mirrors(), by)),
    listMirrors: async (query) => call(() => listMirrors(db, query)),
    countMirrors: async (projection) => call(() => countMirrors(mirrors(), projection)),
    markSync: async (runId, sync) => {
      call(() => mirrors().markSync.run({ runId, ...sync }));
    },
    explain: async ({ by, ...row }) => {
      call(() => mirrors().explain.run({ ...row, actorName: by.name, actorRole: by.role }));
    },
    explanationOf: async (digest) => call(() => explanationOf(mirrors(), digest)),
  };
};

const askedSeldom = (
  sqlite: SqliteConnection["sqlite"],
  call: Call,
): ReturnType<typeof schedulesOf> &
  ReturnType<typeof sdkKeysOf> &
  ReturnType<typeof wordsOf> &
  ReturnType<typeof leftBehindOf> &
  Pick<Store, "countProposals"> => {
  const countProposals = proposalCounter(sqlite);
  return {
    ...schedulesOf(sqlite, call),
    ...sdkKeysOf(sqlite, call),
    ...wordsOf(sqlite, call),
    ...leftBehindOf(sqlite, call),
    countProposals: async (agent, since) => call(() => countProposals(agent, since)),
  };
};

type BlobCalls = Pick<Store, "putBlob" | "getBlob" | "listBlobs" | "removeBlob" | "removeBlobsOf">;

const blobsOf = (
  blobs: Blobs,
  vault: Vault,
  { call, orStop }: Pick<ReturnType<typeof gate>, "call" | "orStop">,
): BlobCalls => {
  const sealing = (runId: string | undefined) => (runId === undefined ? null : vault.of(runId));
  return {
    putBlob: async (bytes, runId) =>
      call(() => {
        const cipher = sealing(runId);
        return orStop(cipher === null ? blobs.put(bytes) : blobs.putSealed(bytes, cipher));
      }),
    getBlob: async (hash, runId) =>
      call(() => {
        const cipher = sealing(runId);
        return cipher === null ? blobs.get(hash) : blobs.getSealed(hash, cipher);
      }),
    listBlobs: async () => call(() => blobs.list()),
    removeBlob: async (listed) => call(() => blobs.remove(listed)),
    removeBlobsOf: async (runId) => call(() => blobs.removeOf(runId)),
  };
};

const lastRowOf = (outcomes: readonly Outcome<readonly EventRow[]>[]): EventRow | undefined => {
  for (let at = outcomes.length - 1; at >= 0; at -= 1) {
    const outcome = outcomes[at];
    const row = outcome !== undefined && "done" in outcome ? outcome.done.at(-1) : undefined;
    if (row !== undefined) return row;
  }
  return undefined;
};

/** About as much as it holds in memory; whatever else a batch says is short. */
const bytesWaiting = ({ events, snapshot }: AppendBatch): number =>
  events.reduce((sum, { payload }) => sum + payload.length, snapshot?.body.length ?? 0);

/** Most commands only read, and prepare nothing else. */
const onFirstUse = <T>(make: () => T): (() => T) => {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
};

/** Once the store has stopped nothing passes: after a failed sync a second try may succeed without having written. */
const gate = () => {
  let refusal: LedgerError | undefined;
  const stop = (reason: LedgerError): void => {
    refusal = reason;
  };
  const call = <T>(work: () => T): T => {
    if (refusal !== undefined) throw refusal;
    try {
      return work();
    } catch (error) {
      if (mustStop(error)) stop(stoppedBy(error));
      throw inOurWords(error);
    }
  };
  /** The same of work that takes a while. */
  const orStop = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      if (mustStop(error)) stop(stoppedBy(error));
      throw error;
    }
  };
  return { call, stop, orStop };
};

const stoppedBy = (cause: unknown): LedgerError =>
  new LedgerError("store_unavailable", "The store stopped after its disk or its file failed.", {
    hint: "Check the disk, then start again; what was acknowledged is kept.",
    cause,
  });

type Reads = ReturnType<typeof readStatements>;

/** What a search opens it opens with the key that is held: nothing else can be asked meanwhile. */
const finder =
  ({ sqlite, db }: SqliteConnection, reads: Reads, vault: Vault) =>
  <Q extends RunQuery, T>(query: Q, find: (of: typeof db, query: Q, after: number | undefined) => T): T => {
    const now = () => find(db, query, createdOf(reads, query));
    return query.text === undefined ? now() : searching(sqlite, vault, now);
  };

const requireLedgerId = (reads: Reads): string => {
  const row = reads.ledgerId.get();
  if (row !== undefined) return row.value;
  throw new LedgerError("store_unavailable", "The ledger's file has lost its id.", {
    hint: "Restore the file from a backup.",
  });
};

const createdOf = (reads: Reads, { afterRunId }: RunQuery): number | undefined =>
  afterRunId === undefined ? undefined : requireRun(reads, afterRunId).created;

/** All of it in one transaction, so that no run is ever half there. */
const remover = (
  sqlite: SqliteConnection["sqlite"],
  reads: Reads,
  { insertRemoval, leftovers }: ReturnType<typeof housekeepingStatements>,
  anchorNewest: () => void,
) =>
  sqlite.transaction((runId: string, { left, cameFrom, ...removal }: Removing): void => {
    const row = reads.run.get({ runId });
    if (row === undefined) throw new LedgerError("run_not_found", `There is no run "${runId}".`);
    if (row.lastHash !== removal.lastHash)
      throw new LedgerError("seq_conflict", `Run "${runId}" has changed; it is not removed.`);
    // While nobody can commit: what goes is then known by the end of its run, which the removal names.
    anchorNewest();
    insertRemoval.run({ ...removal, runId, lastSeq: row.lastSeq });
    countRemoved(sqlite, row.lastSeq);
    for (const statement of leftovers) statement.run({ runId });
    if (left !== undefined) leave(sqlite, { runId, lastSeq: row.lastSeq }, left);
    if (cameFrom !== undefined) leaveOrigin(sqlite, { runId, lastSeq: row.lastSeq }, cameFrom);
  }).immediate;

const requireRun = (reads: Reads, runId: string): { readonly created: number } => {
  const row = reads.created.get({ runId });
  if (row === undefined) throw new LedgerError("run_not_found", `There is no run "${runId}".`);
  return row;
};
