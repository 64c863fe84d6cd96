import { setImmediate as nextTurn } from "node:timers/promises";
import { isLedgerError } from "../../core/errors.js";
import type { StoredEvent } from "../../core/events.js";
import type { ParentLink } from "../../core/family.js";
import type { Run } from "../../core/run.js";
import type { Lineage } from "../../core/tracked.js";
import type { EventRow, Store } from "../../stores/store.js";
import { GENESIS_HASH, requireLinked } from "../journal.js";
import { READ_BATCH } from "../known.js";
import { eventAt } from "./event-at.js";
import type { Add } from "./flaws.js";

type Started = Extract<StoredEvent, { type: "child_started" }>;
type Finished = Extract<StoredEvent, { type: "child_finished" }>;

/** Follows the runs that a run starts, in the order of its events. */
export const withChildren = () => {
  const started = new Map<string, { readonly event: Started; end: Finished | undefined }>();
  return {
    started,
    take: (event: StoredEvent): void => {
      if (event.type === "child_started") started.set(event.payload.childId, { event, end: undefined });
      if (event.type !== "child_finished") return;
      const known = started.get(event.payload.childId);
      if (known !== undefined) known.end = event;
    },
  };
};

type Children = ReturnType<typeof withChildren>["started"];

/** Who started whom must be told alike on both sides, or work would pass for another run's. */
export const checkLineage = async (
  store: Store,
  run: Run,
  children: Children,
  { add, isAlone }: { readonly add: Add; readonly isAlone: boolean },
): Promise<void> => {
  if (run.parent !== null) await checkParent(store, run, run.parent, add);
  if (run.tracked?.lineage) await checkAncestors(store, run.runId, run.tracked.lineage, { add, isAlone });
  for (const one of children.values()) {
    // What was taken over from another run is that one's.
    if (run.forkedFrom !== null && one.event.seq <= run.forkedFrom.seq) continue;
    await checkChild(store, run.runId, one, add);
  }
};

const checkParent = async (store: Store, { runId }: Run, link: ParentLink, add: Add): Promise<void> => {
  if (await isAway(store, link.runId, runId)) return;
  const event = await eventAt(store, link.runId, link.seq);
  const holds =
    event?.type === "child_started" &&
    event.payload.childId === runId &&
    event.attempt === link.attempt &&
    event.payload.stepId === link.stepId &&
    event.payload.position === link.position &&
    event.payload.candidate === link.candidate;
  if (!holds)
    add("lineage", `Run "${link.runId}", which it names as its parent, has not started it.`, {
      runId,
      seq: 1,
    });
};

/**
 * Each run up to the first one must be what the next one says to go on from: the hash of its last event at that moment commits to all
 * before it. Of one that was erased the hashes stay; whatever one cannot read names no parent any more.
 */
const checkAncestors = async (
  store: Store,
  runId: string,
  link: Lineage,
  { add, isAlone }: { readonly add: Add; readonly isAlone: boolean },
): Promise<void> => {
  let [child, named]: [string, Lineage | null] = [runId, link];
  while (named !== null) {
    const parent: Lineage = named;
    const [row] = await store.read(parent.runId, parent.seq - 1, 1);
    if (row === undefined && (await isAway(store, parent.runId, child))) return;
    if (row?.hash !== parent.hash) {
      const said = row === undefined ? "is not there" : "is not the one that it went on from";
      add("lineage", `Run "${parent.runId}", the parent of "${child}", ${said}.`, { runId, seq: 2 });
      return;
    }
    const bad = isAlone ? await firstUnlinked(store, parent) : null;
    if (bad !== null) {
      const said = `Event ${bad} of run "${parent.runId}", the parent of "${child}", is not as it was written.`;
      add("lineage", said, { runId, seq: 2 });
      return;
    }
    const above = await lineageOf(store, parent.runId);
    if (above === undefined) return;
    // Each is one deeper than its parent, so none can be its own ancestor.
    if ((above?.depth ?? 0) + 1 !== parent.depth) {
      add("lineage", `Run "${child}" tells another depth than its parent "${parent.runId}".`, {
        runId,
        seq: 2,
      });
      return;
    }
    [child, named] = [parent.runId, above];
  }
};

/** The first event up to there that does not hold; null when all do. Needs no key. */
const firstUnlinked = async (store: Store, { runId, seq }: Lineage): Promise<number | null> => {
  let [after, hash] = [0, GENESIS_HASH];
  while (after < seq) {
    const rows = await store.read(runId, after, Math.min(READ_BATCH, seq - after));
    if (rows.length === 0) return after + 1;
    for (const row of rows) {
      if (row.seq !== after + 1 || !isLinked(row, hash)) return after + 1;
      [after, hash] = [row.seq, row.hash];
    }
    await nextTurn();
  }
  return null;
};

const isLinked = (row: EventRow, prevHash: string): boolean => {
  try {
    requireLinked(row, prevHash);
    return true;
  } catch (error) {
    if (isLedgerError(error, "journal_tampered")) return false;
    throw error;
  }
};

/** Null for a run without a parent; undefined where that cannot be read. */
const lineageOf = async (store: Store, runId: string): Promise<Lineage | null | undefined> => {
  const seal = (await store.runRow(runId))?.seal;
  if (seal === "erased" || seal === "locked") return undefined;
  const event = await eventAt(store, runId, 2);
  return event?.type === "tracking_started" ? event.payload.lineage : null;
};

const checkChild = async (
  store: Store,
  runId: string,
  { event, end }: { readonly event: Started; readonly end: Finished | undefined },
  add: Add,
): Promise<void> => {
  const { childId } = event.payload;
  const row = await store.runRow(childId);
  const told = end?.payload.outcome;
  // It is made a moment after it was written down; its parent may have ended in between.
  const mayBeAbsent = end === undefined || told?.kind === "absent";
  if ((row === undefined && mayBeAbsent) || (await isAway(store, childId, runId))) return;
  const first = row === undefined ? undefined : await eventAt(store, childId, 1);
  const parent = first?.type === "run_created" ? first.payload.parent : null;
  const said = `Run ${JSON.stringify(childId)}, which it started,`;
  if (parent?.runId !== runId || parent.seq !== event.seq)
    add("lineage", `${said} ${row === undefined ? "is not there" : "names another parent"}.`, {
      runId,
      seq: event.seq,
    });
  else if (told?.kind === "ended" && told.status !== row?.status)
    add("lineage", `${said} has not ended as it says.`, { runId, seq: end?.seq ?? event.seq });
};

/** Taken out, or never here: one of the two was imported. Or here, and nobody can read what it says. */
const isAway = async (store: Store, other: string, runId: string): Promise<boolean> => {
  const row = await store.runRow(other);
  if (row !== undefined) return row.seal === "erased" || row.seal === "locked";
  return (await store.removalOf(other)) !== undefined || (await store.originOf(runId)) !== undefined;
};
