import type { StoredEvent } from "../../core/events.js";
import { holdsKey, INTENT_SCOPE, intentDigest, isOwnIntent, sideEffectKey } from "../../core/intents.js";
import type { Run } from "../../core/run.js";
import type { KeptKey, Store } from "../../stores/store.js";
import { isTakenFor } from "../keys.js";
import type { Add } from "./flaws.js";

/** A key that is gone would let its intent happen again. What was proposed in another ledger has its key there. */
export const requireIntentKeys = async (store: Store, run: Run, add: Add): Promise<void> => {
  const { runId } = run;
  for (const intent of run.intents) {
    if (!isOwnIntent(run, intent) || intent.ledgerId !== store.ledgerId || !holdsKey(intent)) continue;
    const { seq, content } = intent;
    const row = await store.findKey(INTENT_SCOPE, sideEffectKey(content) ?? "");
    const holds =
      row?.runId === runId && row.firstSeq === seq && isTakenFor(store, row, intentDigest(content));
    if (holds !== true)
      add("key", "The key of its intent is not kept: it could happen again.", { runId, seq });
  }
};

/** The event that an intent's key leads to must be its proposal. */
export const isOfIntent = (store: Store, row: KeptKey, event: StoredEvent | undefined): boolean =>
  event?.type === "intent_proposed" &&
  sideEffectKey(event.payload.content) === row.key &&
  isTakenFor(store, row, intentDigest(event.payload.content)) === true;
