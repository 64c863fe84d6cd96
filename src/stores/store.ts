import type { ErrorCode, LedgerError } from "../core/errors.js";
import type { Actor, EventType } from "../core/events.js";
import type { RunStatus } from "../core/run.js";
import type { CheckpointStore } from "./checkpoint-store.js";
import type { Erasing, LeftBehindStore, Removal, Removing } from "./leaving.js";
import type { ListQuery, RunQuery } from "./queries.js";
import type { RunCipher, SealState, Seals } from "./seals.js";

export type { CheckpointName, CheckpointStore } from "./checkpoint-store.js";
export type { Erasing, LeftBehind, LeftOrigin, Removal, Removing } from "./leaving.js";
export type { DueQuery, ListQuery, RunQuery } from "./queries.js";
export type { PublishedKey, ReceiptStore, RotatedSigningKey, SigningKeys } from "./receipt-store.js";
export type { BareRunKey, Rotated, RunCipher, SealFacts, SealState, Seals } from "./seals.js";

/**
 * Where rows and bytes live. A store keeps and fences; it decides nothing and knows no rule beyond these:
 * sequences are dense, the first event of a run is `run_created`, an append names the seq it expects, an append with a
 * lease epoch is refused when that lease was given back or taken by another, and a client key is used once.
 */
export interface Store extends LeftBehindStore {
  /** Made when the store was made; part of nothing secret. */
  readonly ledgerId: string;
  readonly seals: Seals;
  /**
   * All events of the batch, the list row, the key and the snapshot in one transaction, durable when it resolves.
   * Throws LedgerError: `seq_conflict` (somebody appended first), `lease_lost`, `run_exists`, `run_not_found`,
   * `idempotency_key_reused`. Appends that arrive together share one transaction and one sync; one refused batch
   * does not harm the others.
   */
  append(batch: AppendBatch): Promise<readonly EventRow[]>;
  /** Events of one run with a seq above `afterSeq`, in order, at most `limit`. */
  read(runId: string, afterSeq: number, limit: number): Promise<readonly EventRow[]>;
  /** Events of all runs with a position above `afterPosition`, in order, at most `limit`. */
  feed(afterPosition: number, limit: number): Promise<readonly EventRow[]>;
  /** The same of these types alone. */
  feedOf(types: readonly EventType[], afterPosition: number, limit: number): Promise<readonly EventRow[]>;
  /** The highest position that was ever given out; runs that were taken out since do not lower it. */
  appended(): Promise<number>;
  /** All runs that are here, in the order in which they were made: what is counted of them, and cheaper than lists. */
  standings(): Promise<readonly Standing[]>;
  /** Whether the database holds all that its anchor, outside of it, says was acknowledged. */
  anchored(): Promise<AnchorState>;
  /** Position of the last event of all; 0 before the first. The cheap question whether anything changed, in whatever process. */
  position(): Promise<number>;
  /** Newest first (by creation), or `due` ones oldest first; filtered before limited. */
  list(query: ListQuery): Promise<readonly RunRow[]>;
  /** How many runs such a list has in all; after `afterRunId`, how many are left. */
  count(query: RunQuery): Promise<number>;
  /** When the first timer of all runs is due, in milliseconds since 1970; null when there is none. */
  nextWake(): Promise<number | null>;
  /** Who holds live leases on runs for which something can be done at this moment (milliseconds since 1970), each once. */
  holdersOfDue(by: number): Promise<readonly string[]>;
  runRow(runId: string): Promise<RunRow | undefined>;
  /** Where its journal ends: the cheap question whether a run has changed. */
  end(runId: string): Promise<Pick<RunRow, "lastSeq" | "lastHash"> | undefined>;
  /** What a client key led to, if it was used. */
  findKey(scope: string, key: string): Promise<KeyRow | undefined>;
  /** How many intents of an agent were let through since then, blocked and skipped ones aside, in all runs: in an hour, in a day. */
  countProposals(agent: string, since: ProposalCount["since"]): Promise<ProposalCount["found"]>;
  /** Up to where what a schedule made due is settled; undefined for one that no worker has seen. */
  scheduleMark(name: string): Promise<ScheduleMark | undefined>;
  /** Names of all that have such a mark, also of those that are in no settings any more. */
  markedSchedules(): Promise<readonly string[]>;
  markSchedule(name: string, mark: ScheduleMark): Promise<void>;
  /** What the ledger keeps of an SDK key, as one text; undefined when there is none of that id. */
  sdkKey(id: string): Promise<string | undefined>;
  /** In order. */
  sdkKeyIds(): Promise<readonly string[]>;
  /** As `swapWord` does it. */
  swapSdkKey(id: string, before: string | undefined, after: string): Promise<boolean>;

  /** A word beside the journal that several processes change; undefined before the first. */
  word(name: string): Promise<string | undefined>;
  /** Puts `after` in the place of exactly `before`; false when another word stands there by now. */
  swapWord(name: string, before: string | undefined, after: string): Promise<boolean>;

  /**
   * The lease, when nobody holds a live one, not even the same owner: two workers of one process must not fence each
   * other. Undefined otherwise. `breaking` names an owner known to be dead.
   */
  claim(request: ClaimRequest): Promise<Lease | undefined>;
  /**
   * For this time from now on, if nobody else has taken it; also when its time is over: a clock that jumps takes nothing from who
   * lives.
   */
  renew(lease: Lease, ttlMs: number): Promise<Lease | undefined>;
  release(lease: Lease): Promise<void>;
  /** The live lease of a run, by the store's clock; an expired one is returned with `live: false`. */
  leaseOf(runId: string): Promise<(Lease & { readonly live: boolean }) | undefined>;

  readSnapshot(runId: string): Promise<SnapshotRow | undefined>;
  /** Names a run whose journal cannot be read, from which event on; null when it can be read again. */
  quarantine(runId: string, found: Quarantine | null): Promise<void>;
  /** Undefined for a run that was made here. */
  originOf(runId: string): Promise<Origin | undefined>;
  /**
   * Takes a run out: its events, snapshot, lease and keys, but for the key that made it. `seq_conflict` when it is not at
   * `lastHash` any more. What stays is the removal, and what it leaves behind; only the very same run can come back.
   */
  remove(runId: string, removal: Removing): Promise<void>;
  /**
   * Destroys the key of a finished run, its snapshot, and what lists say of it; its chain stays. Its own blobs go next. Done
   * again, it finishes what was cut off. `run_not_sealed`; `seq_conflict` when it is not at `lastHash` any more. False when it
   * is not finished: somebody reads, and what the file was before is still beside it.
   */
  erase(runId: string, erasing: Erasing): Promise<boolean>;
  /** Bytes that the events of a run take here, about; 0 when it is not here. */
  bytesOf(runId: string): Promise<number>;
  space(): Promise<Space>;
  /** Makes the file smaller by what is free in it, in steps that nobody has to wait for. Answers by how much. */
  giveBack(): Promise<{ readonly fileBytes: number }>;
  /**
   * Writes the file anew, as small as it can be, and such that it shrinks from then on. Nobody can write meanwhile, so
   * `lease_held` while anybody drives a run.
   */
  compact(): Promise<{ readonly fileBytes: number }>;
  /** Undefined for a run that is here, or never was. */
  removalOf(runId: string): Promise<Removal | undefined>;

  /** By the run, or by the name its host has for it. Undefined for a run that no host reports. */
  mirrorOf(by: MirrorName): Promise<MirrorRow | undefined>;
  /** The newest first by the host's time of creation, then by the host's id; filtered before limited. */
  listMirrors(query: MirrorQuery): Promise<readonly MirrorRow[]>;
  /** How many runs of a projection are in each state. */
  countMirrors(projection: string): Promise<Readonly<Record<SyncState, number>>>;
  /** Replaces how far the projection of a run has come; no event, because it is said with every write. */
  markSync(runId: string, sync: Sync): Promise<void>;
  /** Replaces what was said of the same difference before. */
  explain(explanation: ExplanationRow): Promise<void>;
  explanationOf(digest: string): Promise<ExplanationRow | undefined>;

  /** Of the runs that are here; they go with their run. */
  readonly checkpoints: CheckpointStore;

  /**
   * Content-addressed: answers with the hex SHA-256 of the bytes. Writing the same bytes again changes nothing. Those of a
   * sealed run are sealed, and its own: no other run has the same.
   */
  putBlob(bytes: Uint8Array, runId?: string): Promise<string>;
  /** Verified against its hash; throws `blob_corrupt` when it does not match. */
  getBlob(hash: string, runId?: string): Promise<Uint8Array | undefined>;
  /** All that is kept, with the time it was last put, in milliseconds since 1970. */
  listBlobs(): Promise<readonly KeptBlob[]>;
  /** Not when it was put again since it was listed: somebody is about to name it. */
  removeBlob(listed: Omit<KeptBlob, "bytes">): Promise<void>;
  /** Those that are sealed for one run. */
  removeBlobsOf(runId: string): Promise<void>;
  close(): Promise<void>;
}

export type AnchorState = {
  /** None: there is no anchor, or nothing in it. Behind: the database was put back, cut off, or is another one. */
  readonly state: "none" | "holds" | "behind";
  /** Of the event that is anchored. */
  readonly position: number | null;
  /** Positions given out after it: none, but after a crash, or while others write. */
  readonly later: number;
  /** Records of the anchor that nobody wrote so. */
  readonly damaged: number;
  /** This store made it when it was opened, although there were events. */
  readonly madeAnew: boolean;
  /** Why it is behind, and what to do. */
  readonly refusal: LedgerError | null;
};

/** A ledger that is checked: all that is read of it is of one moment, whoever writes meanwhile. It refuses nothing. */
export interface Audit {
  readonly store: Store;
  /** At that moment. */
  readonly anchored: AnchorState;
  /** What the database itself finds wrong in its file, at most `limit` sentences. */
  faultsInFile(limit: number): Promise<readonly string[]>;
  /** A sentence for each trigger and index that the migrations make and that is not so in the file, and for each trigger more. */
  faultsInSchema(): Promise<readonly string[]>;
  /** In the order of scope and key. Of one run only, or all. */
  keys(query: {
    readonly runId?: string;
    readonly after?: Pick<KeptKey, "scope" | "key">;
    readonly limit: number;
  }): Promise<readonly KeptKey[]>;
  /** Runs that were taken out, in the order of their ids. */
  removals(query: {
    readonly afterRunId?: string | undefined;
    readonly limit: number;
  }): Promise<readonly (Removal & { readonly runId: string })[]>;
  tally(): Promise<Tally>;
  /** Rows of runs that are not there, at most `limit`. */
  orphans(limit: number): Promise<readonly Orphan[]>;
  close(): Promise<void>;
}

export type KeptKey = KeyRow & { readonly scope: string; readonly key: string };

/** How many events there are, and how many there were: what is missing without a removal was taken behind our back. */
export type Tally = {
  /** The highest position that was ever given out; runs that were taken out since do not lower it. */
  readonly lastPosition: number;
  readonly events: number;
  /** Events that went with their runs. */
  readonly removed: number;
  /** The first position without an event; null when there is none. */
  readonly firstFree: number | null;
};

export type Orphan = { readonly table: string; readonly runId: string | null; readonly seq: number | null };

/** An event as bytes: the journal makes and reads them, the store only keeps them. */
export type NewEventRow = {
  readonly seq: number;
  readonly type: EventType;
  readonly version: number;
  /** ISO 8601, UTC, milliseconds. */
  readonly at: string;
  readonly actor: Actor;
  readonly sessionKey: string;
  readonly attempt: number | null;
  /** JSON text, or that sealed; hashed and stored as it is. */
  readonly payload: string;
  readonly prevHash: string;
  readonly hash: string;
};
export type EventRow = NewEventRow & { readonly runId: string; readonly position: number };

/** What lists show of a run; replaced with every append, in the same transaction. */
export type RunProjection = {
  readonly status: RunStatus;
  readonly goal: string;
  readonly sessionKey: string;
  readonly stepsTotal: number;
  readonly stepsCompleted: number;
  /** One sentence on what it asks of a person, also while others work; null when nothing. */
  readonly blocker: string | null;
  /** Something can be done for it now without a person. */
  readonly runnable: boolean;
  /** When its first timer is due, in milliseconds since 1970; null when it waits for none. */
  readonly wakeAt: number | null;
};
export type RunRow = RunProjection & {
  readonly runId: string;
  readonly lastSeq: number;
  readonly lastHash: string;
  readonly createdAt: string;
  readonly updatedAt: string;
  /** Where it is not plain or open, goal and blocker are words for that. */
  readonly seal: SealState;
  /** Why the journal cannot be read; null when it can. */
  readonly quarantine: Quarantine | null;
};

/** Of one run, as far as it stands in no sealed text. */
export type Standing = Pick<RunRow, "runId" | "status" | "updatedAt"> & {
  /** It asks something of a person. */
  readonly waiting: boolean;
  readonly quarantined: boolean;
  /** Its key was destroyed. */
  readonly erased: boolean;
};

/** The event a reader stopped at, and why. */
export type Quarantine = { readonly seq: number; readonly code: ErrorCode };

/** Where an imported run was made. */
export type ScheduleMark = {
  /** When it is due, in words: at other times it is another schedule. */
  readonly timing: string;
  /** Milliseconds since 1970 by the ledger's clock. */
  readonly sinceMs: number;
};

export type Origin = { readonly ledgerId: string; readonly importedAt: string };

/** What the rows take; blobs are files beside them. */
export type Space = {
  readonly usedBytes: number;
  /** Of the file, and of no use: rows will take it again, or `giveBack` gives it back. */
  readonly freeBytes: number;
  /** False for a file of before: what becomes free stays in it until it is compacted. */
  readonly shrinks: boolean;
};

/** Pending: the projection may lack what the journal has. Degraded: it could not be written. */
export type SyncState = "synced" | "pending" | "degraded";

export type Sync = {
  readonly state: SyncState;
  /** The last event that the projection is known to hold; what comes after it makes the run pending. */
  readonly syncedSeq: number;
  readonly error: string | null;
  readonly at: string;
};

/** What a run is to its host. */
export type NewMirror = {
  readonly projection: string;
  readonly hostId: string;
  /** By the host's clock, ISO 8601, UTC. */
  readonly createdAt: string;
};
/** A row that is marked synced reads as pending when the journal has gone on since. */
export type MirrorRow = NewMirror & Sync & { readonly runId: string; readonly lastSeq: number };

export type MirrorName =
  | { readonly runId: string }
  | { readonly projection: string; readonly hostId: string };

export type MirrorQuery = {
  readonly projection: string;
  readonly statuses?: readonly RunStatus[];
  /** As rows are read: with a journal that has gone on since, synced is pending. */
  readonly state?: SyncState;
  readonly limit: number;
  /** Continue after this run of an earlier answer. */
  readonly after?: Pick<NewMirror, "createdAt" | "hostId">;
};

export type ExplanationRow = {
  readonly digest: string;
  readonly projection: string;
  readonly by: Actor;
  readonly reason: string;
  readonly at: string;
};

export type KeptBlob = {
  /** Of one that is sealed: the name that its run's key makes of it. */
  readonly hash: string;
  readonly bytes: number;
  readonly writtenAtMs: number;
  /** The run that it is sealed for. */
  readonly runId?: string;
};

export type SnapshotRow = {
  readonly seq: number;
  /** Hash of the event at `seq`: a snapshot belongs to one history. */
  readonly hash: string;
  /** Shape of the body; another shape is ignored and folded again. */
  readonly shape: number;
  /** The Run as JSON text. */
  readonly body: string;
};

export type KeyRow = {
  readonly runId: string;
  /** Digest of the command that used the key; of a sealed run its tag, and "" once that was erased. See `isTakenFor`. */
  readonly digest: string;
  readonly firstSeq: number;
  readonly lastSeq: number;
};

export type AppendBatch = {
  readonly runId: string;
  /** Last seq the caller has seen; 0 for a new run. */
  readonly expectedSeq: number;
  readonly events: readonly NewEventRow[];
  readonly projection: RunProjection;
  readonly updatedAt?: string; // Default: when the last of the events happened.
  /** Of a sealed run, whose events come sealed; with its first events, its key is kept. */
  readonly cipher?: RunCipher | null;
  /** Epoch of the speaker's lease; absent when people or tools speak. */
  readonly epoch?: number;
  readonly key?: { readonly scope: string; readonly key: string; readonly digest: string };
  /** Beside the client's key: that of an act on the world, which no other append of any run may take. */
  readonly businessKey?: AppendBatch["key"];
  /** Keys that this run took and that may be used again from now on; those of other runs stay. */
  readonly freed?: readonly { readonly scope: string; readonly key: string }[];
  readonly snapshot?: SnapshotRow;
  /** `seq_conflict` where it is not so any more. */
  readonly counted?: ProposalCount;
  /** With the first events of a run that was made elsewhere. */
  readonly origin?: Origin;
  /** With the first events of a run that a host drives. Throws `run_exists` when the host's id has a run already. */
  readonly mirror?: NewMirror;
};

/** What a policy has counted on: two proposals at once must not both be the last one that it allows. */
export type ProposalCount = {
  readonly agent: string;
  readonly since: { readonly hour: string; readonly day: string }; // ISO 8601, UTC.
  readonly found: readonly [lastHour: number, lastDay: number];
};

export type ClaimRequest = {
  readonly runId: string;
  /** `host:pid:start`, so that others on the machine can see whether it lives. */
  readonly owner: string;
  readonly ttlMs: number;
  /** Take it over although not expired, when it is still held by this owner and epoch. */
  readonly breaking?: { readonly owner: string; readonly epoch: number };
};

/** Who may work on a run now. The epoch only grows, so a late write of a former holder can be told apart. */
export type Lease = {
  readonly runId: string;
  readonly owner: string;
  readonly epoch: number;
  /** By the store's clock, milliseconds since 1970. */
  readonly expiresAt: number;
};
