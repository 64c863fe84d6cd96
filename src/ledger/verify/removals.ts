import { EFFECT_SCOPE } from "../../core/effect-scope.js";
import { isLedgerError } from "../../core/errors.js";
import { INTENT_SCOPE } from "../../core/intents.js";
import { leftKeysScope } from "../../core/left-scope.js";
import type { RunReceipt } from "../../core/receipts/verify.js";
import type { Audit, PublishedKey, Removal, Store } from "../../stores/store.js";
import { type ReadBundle, readBundle } from "../bundle.js";
import { fromRows, GENESIS_HASH } from "../journal.js";
import { hadComeAsOurs } from "../left-origin.js";
import { requireKeys, withKeys } from "./effect-keys.js";
import type { Add } from "./flaws.js";
import { requireIntentKeys } from "./intent-keys.js";
import { checkReceipt, type ReceiptSources, receiptFor } from "./receipts.js";
import { runCipherOf } from "./run.js";

export type RemovalSources = {
  /** The bundle in an archive; reading it throws what the file system, or unpacking it, throws. */
  readonly archived: (archive: string) => AsyncIterable<Uint8Array>;
};

type Checking = {
  readonly sources: RemovalSources;
  readonly signed: Pick<ReceiptSources, "kept" | "version"> & { readonly trusted: readonly PublishedKey[] };
  readonly add: Add;
  /** Told of a run of which nothing is left but its signed receipt. */
  readonly passOver: (runId: string) => void;
  readonly signal: AbortSignal;
};

type Removed = Removal & { readonly runId: string };

const PAGE = 100;

/** A run that was taken out is whole in its archive, or nobody can say any more that it is not missing. */
export const checkRemovals = async (audit: Audit, checking: Checking): Promise<void> => {
  for (let afterRunId: string | undefined; ; ) {
    const page = await audit.removals({ afterRunId, limit: PAGE });
    for (const removed of page) {
      checking.signal.throwIfAborted();
      await checkRemoval(audit.store, removed, checking);
    }
    afterRunId = page.at(-1)?.runId;
    if (page.length < PAGE) return;
  }
};

const checkRemoval = async (store: Store, removed: Removed, checking: Checking): Promise<void> => {
  const { runId, lastSeq, lastHash, archive } = removed;
  const { add, signed } = checking;
  // Nobody can read it any more, wherever it lies.
  if (runCipherOf(store.seals, runId) === "erased") return;
  if (archive === null)
    return add("chain", "It was taken out without an archive, and was not erased.", { runId });
  const found = await archivedIn(store, archive, checking);
  // Archives may be thrown away, and this ledger's own signature says that the run ended as it is said to have.
  const receipt = found === GONE ? await receiptFor(store, removed, signed) : undefined;
  if (receipt !== undefined) {
    checking.passOver(runId);
    return requireKeysTold(store, removed, receipt, add);
  }
  if (typeof found === "string") return add("chain", found, { runId });
  if (found === null) return;
  const { header, witness } = found;
  if (header.runId !== runId || header.events !== lastSeq || header.lastHash !== lastHash)
    return add("chain", "Its archive ends at another event than it did when it was taken out.", {
      runId,
      seq: lastSeq,
    });
  const from = await asArchived(store, found);
  await checkReceipt(from, runId, witness, { ...signed, add });
  await requireKeysOf(from, found, add);
};

/** They stayed when the run went, and without them it would all happen again. */
const requireKeysOf = async (store: Store, { run, rows, cipher }: ReadBundle, add: Add): Promise<void> => {
  const keyed = withKeys();
  const stored = rows.map((row) => ({ ...row, runId: run.runId, position: row.seq }));
  for (const event of fromRows(stored, GENESIS_HASH, cipher)) keyed.take(event);
  await requireKeys(store, run, keyed.open, add);
  await requireIntentKeys(store, run, add);
};

/** Of a run of which only the receipt is left: somebody who takes the archive away does not free what was done. */
const requireKeysTold = async (
  store: Store,
  removed: Removed,
  receipt: RunReceipt,
  add: Add,
): Promise<void> => {
  const { runId } = removed;
  const { effects, intents } = receipt;
  const isKept = async (scopes: readonly string[], key: string): Promise<boolean> =>
    (await Promise.all(scopes.map((scope) => store.findKey(scope, key)))).some((row) => row?.runId === runId);
  // Any other run took its keys itself: what it left beside them blocks nobody but those who go on from it.
  const left = (await hadComeAsOurs(store, removed)) ? [leftKeysScope(runId)] : [];
  const mayBeFree = givenBackIn(receipt);
  for (const { seq, key, outcome } of effects.listed) {
    if (outcome !== "done" || key === null || mayBeFree(key)) continue;
    if (!(await isKept([EFFECT_SCOPE, INTENT_SCOPE, ...left], key)))
      add("key", "The business key of its effect is not kept: it could happen again.", { runId, seq });
  }
  for (const { seq, destination, key, status } of intents.listed)
    if (status === "succeeded" && key !== null && !(await isKept([INTENT_SCOPE], `${destination}:${key}`)))
      add("key", "The key of its intent is not kept: it could happen again.", { runId, seq });
};

/**
 * Ledgers of before gave a key back with the intent that had it, whatever its client had done under it; their receipts say no number
 * of the way they were made in.
 */
const givenBackIn = ({ versions, intents }: RunReceipt): ((key: string) => boolean) => {
  if (versions.statement !== undefined) return () => false;
  const keys = intents.listed.flatMap(({ destination, key, status }) =>
    key === null || status === "succeeded" ? [] : [`${destination}:${key}`],
  );
  const found = new Set(keys);
  return (key) => found.has(key) || intents.more > 0;
};

/** Once it was taken out, only its archive says where a run came from; that one had come under our own id, only a sealed row. */
const asArchived = async (store: Store, { header }: ReadBundle): Promise<Store> => {
  const { ledgerId, exportedAt } = header;
  const isOwn = ledgerId === store.ledgerId && !(await hadComeAsOurs(store, header));
  return { ...store, originOf: async () => (isOwn ? undefined : { ledgerId, importedAt: exportedAt }) };
};

const GONE = "Its archive is gone.";

/** A sentence for what does not hold; null where its key is not here, so that nobody can tell. */
const archivedIn = async (
  { seals }: Store,
  archive: string,
  { sources, signed }: Checking,
): Promise<ReadBundle | string | null> => {
  try {
    return await readBundle(sources.archived(archive), {
      putBlob: async () => {},
      cipherFor: seals.forArrival,
      version: signed.version,
    });
  } catch (error) {
    if (isLedgerError(error, "key_unavailable")) return null;
    if (isLedgerError(error)) return `Its archive is not as it was written: ${error.message}`;
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    return code === "ENOENT" ? GONE : `Its archive cannot be read (${code}).`;
  }
};
