import { sha256 } from "../core/canonical.js";
import { isEffectEvent } from "../core/effect-fits.js";
import { isLedgerError, LedgerError } from "../core/errors.js";
import { EventBody, type JournalEvent, type StoredEvent } from "../core/events.js";
import { isEncrypted } from "../core/sealed.js";
import { isNewer, upcast } from "../core/upcast.js";
import type { EventRow, NewEventRow, RunCipher } from "../stores/store.js";

/** What the first event of a run chains to. */
export const GENESIS_HASH = "0".repeat(64);

/**
 * Turns events into rows, each committing to the one before it. Throws before anything is written when one does not fit. With a
 * cipher the payload is sealed, bound to all that stands beside it.
 */
export const toRows = (
  events: readonly JournalEvent[],
  lastHash: string,
  cipher: RunCipher | null = null,
): readonly NewEventRow[] => {
  let prevHash = lastHash;
  return events.map((event) => {
    const body = checked(event);
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
      hash: "",
    };
    const header = headerOf(row);
    if (cipher !== null) row.payload = cipher.seal(row.payload, placeOf(header));
    row.hash = hashOf(header, row.payload);
    prevHash = row.hash;
    return row;
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

/**
 * Turns rows back into events, refusing a row that is not as it was written or does not follow the one before. The cipher is
 * that of their run; of a sealed run no row may be plain, or whoever can write to the file could put words into it.
 */
export const fromRows = (
  rows: readonly EventRow[],
  lastHash: string,
  cipher: RunCipher | null,
): readonly StoredEvent[] => {
  let prevHash = lastHash;
  return rows.map((row) => {
    const header = requireLinked(row, prevHash);
    prevHash = row.hash;
    return storedEvent(row, cipher === null ? requirePlain(row) : opened(row, header, cipher));
  });
};

/** Its own hash and its place in the chain, which need no key. Answers with what else stands in it than the payload. */
export const requireLinked = (row: EventRow, prevHash: string): string => {
  const header = headerOf(row);
  if (row.prevHash !== prevHash || hashOf(header, row.payload) !== row.hash)
    throw tampered(row.runId, row.seq, row.position);
  return header;
};

const opened = (row: EventRow, header: string, cipher: RunCipher): string => {
  const payload = cipher.open(row.payload, placeOf(header));
  if (payload === undefined) throw tampered(row.runId, row.seq, row.position);
  return payload;
};

/** The words of a row whose chain is checked by somebody else. */
export const payloadOf = (row: EventRow, cipher: RunCipher | null): string =>
  cipher === null ? requirePlain(row) : opened(row, headerOf(row), cipher);

const requirePlain = ({ payload, runId, seq, position }: EventRow): string => {
  if (!isEncrypted(payload)) return payload;
  throw new LedgerError("key_unavailable", `The key of run "${runId}" is not kept here.`, {
    hint: "Restore the ledger from a backup: the rows of its keys are gone.",
    details: { runId, seq, position },
  });
};

/** As many as can be read: what stands before a bad row is answered, and only a reader that stands at it is refused. */
export const readable = (
  rows: readonly EventRow[],
  lastHash: string,
  cipher: RunCipher | null,
): readonly StoredEvent[] => {
  try {
    return fromRows(rows, lastHash, cipher);
  } catch (error) {
    const bad = isLedgerError(error) ? rows.findIndex(({ seq }) => seq === error.details.seq) : 0;
    if (bad <= 0) throw error;
    return fromRows(rows.slice(0, bad), lastHash, cipher);
  }
};

/** The record is not as it was written, from this event on. */
export const tampered = (runId: string, seq: number, position?: number): LedgerError =>
  new LedgerError("journal_tampered", `Event ${seq} of run "${runId}" is not as it was written.`, {
    hint: "Restore the ledger from a backup; nothing after this event can be trusted.",
    details: { runId, seq, ...(position === undefined ? {} : { position }) },
  });

/** One row as an event, its own hash checked, for readers that see rows of many runs (the feed). */
export const fromRow = (row: EventRow, cipher: RunCipher | null): StoredEvent => {
  const [event] = fromRows([row], row.prevHash, cipher);
  if (event === undefined) throw new Error("one row gives one event");
  return event;
};

type Hashed = Omit<NewEventRow, "hash" | "payload"> & { readonly runId: string };

// The header is canonical JSON, the payload its bytes as stored: integrity can be checked without reading the payload.
const headerOf = (row: Hashed): string => {
  const { runId, seq, type, version, at, actor, sessionKey, attempt, prevHash } = row;
  // Put together by hand, in the order that canonical JSON has anyway: for a long run that is as much work as hashing it.
  return `{"actor":{"name":${ofName(actor.name)},"role":${ofRole(actor.role)}},"at":${quoted(at)},"attempt":${attempt},"prevHash":${quoted(prevHash)},"runId":${ofRun(runId)},"seq":${seq},"sessionKey":${ofSession(sessionKey)},"type":${quoted(type)},"version":${version}}`;
};

/** Of these nothing needs to be escaped. */
const PLAIN = /^[\w.:-]*$/;

const quoted = (text: string): string => (PLAIN.test(text) ? `"${text}"` : JSON.stringify(text));

/** Of a text that is mostly the same as the one before. */
const quoting = (): ((text: string) => string) => {
  let last = "";
  let known = quoted(last);
  return (text) => {
    if (text !== last) {
      known = quoted(text);
      last = text;
    }
    return known;
  };
};

const [ofName, ofRole, ofRun, ofSession] = [quoting(), quoting(), quoting(), quoting()];

const hashOf = (header: string, payload: string): string => sha256(`${header}\n${payload}`);

/** Run, seq, type, version and the hash of the one before it are in the header. */
const placeOf = (header: string): string => `event\n${header}`;

const storedEvent = (row: EventRow, text: string): StoredEvent => {
  const { runId, seq, at, actor, sessionKey, position, prevHash, hash, type, version, attempt } = row;
  const payload = jsonOf(text);
  const body = { type, version, attempt, payload };
  // The body last: the other way round V8 copies it property by property, which costs more than all the rest.
  if (isEffectEvent(body)) return { runId, seq, at, actor, sessionKey, position, prevHash, hash, ...body };
  const parsed = EventBody.safeParse({
    type,
    ...(attempt === null ? {} : { attempt }),
    ...upcast({ type, version, payload }),
  });
  if (!parsed.success) throw unreadable(row, parsed.error);
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

const checked = (event: JournalEvent): EventBody => {
  const { type, version, payload } = event;
  if (!("attempt" in event)) return EventBody.parse({ type, version, payload });
  const body = { type, version, attempt: event.attempt, payload };
  return isEffectEvent(body) ? body : EventBody.parse(body);
};
