import type { EffectCall, EffectOutcome, Effects, PromiseOutcome } from "../../core/effects.js";
import type { StoredEvent } from "../../core/events.js";
import type { ChildOutcome } from "../../core/family.js";
import { type Fingerprint, waitPrint } from "../../core/waits.js";
import type { Ledger } from "../../ledger/ledger.js";

/** A call of an earlier life of the attempt; without an outcome nobody knows whether it happened, or it is waited for. */
export type RecordedEffect = { readonly call: Fingerprint; readonly outcome: EffectOutcome | null };

/** Anything else is only waited for. */
export const isEffect = (call: Fingerprint): call is EffectCall => "risk" in call;

/** Numbers of effects that began in an earlier life, and whose end nobody has recorded. */
export const leftOpen = (recorded: ReadonlyMap<number, RecordedEffect>): readonly number[] =>
  [...recorded].flatMap(([position, { call, outcome }]) =>
    outcome === null && isEffect(call) ? [position] : [],
  );

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
  if (!isOfCall(event)) return;
  const { payload, attempt } = event;
  if (attempt !== of.attempt || payload.stepId !== of.stepId || payload.candidate !== of.candidate) return;
  const { call, position, outcome } = toldOf(event);
  const known = call ?? found.get(position)?.call;
  if (known !== undefined) found.set(position, { call: known, outcome });
};

const CALLS = [
  ...(["effect_intended", "effect_settled", "timer_armed", "timer_fired"] as const),
  ...(["promise_created", "promise_resolved", "child_started", "child_finished"] as const),
];
type OfCall = Extract<StoredEvent, { type: (typeof CALLS)[number] }>;

const isOfCall = (event: StoredEvent): event is OfCall =>
  (CALLS as readonly StoredEvent["type"][]).includes(event.type);

type Told = { readonly call?: Fingerprint | null; readonly position: number } & Pick<
  RecordedEffect,
  "outcome"
>;

const toldOf = (event: OfCall): Told => {
  switch (event.type) {
    case "effect_intended":
      return { call: event.payload.call, position: event.payload.call.position, outcome: null };
    case "timer_armed":
      return { call: waitPrint({ kind: "timer", ...event.payload }), ...event.payload, outcome: null };
    case "promise_created":
      return { call: waitPrint({ kind: "promise", ...event.payload }), ...event.payload, outcome: null };
    case "child_started":
      return { call: waitPrint({ kind: "child", ...event.payload }), ...event.payload, outcome: null };
    case "child_finished":
      return { position: event.payload.position, outcome: childTold(event.payload) };
    case "timer_fired":
      return { position: event.payload.position, outcome: OVER };
    case "effect_settled":
      return event.payload;
    case "promise_resolved":
      return { position: event.payload.position, outcome: answered(event.payload.outcome) };
  }
};

/** An answer from outside, as whoever waited for it gets it. */
export const answered = (outcome: PromiseOutcome): EffectOutcome =>
  outcome.kind === "failed" ? { ...outcome, happened: false } : outcome;

/** What whoever waits for a child gets. */
export const childTold = ({
  childId,
  outcome,
}: Pick<
  Extract<StoredEvent, { type: "child_finished" }>["payload"],
  "childId" | "outcome"
>): EffectOutcome => {
  if (outcome.kind === "ended") {
    const { kind: _kind, ...told } = outcome;
    const json = JSON.stringify({ runId: childId, ...told } satisfies ChildResult);
    return { kind: "done", value: { kind: "inline", json } };
  }
  const error =
    outcome.kind === "absent"
      ? `The child run "${childId}" is not here.`
      : `The child run "${childId}" belongs to the run that this one was forked from; it is not waited for here.`;
  return { kind: "failed", error, happened: false };
};

/** How a child run ended, as whoever started it gets it. */
export type ChildResult = Omit<Extract<ChildOutcome, { kind: "ended" }>, "kind"> & { readonly runId: string };

/** A time that has come says nothing else. */
export const OVER: EffectOutcome = { kind: "done", value: { kind: "inline", json: "null" } };
