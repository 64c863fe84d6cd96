import type { EffectCall, EffectOutcome, Effects } from "../../core/effects.js";
import type { StoredEvent } from "../../core/events.js";
import type { Ledger } from "../../ledger/ledger.js";

/** A call of an earlier life of the attempt; without an outcome nobody knows whether it happened. */
export type RecordedEffect = { readonly call: EffectCall; readonly outcome: EffectOutcome | null };

export type AttemptName = {
  readonly runId: string;
  readonly stepId: string;
  readonly attempt: number;
  readonly candidate?: number;
};

/** So many events at a time. */
const PAGE = 250;

/** What the journal has of an attempt's effects, by position. */
export const readRecorded = async (
  ledger: Ledger,
  of: AttemptName,
  { firstSeq }: Effects,
): Promise<ReadonlyMap<number, RecordedEffect>> => {
  const found = new Map<number, RecordedEffect>();
  if (firstSeq === null) return found;
  for (let after = firstSeq - 1; ; ) {
    const events = await ledger.events(of.runId, after, PAGE);
    for (const event of events) note(found, of, event);
    if (events.length < PAGE) return found;
    after += events.length;
  }
};

const note = (found: Map<number, RecordedEffect>, of: AttemptName, event: StoredEvent): void => {
  if (event.type !== "effect_intended" && event.type !== "effect_settled") return;
  const { payload, attempt } = event;
  if (attempt !== of.attempt || payload.stepId !== of.stepId || payload.candidate !== of.candidate) return;
  if (event.type === "effect_intended") {
    found.set(event.payload.call.position, { call: event.payload.call, outcome: null });
    return;
  }
  const call = event.payload.call ?? found.get(event.payload.position)?.call;
  if (call !== undefined) found.set(call.position, { call, outcome: event.payload.outcome });
};
