import { EFFECT_SCOPE } from "../../core/effect-scope.js";
import { effectDigest } from "../../core/effects.js";
import type { EventOf, StoredEvent } from "../../core/events.js";
import { INTENT_SCOPE, intentIdOf, sideEffectKey } from "../../core/intents.js";
import type { Run } from "../../core/run.js";
import { isBeginning, isReplayable, recordedDigest } from "../../core/tracked.js";
import type { KeptKey, Store } from "../../stores/store.js";
import { endIn } from "../intent-keys.js";
import { isTakenFor } from "../keys.js";
import type { Add } from "./flaws.js";

/** An effect under a business key that may have happened: its key must not be free. */
export type Keyed = {
  readonly seq: number;
  readonly key: string;
  readonly digest: string;
  /** Whether its event says that it has the key of an intent. */
  readonly underIntent: boolean;
};

/** Follows the effects of a run under business keys, in the order of its events. */
export const withKeys = () => {
  const open = new Map<string, Keyed>();
  const done = new Set<string>();
  const intents = new Map<string, Pick<Keyed, "seq" | "key">>();
  // Ledgers of before gave the key back with the intent, whatever its client had done under it.
  const givenBack = (intentId: string): void => {
    const intent = intents.get(intentId);
    const under = intent === undefined ? undefined : open.get(`recorded ${intent.key}`);
    if (intent !== undefined && under?.underIntent === false && under.seq > intent.seq)
      open.delete(`recorded ${intent.key}`);
  };
  // Taken by the first event under it, which the second one ends.
  const recorded = ({ seq, payload }: EventOf<"event_recorded">): void => {
    const { eventType, sideEffectKey: key, sideEffectClass, skipped, happened } = payload;
    if (key === null || isReplayable(sideEffectClass) || (skipped !== null && happened !== false)) return;
    const place = `recorded ${key}`;
    if (happened === false) {
      if (!done.has(key) && payload.othersBegun !== true) open.delete(place);
      return;
    }
    if (!isBeginning(eventType)) done.add(key);
    const { underIntent = false } = payload;
    if (!open.has(place)) open.set(place, { seq, key, digest: recordedDigest(sideEffectClass), underIntent });
  };
  return {
    open,
    take: (event: StoredEvent): void => {
      if (event.type === "effect_intended" && event.payload.call.key !== null) {
        const { call } = event.payload;
        const { key, position } = call;
        if (key !== null)
          open.set(placeOf(event, position), {
            seq: event.seq,
            key,
            digest: effectDigest(call),
            underIntent: false,
          });
      }
      if (event.type === "event_recorded") recorded(event);
      if (event.type === "intent_proposed") {
        const { seq, payload } = event;
        const key = sideEffectKey(payload.content);
        if (key !== null) intents.set(intentIdOf(event.runId, seq), { seq, key });
      }
      const ended = endIn(event);
      if (ended !== null) givenBack(ended);
      if (event.type !== "effect_settled") return;
      const { outcome, position } = event.payload;
      // What is known not to have happened gives its key back.
      if (outcome.kind === "failed" && !outcome.happened) open.delete(placeOf(event, position));
    },
  };
};

const placeOf = (
  { attempt, payload }: Extract<StoredEvent, { type: "effect_intended" | "effect_settled" }>,
  position: number,
): string => JSON.stringify([payload.stepId, payload.candidate ?? null, attempt, position]);

/** A key that is gone would let its effect happen again. */
export const requireKeys = async (
  store: Store,
  { runId, forkedFrom, intents }: Run,
  open: ReadonlyMap<string, Keyed>,
  add: Add,
): Promise<void> => {
  // What happened in another ledger, or in the run that it was forked from, has its key there.
  const own = open.size > 0 && (await store.originOf(runId)) === undefined ? [...open.values()] : [];
  const keysOfIntents = new Set(intents.map(({ content }) => sideEffectKey(content)));
  for (const { seq, key, digest } of own) {
    if (forkedFrom !== null && seq <= forkedFrom.seq) continue;
    const row = await store.findKey(EFFECT_SCOPE, key);
    const isWithin = row?.runId === runId && row.firstSeq <= seq && seq <= row.lastSeq;
    // Recorded under the key of an intent, it has the row of that.
    const ofIntent = keysOfIntents.has(key) ? await store.findKey(INTENT_SCOPE, key) : undefined;
    const holds = ofIntent?.runId === runId || (isWithin && isTakenFor(store, row, digest) === true);
    if (!holds)
      add("key", "The business key of its effect is not kept: it could happen again.", { runId, seq });
  }
};

/** The event that an effect's key leads to must be that effect. */
export const isOfEffect = (store: Store, row: KeptKey, event: StoredEvent | undefined): boolean => {
  if (event?.type === "event_recorded") {
    const { sideEffectKey, sideEffectClass } = event.payload;
    return sideEffectKey === row.key && isTakenFor(store, row, recordedDigest(sideEffectClass)) === true;
  }
  return (
    event?.type === "effect_intended" &&
    event.payload.call.key === row.key &&
    isTakenFor(store, row, effectDigest(event.payload.call)) === true
  );
};
