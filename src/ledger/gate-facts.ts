import type { Caller, Command } from "../core/commands.js";
import { EFFECT_SCOPE } from "../core/effect-scope.js";
import { isLedgerError } from "../core/errors.js";
import type { JournalEvent } from "../core/events.js";
import type { GateContext } from "../core/gate-context.js";
import { INTENT_SCOPE, type Intent, isOwnIntent, sideEffectKey } from "../core/intents.js";
import type { Run } from "../core/run.js";
import type { AppendBatch, ProposalCount, Store } from "../stores/store.js";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** What is known now beyond the run of an intent, and what must still be so when the decision is appended. */
export type GateLook = { readonly gate: GateContext; readonly counted: ProposalCount | null };

/** Undefined for a command that is not about intents. */
export const gateLook = async (
  store: Store,
  command: Command,
  { caller, at }: { readonly caller: Caller; readonly at: string },
  runOf: (runId: string) => Promise<Run | undefined>,
): Promise<GateLook | undefined> => {
  const none = { ledgerId: store.ledgerId, facts: { proposalsLastHour: 0, proposalsLastDay: 0 }, held: null };
  if (command.type === "order_intent") return { gate: none, counted: null };
  if (command.type !== "propose_intent") return undefined;
  const since = { hour: before(at, HOUR_MS), day: before(at, DAY_MS) };
  const [lastHour, lastDay] = await store.countProposals(caller.name, since);
  const held = await holderOf(store, sideEffectKey(command.content), runOf);
  const facts = { proposalsLastHour: lastHour, proposalsLastDay: lastDay };
  return {
    gate: { ...none, facts, held },
    counted: { agent: caller.name, since, found: [lastHour, lastDay] },
  };
};

const before = (at: string, ms: number): string => new Date(Date.parse(at) - ms).toISOString();

const holderOf = async (
  store: Store,
  key: string | null,
  runOf: (runId: string) => Promise<Run | undefined>,
): Promise<GateContext["held"]> => {
  const row =
    key === null
      ? undefined
      : // What a client recorded under it has happened too, or may have.
        ((await store.findKey(INTENT_SCOPE, key)) ?? (await store.findKey(EFFECT_SCOPE, key)));
  if (row === undefined) return null;
  const { runId, firstSeq: seq } = row;
  return { runId, seq, intent: await intentAt(runOf, runId, seq) };
};

/** A run that was taken out or erased has left its keys behind, and nothing of what came of them. */
const intentAt = async (
  runOf: (runId: string) => Promise<Run | undefined>,
  runId: string,
  seq: number,
): Promise<Intent | null> => {
  try {
    return (await runOf(runId))?.intents.find((one) => one.seq === seq) ?? null;
  } catch (error) {
    if (isLedgerError(error, "run_erased")) return null;
    throw error;
  }
};

/** The key that an intent takes with its proposal, and those that were given back because nothing happened under them. */
export const intentKeysOf = (
  events: readonly JournalEvent[],
  run: Run,
): Pick<AppendBatch, "businessKey" | "freed"> => {
  const keyIn = (
    intentId: string,
  ): { readonly scope: string; readonly key: string; readonly of: Intent } | null => {
    const of = run.intents.find((one) => one.intentId === intentId);
    const key = of === undefined || !isOwnIntent(run, of) ? null : sideEffectKey(of.content);
    return of === undefined || key === null ? null : { scope: INTENT_SCOPE, key, of };
  };
  let taken: AppendBatch["businessKey"];
  const freed: { scope: string; key: string }[] = [];
  for (const event of events) {
    if (event.type === "policy_checked") {
      const found = keyIn(event.payload.intentId);
      if (found !== null) taken = { scope: found.scope, key: found.key, digest: found.of.contentHash };
    }
    const over = endIn(event);
    const found = over === null ? null : keyIn(over);
    if (found !== null) freed.push({ scope: found.scope, key: found.key });
  }
  return { ...(taken === undefined ? {} : { businessKey: taken }), ...(freed.length === 0 ? {} : { freed }) };
};

/** Of one of which it is known that it did not happen, and will not. */
const endIn = (event: JournalEvent): string | null => {
  switch (event.type) {
    case "intent_denied":
    case "intent_expired":
    case "intent_cancelled":
      return event.payload.intentId;
    case "intent_reported":
      return event.payload.outcome === "failed" ? event.payload.intentId : null;
    default:
      return null;
  }
};
