import type { StoredEvent } from "../../core/events.js";
import { blockedIntentKeys } from "../../core/intents.js";
import { isKeyTaken } from "../../ledger/keys.js";
import type { Ledger } from "../../ledger/ledger.js";

/** So many events at a time. */
const PAGE = 250;

/**
 * Business keys under which nothing more happens, because this run, or a run whose past it took over, has come with them: what
 * a fork's source did after the fork is blocked too, and stays so when that is taken out or erased. Those that were given back
 * are free.
 */
export const blockedKeys = async (ledger: Ledger, runId: string): Promise<ReadonlySet<string>> => {
  const keys = new Set<string>();
  for (let from: string | null = runId; from !== null; ) from = await collect(ledger, from, keys);
  for (const key of keys) if (!(await isKeyTaken(ledger.store, key))) keys.delete(key);
  const { intents } = await ledger.load(runId);
  return new Set([...keys, ...blockedIntentKeys({ intents })].sort());
};

/** Answers with the run whose past that one took over; null for none. */
const collect = async (ledger: Ledger, runId: string, keys: Set<string>): Promise<string | null> => {
  const row = await ledger.store.runRow(runId);
  if (row === undefined || row.seal === "erased") {
    const left = await ledger.store.leftBehind(runId);
    for (const key of left.keys) keys.add(key);
    return left.from;
  }
  const run = await ledger.load(runId);
  for (const key of blockedIntentKeys(run)) keys.add(key);
  await collectEffects(ledger, runId, keys);
  return run.forkedFrom?.runId ?? null;
};

const collectEffects = async (ledger: Ledger, runId: string, keys: Set<string>): Promise<void> => {
  for (let after = 0; ; ) {
    const events = await ledger.events(runId, after, PAGE);
    for (const event of events) {
      const key = keyIn(event);
      if (key !== null) keys.add(key);
    }
    if (events.length < PAGE) return;
    after += events.length;
  }
};

const keyIn = (event: StoredEvent): string | null => {
  if (event.type === "effect_intended") return event.payload.call.key;
  return event.type === "effect_settled" ? (event.payload.call?.key ?? null) : null;
};
