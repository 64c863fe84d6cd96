import { type EventRecorded, type FirstRecorded, isBeginning, isReplayable } from "../core/tracked.js";
import type { Store } from "../stores/store.js";
import { READ_BATCH } from "./known.js";
import { readEvents } from "./reading.js";

/** A run that was imported has left its keys in the ledger where they were taken; its journal still tells what happened. */
export const toldBefore = async (
  store: Store,
  runId: string,
  key: string,
): Promise<FirstRecorded | undefined> => {
  if ((await store.originOf(runId)) === undefined) return undefined;
  let found: FirstRecorded | undefined;
  let isDone = false;
  for (let after = 0; ; ) {
    const events = await readEvents(store, runId, after, READ_BATCH);
    for (const event of events)
      if (event.type === "event_recorded" && isUnder(event.payload, key)) {
        const { happened, eventType } = event.payload;
        if (happened === false && !isDone) found = undefined;
        if (happened === false) continue;
        found ??= { runId, seq: event.seq };
        isDone ||= !isBeginning(eventType);
      }
    if (events.length < READ_BATCH) return found;
    after += events.length;
  }
};

const isUnder = (
  { sideEffectKey, sideEffectClass, skipped, happened }: EventRecorded,
  key: string,
): boolean =>
  sideEffectKey === key && (skipped === null || happened === false) && !isReplayable(sideEffectClass);
