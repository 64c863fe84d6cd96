import { type EventRecorded, type FirstRecorded, isReplayable } from "../core/tracked.js";
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
  for (let after = 0; ; ) {
    const events = await readEvents(store, runId, after, READ_BATCH);
    for (const event of events)
      if (event.type === "event_recorded" && isDoneUnder(event.payload, key))
        found = event.payload.happened === false ? undefined : (found ?? { runId, seq: event.seq });
    if (events.length < READ_BATCH) return found;
    after += events.length;
  }
};

const isDoneUnder = ({ sideEffectKey, sideEffectClass, skipped }: EventRecorded, key: string): boolean =>
  sideEffectKey === key && skipped === null && !isReplayable(sideEffectClass);
