import { setImmediate as nextTurn } from "node:timers/promises";
import { TIMEOUT_MAX_MS } from "../core/limits.js";
import type { RunStatus } from "../core/run.js";
import type { KeptBlob, RunRow, Store } from "../stores/store.js";
import { hashesIn } from "./bundle.js";

/** Only these may go: whatever still runs, waits or was never begun stays. */
export const FINISHED: readonly RunStatus[] = ["completed", "failed"];
/** How long the runs of a host are kept is its own business: it may still read them, here or in its own table. */
const OURS = { statuses: FINISHED, mirrored: false };
/** Who has just finished a run is about to look at it. */
const KEPT_AFTER_END_MS = 3_600_000;
/** A blob is put before the event that names it is appended: a judge's log before its other commands and the base's. */
const UNNAMED_BLOB_MS = 2 * TIMEOUT_MAX_MS;
const PAGE = 1_000;

/** What finished runs may stay within; null: no such limit. */
export type Retention = {
  /** So many of them. */
  readonly keep: number | null;
  /** So long after their end. */
  readonly completedForMs: number | null;
  readonly failedForMs: number | null;
  /** So many bytes of rows and blobs together, those of all other runs with them. */
  readonly maxBytes: number | null;
};

/** Which limit a run is beyond; null: none but perhaps that of size. */
export type Finished = { readonly row: RunRow; readonly beyond: "count" | "age" | null };

/** Finished runs, the oldest first; none that ended within the hour, and none that cannot be read. */
export const finishedRuns = async (
  store: Store,
  retention: Retention,
  nowMs: number,
): Promise<readonly Finished[]> => {
  const found: Finished[] = [];
  let newer = 0;
  for await (const row of newestFirst(store)) {
    const endedMs = nowMs - Date.parse(row.updatedAt);
    const beyond = beyondOf(row, { newer, endedMs }, retention);
    newer += 1;
    // Without a limit of size, of the others there can be a million.
    if (beyond === null && retention.maxBytes === null) continue;
    if (endedMs >= KEPT_AFTER_END_MS && row.quarantine === null) found.push({ row, beyond });
  }
  return found.reverse();
};

const beyondOf = (
  { status }: RunRow,
  { newer, endedMs }: { readonly newer: number; readonly endedMs: number },
  { keep, completedForMs, failedForMs }: Retention,
): Finished["beyond"] => {
  const keptForMs = status === "completed" ? completedForMs : failedForMs;
  if (keptForMs !== null && endedMs > keptForMs) return "age";
  return keep !== null && newer >= keep ? "count" : null;
};

async function* newestFirst(store: Store): AsyncGenerator<RunRow> {
  for (let last: RunRow | undefined; ; ) {
    const after = last === undefined ? {} : { afterRunId: last.runId };
    const page = await store.list({ ...OURS, limit: PAGE, ...after });
    yield* page;
    last = page.at(-1);
    if (page.length < PAGE) return;
  }
}

/** Blobs that no event of any run names, and that nobody is about to name; `without` these runs. */
export const unnamedBlobs = async (
  store: Store,
  nowMs: number,
  without: ReadonlySet<string> = new Set(),
): Promise<readonly KeptBlob[]> => {
  const unnamed = new Map<string, KeptBlob>();
  // Sealed ones are their run's alone, and go with it: nobody needs its key to know.
  const ofGone: KeptBlob[] = [];
  const isGone = goneIn(store, without);
  for (const blob of await store.listBlobs())
    if (nowMs - blob.writtenAtMs < UNNAMED_BLOB_MS) continue;
    else if (blob.runId === undefined) unnamed.set(blob.hash, blob);
    else if (await isGone(blob.runId)) ofGone.push(blob);
  for await (const { runId, hashes } of namings(store)) {
    if (!without.has(runId)) for (const hash of hashes) unnamed.delete(hash);
    if (unnamed.size === 0) break;
  }
  return [...unnamed.values(), ...ofGone];
};

/** Whether a run names nothing any more: each is looked at once, however many blobs it has. */
const goneIn = (store: Store, without: ReadonlySet<string>): ((runId: string) => Promise<boolean>) => {
  const known = new Map<string, boolean>([...without].map((runId) => [runId, true]));
  return async (runId) => {
    const before = known.get(runId);
    if (before !== undefined) return before;
    const row = await store.runRow(runId);
    const isGone = row === undefined || row.seal === "erased";
    known.set(runId, isGone);
    return isGone;
  };
};

/** Bytes of blobs that go with each run when they go in this order, and of those that no run names now. */
export const blobShares = async (
  store: Store,
  blobs: readonly KeptBlob[],
  order: readonly string[],
): Promise<{ readonly ofRun: ReadonlyMap<string, number>; readonly ofNone: number }> => {
  const places = new Map(order.map((runId, place) => [runId, place]));
  const lastNamers = new Map(
    blobs.map(({ hash, runId }) => [hash, runId === undefined ? -1 : (places.get(runId) ?? order.length)]),
  );
  for await (const { runId, hashes } of namings(store)) {
    const place = places.get(runId) ?? order.length;
    for (const hash of hashes) {
      const last = lastNamers.get(hash);
      if (last !== undefined && last < place) lastNamers.set(hash, place);
    }
  }
  const ofRun = new Map<string, number>();
  let ofNone = 0;
  for (const { hash, bytes } of blobs) {
    const place = lastNamers.get(hash) ?? order.length;
    const runId = order[place];
    if (place === -1) ofNone += bytes;
    else if (runId !== undefined) ofRun.set(runId, (ofRun.get(runId) ?? 0) + bytes);
  }
  return { ofRun, ofNone };
};

/** What each event of the ledger may name: all of it is read, since nobody keeps count of blobs. */
async function* namings(
  store: Store,
): AsyncGenerator<{ readonly runId: string; readonly hashes: readonly string[] }> {
  for (let position = 0; ; ) {
    const rows = await store.feed(position, PAGE);
    for (const { runId, payload } of rows) yield { runId, hashes: hashesIn(payload) };
    position = rows.at(-1)?.position ?? position;
    if (rows.length < PAGE) return;
    // A worker reads it beside its runs, whose leases must beat on meanwhile, and a server beside those who ask it.
    await nextTurn();
  }
}

export const bytesOf = (blobs: readonly KeptBlob[]): number =>
  blobs.reduce((sum, { bytes }) => sum + bytes, 0);
