import { sha256 } from "../core/canonical.js";
import { isLedgerError, LedgerError } from "../core/errors.js";
import { EventBody, type JournalEvent, type StoredEvent } from "../core/events.js";
import { isNewer, upcast } from "../core/upcast.js";
import type { EventRow, NewEventRow } from "../stores/store.js";

/** What the first event of a run chains to. */
export const GENESIS_HASH = "0".repeat(64);

/** Turns events into rows, each committing to the one before it. Throws before anything is written when one does not fit. */
export const toRows = (events: readonly JournalEvent[], lastHash: string): readonly NewEventRow[] => {
  let prevHash = lastHash;
  return events.map((event) => {
    const body = EventBody.parse(bodyOf(event));
    const row = {
      runId: event.runId,
      seq: event.seq,
      type: body.type,
      version: body.version,
      at: event.at,
      actor: event.actor,
      sessionKey: event.sessionKey,
      attempt: "attempt" in body ? body.attempt : null,
      payload: JSON.stringify(body.payload),
      prevHash,
    };
    const hash = hashOf(row);
    prevHash = hash;
    return { ...row, hash };
  });
};

/** The events of rows that were appended a moment ago: what we checked and hashed ourselves is not read again. */
export const asAppended = (
  events: readonly JournalEvent[],
  rows: readonly EventRow[],
): readonly StoredEvent[] =>
  events.map((event, index) => {
    const row = rows[index];
    if (row === undefined) throw new Error("the store answers with every row it kept");
    return { position: row.position, prevHash: row.prevHash, hash: row.hash, ...event };
  });

/** Turns rows back into events, refusing a row that is not as it was written or does not follow the one before. */
export const fromRows = (rows: readonly EventRow[], lastHash: string): readonly StoredEvent[] => {
  let prevHash = lastHash;
  return rows.map((row) => {
    if (row.prevHash !== prevHash || hashOf(row) !== row.hash)
      throw tampered(row.runId, row.seq, row.position);
    prevHash = row.hash;
    return storedEvent(row);
  });
};

/** As many as can be read: what stands before a bad row is answered, and only a reader that stands at it is refused. */
export const readable = (rows: readonly EventRow[], lastHash: string): readonly StoredEvent[] => {
  try {
    return fromRows(rows, lastHash);
  } catch (error) {
    const bad = isLedgerError(error) ? rows.findIndex(({ seq }) => seq === error.details.seq) : 0;
    if (bad <= 0) throw error;
    return fromRows(rows.slice(0, bad), lastHash);
  }
};

/** The record is not as it was written, from this event on. */
export const tampered = (runId: string, seq: number, position?: number): LedgerError =>
  new LedgerError("journal_tampered", `Event ${seq} of run "${runId}" is not as it was written.`, {
    hint: "Restore the ledger from a backup; nothing after this event can be trusted.",
    details: { runId, seq, ...(position === undefined ? {} : { position }) },
  });

/** One row as an event, its own hash checked, for readers that see rows of many runs (the feed). */
export const fromRow = (row: EventRow): StoredEvent => {
  const [event] = fromRows([row], row.prevHash);
  if (event === undefined) throw new Error("one row gives one event");
  return event;
};

type Hashed = Omit<NewEventRow, "hash"> & { readonly runId: string };

// The header is canonical JSON, the payload its bytes as stored: integrity can be checked without reading the payload.
const hashOf = (row: Hashed): string => {
  const { payload, runId, seq, type, version, at, actor, sessionKey, attempt, prevHash } = row;
  const { name, role } = actor;
  // Written down in the order that canonical JSON has anyway: sorting costs more than hashing.
  const header = { actor: { name, role }, at, attempt, prevHash, runId, seq, sessionKey, type, version };
  return sha256(`${JSON.stringify(header)}\n${payload}`);
};

const storedEvent = (row: EventRow): StoredEvent => {
  const { type, version, attempt } = row;
  const parsed = EventBody.safeParse({
    type,
    ...(attempt === null ? {} : { attempt }),
    ...upcast({ type, version, payload: jsonOf(row.payload) }),
  });
  if (!parsed.success) throw unreadable(row, parsed.error);
  const { runId, seq, at, actor, sessionKey, position, prevHash, hash } = row;
  // The parsed part last: the other way round V8 copies it property by property, which costs more than all the rest.
  return { runId, seq, at, actor, sessionKey, position, prevHash, hash, ...parsed.data };
};

const unreadable = ({ runId, seq, type, version, position }: EventRow, cause: unknown): LedgerError => {
  const newer = isNewer(type, version);
  return new LedgerError(
    "event_unreadable",
    `Event ${seq} of run "${runId}" (${type}, version ${version}) cannot be read.`,
    {
      hint: newer
        ? "A newer runledger wrote it: update runledger to read this run. Other runs are not touched by it."
        : "Its payload is none that runledger ever wrote; restore the ledger from a backup.",
      details: { runId, seq, position, type, version },
      cause,
    },
  );
};

/** Undefined, which no schema takes, for text that is no JSON. */
const jsonOf = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

const bodyOf = (event: JournalEvent): unknown => {
  const { type, version, payload } = event;
  return "attempt" in event ? { type, version, attempt: event.attempt, payload } : { type, version, payload };
};
