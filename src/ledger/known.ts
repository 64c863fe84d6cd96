import { setImmediate as nextTurn } from "node:timers/promises";
import { fold } from "../core/evolve.js";
import type { RunCipher, Store } from "../stores/store.js";
import { fromRows, GENESIS_HASH, tampered } from "./journal.js";
import { settingAside } from "./quarantine.js";
import { fromSnapshot, type Known } from "./snapshot.js";

/** Runs kept in memory, least recently used out first. */
export const CACHED_RUNS = 256;
/** More at a time outlive the young part of the heap, and the collector then takes longer than the reading. */
export const READ_BATCH = 250;

/** What was read of runs, kept for the next reader, who then reads only what came since. */
export const knownRuns = (store: Store) => {
  const cache = new Map<string, Known>();
  const remembered = (runId: string): Known | undefined => cache.get(runId);
  // A reader that began before an append ends after it, with less.
  const remember = (runId: string, known: Known): void => {
    if ((cache.get(runId)?.run.seq ?? 0) > known.run.seq) return;
    cache.delete(runId);
    cache.set(runId, known);
    if (cache.size <= CACHED_RUNS) return;
    const [oldest] = cache.keys();
    if (oldest !== undefined) cache.delete(oldest);
  };
  const known = async (runId: string): Promise<Known | undefined> => {
    const start = cache.get(runId);
    const current = await settingAside(store, runId, () => upToDate(store, runId, start)).catch(
      (error: unknown) => {
        cache.delete(runId);
        throw error;
      },
    );
    if (current !== undefined) remember(runId, current);
    else cache.delete(runId);
    return current;
  };
  return { known, remember, remembered };
};

// A run that is not in memory: the list row, written with every append, says how far its journal must reach.
const wholeRun = async (store: Store, runId: string): Promise<Known | undefined> => {
  const row = await store.runRow(runId);
  if (row === undefined) return undefined;
  // First of all: of an erased run, or one whose key is not here, there is nothing to read.
  const cipher = store.seals.of(runId);
  const known = await withTail(store, runId, cipher, fromSnapshot(await store.readSnapshot(runId)));
  const seq = known?.run.seq ?? 0;
  // Taken out between the two readings, it is no damage.
  if (seq < row.lastSeq && (await store.runRow(runId)) === undefined) return undefined;
  if (seq < row.lastSeq) throw tampered(runId, seq + 1);
  if (seq === row.lastSeq && known?.hash !== row.lastHash) throw tampered(runId, seq);
  if (row.quarantine !== null) await store.quarantine(runId, null);
  return known;
};

/** Its end tells whether a run that is remembered has changed, or was taken out meanwhile. */
const upToDate = async (
  store: Store,
  runId: string,
  start: Known | undefined,
): Promise<Known | undefined> => {
  if (start === undefined) return wholeRun(store, runId);
  const end = await store.end(runId);
  if (end === undefined) return undefined;
  // Another process may have erased what is remembered here.
  const cipher = store.seals.of(runId);
  if (end.lastHash === start.hash && end.lastSeq === start.run.seq) return start;
  const current = await withTail(store, runId, cipher, start);
  // Its list row tells of more than there is: read as if nothing were remembered, it is found to be damaged, or taken out meanwhile.
  return current !== undefined && current.run.seq < end.lastSeq ? wholeRun(store, runId) : current;
};

const withTail = async (
  store: Store,
  runId: string,
  cipher: RunCipher | null,
  start: Known | undefined,
): Promise<Known | undefined> => {
  let current = start;
  for (;;) {
    const rows = await store.read(runId, current?.run.seq ?? 0, READ_BATCH);
    if (rows.length === 0) return current;
    const events = fromRows(rows, current?.hash ?? GENESIS_HASH, cipher);
    const run = fold(events, current?.run);
    const hash = events.at(-1)?.hash;
    if (run === undefined || hash === undefined) return current;
    current = { run, hash };
    if (rows.length < READ_BATCH) return current;
    // Leases of runs beside it beat on, however long its journal is.
    await nextTurn();
  }
};
