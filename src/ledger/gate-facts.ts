import type { CommandOf } from "../core/commands.js";
import { EFFECT_SCOPE } from "../core/effect-scope.js";
import { isLedgerError } from "../core/errors.js";
import type { GateContext } from "../core/gate-context.js";
import {
  holdsKey,
  INTENT_SCOPE,
  type Intent,
  isExpired,
  runOfIntent,
  sideEffectKey,
} from "../core/intents.js";
import type { ProposalCount, Store } from "../stores/store.js";
import { readMandates } from "./mandates.js";
import type { Known } from "./snapshot.js";
import { toldBefore } from "./told-before.js";

const HOUR_MS = 3_600_000;
/** The longest time that a limit of a policy looks back. */
export const COUNTED_FOR_MS = 24 * HOUR_MS;

type KnownOf = (runId: string) => Promise<Pick<Known, "run"> | undefined>;

export const noFacts = ({ ledgerId }: Store): GateContext => ({
  ledgerId,
  facts: { proposalsLastHour: 0, proposalsLastDay: 0 },
  mandates: [],
  held: null,
});

/** Who may answer for whom, and what was approved beforehand. */
export const mandateFacts = async (store: Store): Promise<GateContext> => ({
  ...noFacts(store),
  mandates: await readMandates(store),
});

/** What a proposal is decided on, and what must still be so when it is appended. */
export const proposalFacts = async (
  { content }: CommandOf<"propose_intent">,
  store: Store,
  known: KnownOf,
  { runId, agent, at }: { readonly runId: string; readonly agent: string; readonly at: string },
): Promise<{ readonly gate: GateContext; readonly counted: ProposalCount }> => {
  const since = { hour: before(at, HOUR_MS), day: before(at, COUNTED_FOR_MS) };
  const found = await store.countProposals(agent, since);
  const [proposalsLastHour, proposalsLastDay] = found;
  const held = await holderOf(store, sideEffectKey(content), known, { runId, at });
  const gate = { ...noFacts(store), facts: { proposalsLastHour, proposalsLastDay }, held };
  return { gate, counted: { agent, since, found } };
};

const before = (at: string, ms: number): string => new Date(Date.parse(at) - ms).toISOString();

/** Who has a key already, as a proposal in that run is told. */
export const holderOf = async (
  store: Store,
  key: string | null,
  known: KnownOf,
  asked: { readonly runId: string; readonly at: string },
): Promise<GateContext["held"]> => {
  if (key === null) return null;
  // What a client recorded under it has happened too, or may have.
  const row = (await store.findKey(INTENT_SCOPE, key)) ?? (await store.findKey(EFFECT_SCOPE, key));
  if (row === undefined) return broughtHolder(store, key, known, asked);
  const { runId, firstSeq: seq } = row;
  const intent = await intentAt(known, runId, seq);
  // What its client did under the key of one that never happened has the key, and no answer of an intent.
  return { runId, seq, intent: intent !== null && holdsKey(intent) ? intent : null };
};

/**
 * Keys stay in the ledger where they were taken. A run that came from elsewhere, and a fork of one, still tells what happened under
 * them: in its intents first, then in what its client recorded.
 */
const broughtHolder = async (
  store: Store,
  key: string,
  known: KnownOf,
  { runId, at }: { readonly runId: string; readonly at: string },
): Promise<GateContext["held"]> => {
  const intents = (await known(runId))?.run.intents ?? [];
  for (const one of intents.filter(({ content }) => sideEffectKey(content) === key).reverse()) {
    const { seq, first } = one;
    if (first?.status === "succeeded") return { runId: first.runId, seq: first.seq, intent: null };
    // What a fork took over may have ended since, where it was proposed.
    const from = runOfIntent(one.intentId) ?? runId;
    const intent = from === runId ? one : ((await intentAt(known, from, seq)) ?? one);
    if (holdsKey(intent) && !isExpired(intent, at)) return { runId: from, seq, intent };
  }
  const told = await toldBefore(store, runId, key);
  return told === undefined ? null : { ...told, intent: null };
};

/** A run that was taken out or erased has left its keys behind, and nothing of what came of them. */
const intentAt = async (known: KnownOf, runId: string, seq: number): Promise<Intent | null> => {
  try {
    return (await known(runId))?.run.intents.find((one) => one.seq === seq) ?? null;
  } catch (error) {
    if (isLedgerError(error, "run_erased")) return null;
    throw error;
  }
};
