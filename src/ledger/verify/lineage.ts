import type { StoredEvent } from "../../core/events.js";
import type { ParentLink } from "../../core/family.js";
import type { Run } from "../../core/run.js";
import type { Store } from "../../stores/store.js";
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
export const checkLineage = async (store: Store, run: Run, children: Children, add: Add): Promise<void> => {
  if (run.parent !== null) await checkParent(store, run, run.parent, add);
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
