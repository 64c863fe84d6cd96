import { EFFECT_SCOPE } from "../../core/effect-scope.js";
import {
  type EffectCall,
  type EffectOrigin,
  type EffectOutcome,
  effectDigest,
  type FirstOutcome,
  openEffect,
} from "../../core/effects.js";
import { isLedgerError, LedgerError } from "../../core/errors.js";
import { INTENT_SCOPE } from "../../core/intents.js";
import { workedStep } from "../../core/race.js";
import { findStep } from "../../core/run.js";
import { isTakenFor } from "../../ledger/keys.js";
import type { Ledger } from "../../ledger/ledger.js";
import type { AttemptName } from "./recorded.js";
import { readValue } from "./values.js";

export type KnownEffect = { readonly origin: EffectOrigin; readonly outcome: FirstOutcome };

/** So many events at a time. */
const PAGE = 250;

/** What came of the first effect under this call's business key, in whatever run; undefined when there is none. */
export const findKnown = async (ledger: Ledger, call: EffectCall): Promise<KnownEffect | undefined> => {
  if (call.key === null) return undefined;
  // An intent's act is never this one, whose digest says so.
  const row =
    (await ledger.store.findKey(EFFECT_SCOPE, call.key)) ??
    (await ledger.store.findKey(INTENT_SCOPE, call.key));
  if (row === undefined) return undefined;
  if (isTakenFor(ledger.store, row, effectDigest(call)) === false)
    throw new LedgerError(
      "effect_key_used",
      `The key "${call.key}" is that of another effect, in run "${row.runId}".`,
      {
        hint: "One key is one effect: its name and class are always the same.",
      },
    );
  const origin = { runId: row.runId, seq: row.firstSeq };
  const outcome = await outcomeOf(ledger, row.runId, row.firstSeq);
  if (outcome === "gone" || outcome === "erased") {
    if (call.onAmbiguous !== "skip") throw await resultGone(ledger, call.key, origin, outcome);
    return { origin, outcome: { kind: "skipped", ...(outcome === "erased" && { erased: true }) } };
  }
  if (outcome !== undefined) return { origin, outcome };
  throw new LedgerError(
    "effect_ambiguous",
    `The effect under the key "${call.key}" began in run "${row.runId}" (event ${row.firstSeq}) and has not ended there.`,
    { hint: `Wait for it, or decide there what became of it: runledger effects ${row.runId} --open` },
  );
};

/** It must not happen again, and whoever needs its result must not be told that there is none. */
const resultGone = async (
  ledger: Ledger,
  key: string,
  origin: EffectOrigin,
  how: "gone" | "erased",
): Promise<LedgerError> => {
  const { runId, seq } = origin;
  const began = `The effect under the key "${key}" began in run "${runId}" (event ${seq})`;
  if (how === "erased")
    return new LedgerError("effect_result_gone", `${began}; it is skipped, its result was erased.`, {
      hint: 'Find it at the other side; or give another key, or onAmbiguous "skip" to do without.',
      details: { status: "skipped", origin, archive: null },
    });
  const removal = await ledger.store.removalOf(runId);
  const archive = removal?.archive ?? null;
  return new LedgerError("effect_result_gone", `${began}, which was taken out; its result is gone with it.`, {
    hint: `${archive === null ? "Find it at the other side" : `Import ${archive}, which has it`}; or give another key, or onAmbiguous "skip" to do without.`,
    details: { status: "skipped", origin, archive },
  });
};

/** A run that was taken out or erased has left its keys behind, and nothing of what came of them. */
const outcomeOf = async (
  ledger: Ledger,
  runId: string,
  seq: number,
): Promise<FirstOutcome | "gone" | "erased" | undefined> => {
  try {
    return await recordedOutcome(ledger, runId, seq);
  } catch (error) {
    // Also of one that was taken out first, and has no row that would say so.
    if (isLedgerError(error, "run_erased")) return "erased";
    throw error;
  }
};

const recordedOutcome = async (
  ledger: Ledger,
  runId: string,
  seq: number,
): Promise<FirstOutcome | "gone" | undefined> => {
  const [intent] = await ledger.events(runId, seq - 1, 1);
  if (intent === undefined) return "gone";
  if (intent.type !== "effect_intended") return undefined;
  const { stepId, candidate, call } = intent.payload;
  for (let after = seq; ; ) {
    const events = await ledger.events(runId, after, PAGE);
    for (const event of events)
      if (
        event.type === "effect_settled" &&
        event.attempt === intent.attempt &&
        event.payload.stepId === stepId &&
        event.payload.candidate === candidate &&
        event.payload.position === call.position
      )
        return firstOf(event.payload.outcome);
    if (events.length < PAGE) return undefined;
    after += events.length;
  }
};

const firstOf = (outcome: EffectOutcome): FirstOutcome =>
  outcome.kind === "known" ? outcome.outcome : outcome;

/**
 * What came of an effect that is open here and was begun in another run: a fork was made while it was under way. Undefined
 * where that is not known either.
 */
export const endedElsewhere = async (
  ledger: Ledger,
  of: AttemptName,
  call: EffectCall,
): Promise<KnownEffect | undefined> => {
  if (call.key === null) return endedBeforeFork(ledger, of, call);
  const { runId } = of;
  const row = await ledger.store.findKey(EFFECT_SCOPE, call.key);
  if (row === undefined || row.runId === runId) return undefined;
  if (isTakenFor(ledger.store, row, effectDigest(call)) === false) return undefined;
  const outcome = await outcomeOf(ledger, row.runId, row.firstSeq);
  if (outcome === undefined || typeof outcome === "string" || outcome.kind === "skipped") return undefined;
  return { origin: { runId: row.runId, seq: row.firstSeq }, outcome };
};

/** Without a business key it is the very intent that was taken over, and what the first run says of that. */
const endedBeforeFork = async (
  ledger: Ledger,
  { runId, stepId, candidate }: AttemptName,
  { position }: EffectCall,
): Promise<KnownEffect | undefined> => {
  const run = await ledger.load(runId);
  const step = findStep(run, stepId);
  const open = step && openEffect(workedStep(step, candidate).effects, position);
  if (open === undefined) return undefined;
  const { seq } = open;
  for (let from = run.forkedFrom; from !== null && seq <= from.seq; ) {
    const outcome = await outcomeOf(ledger, from.runId, seq);
    if (typeof outcome === "string" || outcome?.kind === "skipped") return undefined;
    if (outcome !== undefined) return { origin: { runId: from.runId, seq }, outcome };
    from = (await ledger.load(from.runId)).forkedFrom;
  }
  return undefined;
};

/** As it is told in the run that asks: what is sealed for the first one only that can open. */
export const broughtTo = async (
  { store }: Ledger,
  runId: string,
  { origin, outcome }: KnownEffect,
): Promise<FirstOutcome> => {
  if (outcome.kind !== "done" || outcome.value.kind !== "blob") return outcome;
  if ([origin.runId, runId].some((each) => store.seals.of(each) !== null)) {
    const bytes = await store.getBlob(outcome.value.hash, origin.runId);
    if (bytes !== undefined) await store.putBlob(bytes, runId);
  }
  return outcome;
};
/** A fork took it over open, and the run that had its key has given it back since: anybody may take it now. */
export const isKeyFree = async ({ store }: Ledger, { key }: EffectCall): Promise<boolean> =>
  key !== null && (await store.findKey(EFFECT_SCOPE, key)) === undefined;

/** What whoever called gets. */
export const resultOf = async (
  ledger: Ledger,
  runId: string,
  call: Pick<EffectCall, "name">,
  outcome: EffectOutcome,
): Promise<unknown> => {
  switch (outcome.kind) {
    case "done":
      return readValue(ledger.store, { runId, name: call.name }, outcome.value);
    case "failed":
      throw new LedgerError("effect_failed", outcome.error);
    case "skipped":
      return undefined;
    case "known":
      return resultOf(ledger, runId, call, outcome.outcome);
  }
};
