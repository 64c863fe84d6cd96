import { setImmediate as nextTurn } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { blobsNamed } from "../../core/blobs-named.js";
import { isLedgerError } from "../../core/errors.js";
import type { StoredEvent } from "../../core/events.js";
import { evolve } from "../../core/evolve.js";
import { followRun } from "../../core/receipts/witness.js";
import type { Run } from "../../core/run.js";
import { isEncrypted } from "../../core/sealed.js";
import type {
  EventRow,
  PublishedKey,
  RunCipher,
  RunRow,
  Seals,
  SnapshotRow,
  Store,
} from "../../stores/store.js";
import { isSigned, type SignedEvent } from "../checkpoints/read.js";
import { fromRows, GENESIS_HASH, requireLinked } from "../journal.js";
import { READ_BATCH } from "../known.js";
import { projectionOf } from "../projection.js";
import { fromSnapshot, isOfOtherShape } from "../snapshot.js";
import { type CheckpointSources, checkCheckpoints } from "./checkpoints.js";
import { requireKeys, withKeys } from "./effect-keys.js";
import type { Add } from "./flaws.js";
import { requireIntentKeys } from "./intent-keys.js";
import { checkLineage, withChildren } from "./lineage.js";
import { checkOrigin, withArrival } from "./origin.js";
import { checkReceipt, type ReceiptSources } from "./receipts.js";

export type RunChecked = {
  readonly events: number;
  readonly blobs: number;
  readonly snapshots: number;
  /** Why nothing but its chain was checked; null when all was. */
  readonly unread: Unread | null;
  readonly checkpoints: number;
  readonly receipts: number;
  /** Checkpoints that did not hold when an attempt went on, as the journal says. */
  readonly passedOver: Run["passedOver"];
  /** Position of its first event: lists are in that order. */
  readonly firstPosition: number | null;
};

/** Its key is not here, or was destroyed. */
export type Unread = "locked" | "erased";
type Checking = {
  readonly lastPosition: number;
  readonly add: Add;
  readonly signal: AbortSignal;
  readonly sources: CheckpointSources;
  readonly signed: Omit<ReceiptSources, "keys"> & { readonly trusted: readonly PublishedKey[] };
  /** What opens the keys of all runs is here. */
  readonly hasRoot: () => boolean;
  /** No other run is checked, so what it goes on from is looked at whole. */
  readonly isAlone: boolean;
};

/** How far the check of a run has come. */
type Progress = {
  readonly cipher: RunCipher | null | Unread;
  readonly lastPosition: number;
  seq: number;
  hash: string;
  position: number;
  first: EventRow | undefined;
  last: EventRow | undefined;
  /** Undefined before the first event, and from the first event on that cannot be folded. */
  run: Run | undefined;
  isFolded: boolean;
  blobs: number;
  keyed: ReturnType<typeof withKeys>;
  signed: SignedEvent[];
  children: ReturnType<typeof withChildren>;
  arrival: ReturnType<typeof withArrival>;
  follower: ReturnType<typeof followRun>;
  receipts: number;
};

/** Every event of a run, and all that is derived from them. Behind an event that is not as it was written nothing is looked at. */
export const checkRun = async (
  store: Store,
  row: RunRow,
  { lastPosition, add, signal, sources, signed, hasRoot, isAlone }: Checking,
): Promise<RunChecked> => {
  const { runId } = row;
  const cipher = cipherOf(store, row, { hasRoot, add });
  const at: Progress = {
    ...{ cipher, seq: 0, hash: GENESIS_HASH, position: 0, first: undefined, last: undefined, run: undefined },
    ...{ lastPosition, isFolded: !isUnread(cipher), blobs: 0 },
    ...{ keyed: withKeys(), signed: [], children: withChildren(), follower: followRun(), receipts: 0 },
    ...{ arrival: withArrival() },
  };
  const snapshot = isUnread(cipher) ? undefined : await store.readSnapshot(runId);
  for (;;) {
    signal.throwIfAborted();
    const page = await store.read(runId, at.seq, READ_BATCH);
    for (const event of page)
      if (!(await checkEvent(store, event, at, add))) return counted(at, snapshot);
      else if (snapshot?.seq === at.seq) checkSnapshot(runId, snapshot, at, add);
    if (page.length < READ_BATCH) break;
    await nextTurn();
  }
  checkListRow(row, at, add);
  if (snapshot !== undefined && (snapshot.seq < 1 || snapshot.seq > at.seq))
    add("snapshot", `It is of event ${snapshot.seq}, which there is not.`, { runId, seq: at.seq });
  if (at.isFolded && at.run !== undefined) {
    await checkMirror(store, at.run, add);
    await checkOrigin(store, at.run, at.arrival, add);
    await requireKeys(store, at.run, at.keyed.open, add);
    await requireIntentKeys(store, at.run, add);
    await checkCheckpoints(store, at.run, at.signed, { sources, add });
    await checkLineage(store, at.run, at.children.started, { add, isAlone });
    if (await checkReceipt(store, runId, at.follower.told(), { ...signed, add })) at.receipts = 1;
  }
  return counted(at, snapshot);
};

export const isUnread = (cipher: RunCipher | null | Unread): cipher is Unread => typeof cipher === "string";

/** That a run cannot be opened is no flaw, unless what opens all others is here. */
const cipherOf = (
  { seals }: Store,
  { runId }: RunRow,
  { hasRoot, add }: Pick<Checking, "hasRoot" | "add">,
): Progress["cipher"] => {
  const found = runCipherOf(seals, runId);
  if (found === "locked" && hasRoot()) add("seal", "Its key is not as it was kept.", { runId });
  return found;
};

/** For one question about a run, whatever its key says. */
export const runCipherOf = (seals: Seals, runId: string): Progress["cipher"] => {
  try {
    return seals.of(runId);
  } catch (error) {
    if (isLedgerError(error, "run_erased")) return "erased";
    if (isLedgerError(error, "key_unavailable")) return "locked";
    throw error;
  }
};

const counted = (at: Progress, snapshot: SnapshotRow | undefined): RunChecked => ({
  events: at.seq,
  blobs: at.blobs,
  snapshots: snapshot === undefined ? 0 : 1,
  unread: isUnread(at.cipher) ? at.cipher : null,
  checkpoints: at.signed.length,
  receipts: at.receipts,
  passedOver: at.run?.passedOver ?? [],
  firstPosition: at.first?.position ?? null,
});

/** False when nothing that comes after it can be trusted. */
const checkEvent = async (store: Store, row: EventRow, at: Progress, add: Add): Promise<boolean> => {
  const { runId, seq, position, hash } = row;
  if (seq !== at.seq + 1) {
    add("chain", "It is gone.", { runId, seq: at.seq + 1 });
    return false;
  }
  const event = readEvent(row, at, add);
  if (event === false) return false;
  if (position > at.lastPosition) add("chain", "It stands behind the last position.", { runId, seq });
  if (position <= at.position) add("chain", "It stands before the event that it follows.", { runId, seq });
  Object.assign(at, { seq, hash, position, first: at.first ?? row, last: row });
  if (event === undefined) return true;
  fold(event, at, add);
  at.keyed.take(event);
  if (isSigned(event)) at.signed.push(event);
  at.children.take(event);
  for (const blob of blobsNamed(event)) await checkBlob(store, blob, event, at, add);
  return true;
};

/** Undefined when its chain holds and its words are not ours; false when it is not as it was written. */
const readEvent = (row: EventRow, at: Progress, add: Add): StoredEvent | undefined | false => {
  const { runId, seq } = row;
  try {
    if (!isUnread(at.cipher)) return fromRows([row], at.hash, at.cipher)[0];
    requireLinked(row, at.hash);
    if (isEncrypted(row.payload)) return undefined;
  } catch (error) {
    if (!isLedgerError(error)) throw error;
    if (error.code === "key_unavailable") {
      add("seal", "It is sealed, and no key of its run is kept.", { runId, seq });
      at.isFolded = false;
      return undefined;
    }
    if (error.code === "event_unreadable") {
      add("event", error.message, { runId, seq });
      at.isFolded = false;
      return undefined;
    }
  }
  const follows = row.prevHash === at.hash;
  add("chain", follows ? "It is not as it was written." : "It does not follow the event before it.", {
    runId,
    seq,
  });
  return false;
};

const fold = (event: StoredEvent, at: Progress, add: Add): void => {
  if (!at.isFolded) return;
  try {
    at.run = evolve(at.run, event);
    at.follower.take(event, at.run);
    at.arrival.take(event, at.run);
  } catch {
    add("event", "It cannot follow what happened before it.", { runId: event.runId, seq: event.seq });
    at.isFolded = false;
  }
};

const checkBlob = async (
  store: Store,
  hash: string,
  { runId, seq }: StoredEvent,
  at: Progress,
  add: Add,
): Promise<void> => {
  at.blobs += 1;
  try {
    if ((await store.getBlob(hash, runId)) === undefined)
      add("blob", `Blob ${hash} is gone.`, { runId, seq });
  } catch (error) {
    const code = isLedgerError(error) ? error.code : (error as NodeJS.ErrnoException).code;
    if (code === undefined) throw error;
    const said = code === "blob_corrupt" ? "is not the one that was written" : `cannot be read (${code})`;
    add("blob", `Blob ${hash} ${said}.`, { runId, seq });
  }
};

const checkSnapshot = (runId: string, row: SnapshotRow, at: Progress, add: Add): void => {
  if (isOfOtherShape(row) || !at.isFolded) return;
  const known = fromSnapshot(row);
  const same =
    known !== undefined &&
    known.hash === at.hash &&
    isDeepStrictEqual(known.run, JSON.parse(JSON.stringify(at.run)));
  if (!same) add("snapshot", "It is not what the events up to here add up to.", { runId, seq: at.seq });
};

/** Which columns, and not what stands in them: nobody wants a forged sentence repeated. */
const checkListRow = (row: RunRow, at: Progress, add: Add): void => {
  const { runId } = row;
  if (at.seq < row.lastSeq) add("chain", "It is gone.", { runId, seq: at.seq + 1 });
  const { run, first, last } = at;
  const derived = at.isFolded && run !== undefined ? projectionOf(run) : {};
  const facts = {
    lastSeq: at.seq,
    lastHash: at.hash,
    createdAt: first?.at,
    updatedAt: run?.updatedAt ?? last?.at,
  };
  const shown: Readonly<Record<string, unknown>> = row;
  const same = (name: string, is: unknown): boolean =>
    // Its words are those of the version that wrote it; that it asks is what counts.
    name === "blocker"
      ? (row.blocker === null) === (is === null)
      : // Earlier versions took a refusal at a run that is over for a change of it.
        shown[name] === is || (name === "updatedAt" && row.updatedAt === last?.at);
  const wrong = Object.entries({ ...facts, ...derived }).flatMap(([name, is]) =>
    same(name, is) || (name === "lastSeq" && at.seq < row.lastSeq) ? [] : [name],
  );
  if (wrong.length > 0)
    add("list", `The list says another ${wrong.join(", ")} than its events.`, { runId, seq: at.seq });
};

const checkMirror = async (store: Store, { runId, seq, source }: Run, add: Add): Promise<void> => {
  const mirror = await store.mirrorOf({ runId });
  const said = mirror && {
    projection: mirror.projection,
    hostId: mirror.hostId,
    createdAt: mirror.createdAt,
  };
  const same = (["projection", "hostId", "createdAt"] as const).every(
    (name) => said?.[name] === source?.[name],
  );
  if (!same) add("list", "It is kept under another name of its host than its events say.", { runId, seq });
};
