import { setImmediate as nextTurn } from "node:timers/promises";
import { isLedgerError, LedgerError } from "../core/errors.js";
import type { StoredEvent } from "../core/events.js";
import type { EventRow, RunCipher, Store } from "../stores/store.js";
import { fromRow, GENESIS_HASH, readable, tampered } from "./journal.js";
import { READ_BATCH } from "./known.js";

export const readEvents = async (
  store: Store,
  runId: string,
  afterSeq: number,
  count: number,
): Promise<readonly StoredEvent[]> => {
  const rows = await store.read(runId, afterSeq, count);
  const [first] = rows;
  if (first !== undefined && first.seq !== afterSeq + 1) throw tampered(runId, afterSeq + 1);
  const lastHash = afterSeq === 0 ? GENESIS_HASH : (first?.prevHash ?? GENESIS_HASH);
  // Who is given a whole page asks for the next one: leases of runs beside it beat on, however long its journal is.
  if (rows.length >= READ_BATCH) await nextTurn();
  return readable(rows, lastHash, store.seals.of(runId));
};

export const wholeHistory = async (store: Store, runId: string): Promise<readonly StoredEvent[]> => {
  const history: StoredEvent[] = [];
  for (;;) {
    const events = await readEvents(store, runId, history.length, READ_BATCH);
    if (events.length === 0) return history;
    history.push(...events);
  }
};

// One bad row must not hide the others: what comes before it is answered, and a reader that stands at it is told its
// position, so that it can go on behind it.
export const readFeed = async (
  store: Store,
  afterPosition: number,
  count: number,
): Promise<readonly StoredEvent[]> => {
  const events: StoredEvent[] = [];
  for (const row of await store.feed(afterPosition, count))
    try {
      events.push(fromRow(row, cipherFor(store, row)));
    } catch (error) {
      if (events.length === 0) throw error;
      break;
    }
  return events;
};

/** Whoever reads on behind it needs its position. */
const cipherFor = (store: Store, { runId, seq, position }: EventRow): RunCipher | null => {
  try {
    return store.seals.of(runId);
  } catch (error) {
    if (!isLedgerError(error)) throw error;
    const { code, message, hint, details } = error;
    throw new LedgerError(code, message, {
      ...(hint === undefined ? {} : { hint }),
      details: { ...details, runId, seq, position },
      cause: error,
    });
  }
};
