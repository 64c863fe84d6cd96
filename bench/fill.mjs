// Runs with many events, written straight into the store: what they look like is what the ledger itself would have written.
import { decide } from "../dist/src/core/decide/index.js";
import { fold } from "../dist/src/core/evolve.js";
import { GENESIS_HASH, toRows } from "../dist/src/ledger/journal.js";
import { projectionOf } from "../dist/src/ledger/projection.js";
import { toSnapshot } from "../dist/src/ledger/snapshot.js";
import { createRun, rules } from "./ledgers.mjs";

const AT = "2026-01-01T00:00:00.000Z";
/** Events of one append: as many as fit into memory a few times over. */
const PER_BATCH = 5_000;

/** `count` events in one run, encrypted where the store keeps runs so; `tail` of them after its last snapshot, or no snapshot at all. */
export const fillRun = async (store, runId, count, { bytes, tail, ended = false, sessionKey = "bench" }) => {
  let known = { run: undefined, hash: GENESIS_HASH };
  const cipher = store.seals.forNew(runId);
  const add = async (upTo, snapshotDue) => {
    while ((known.run?.seq ?? 0) < upTo) {
      const before = known;
      const from = before.run?.seq ?? 0;
      const events = [];
      for (let seq = from + 1; seq <= Math.min(upTo, from + PER_BATCH); seq += 1)
        events.push(eventAt(runId, seq, { bytes, sessionKey, last: ended && seq === count }));
      const rows = toRows(events, before.hash, cipher);
      known = { run: fold(events, before.run), hash: rows.at(-1).hash };
      const snapshot = snapshotDue && known.run.seq === upTo ? toSnapshot(known, 0) : undefined;
      await store.append({
        runId,
        expectedSeq: from,
        events: rows,
        projection: projectionOf(known.run),
        cipher,
        ...(snapshot === undefined ? {} : { snapshot }),
      });
    }
  };
  if (tail !== undefined) await add(count - tail, true);
  await add(count, false);
};

/** As many runs of as many events each, appended so many at a time that they share their commits. */
export const fillRuns = async (store, { runs, eventsPerRun, bytes }) => {
  for (let from = 0; from < runs; from += 250)
    await Promise.all(
      Array.from({ length: Math.min(250, runs - from) }, (_, offset) => {
        const at = from + offset;
        // Nine of ten are over, as in a ledger that has been used for a while; ten sessions made them.
        const over = { bytes, tail: 0, ended: at % 10 !== 0, sessionKey: `session-${at % 10}` };
        return fillRun(store, runName(at), eventsPerRun, over);
      }),
    );
};

export const runName = (at) => `run_${String(at).padStart(32, "0")}`;

const eventAt = (runId, seq, { bytes, sessionKey, last }) =>
  seq === 1
    ? created(runId, sessionKey)
    : {
        ...bodyAt(seq, bytes, last),
        runId,
        seq,
        at: AT,
        actor: { name: "bench", role: "human" },
        sessionKey,
      };

/** Decided, not written by hand: what a run begins with may change. */
const created = (runId, sessionKey) => {
  const caller = { name: "bench", role: "human", sessionKey };
  return decide(createRun, undefined, { caller, at: AT, rules, history: [] }, runId).events[0];
};

const bodyAt = (seq, bytes, last) => {
  if (last)
    return { type: "run_failed", version: 1, payload: { reason: "cancelled", message: "bench", unmet: [] } };
  return { type: "note_written", version: 1, payload: { key: "k", value: `${seq} `.padEnd(bytes, "v") } };
};
