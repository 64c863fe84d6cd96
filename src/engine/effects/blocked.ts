import { EFFECT_SCOPE } from "../../core/effect-scope.js";
import type { StoredEvent } from "../../core/events.js";
import { blockedIntentKeys } from "../../core/intents.js";
import type { Ledger } from "../../ledger/ledger.js";

/** So many events at a time. */
const PAGE = 250;

/**
 * Business keys under which nothing more happens, because this run, or a run whose past it took over, has come with them: what
 * a fork's source did after the fork is blocked too. Those that were given back are free.
 */
export const blockedKeys = async (ledger: Ledger, runId: string): Promise<ReadonlySet<string>> => {
  const keys = new Set<string>();
  let from: string | undefined = runId;
  const { intents } = await ledger.load(runId);
  while (from !== undefined) {
    await collect(ledger, from, keys);
    from = await sourceOf(ledger, from);
  }
  for (const key of keys) if ((await ledger.store.findKey(EFFECT_SCOPE, key)) === undefined) keys.delete(key);
  return new Set([...keys, ...blockedIntentKeys({ intents })].sort());
};

/** A source that was taken out or erased has left its keys behind; those of its past before the fork stand in the fork. */
const sourceOf = async (ledger: Ledger, runId: string): Promise<string | undefined> => {
  const source = (await ledger.load(runId)).forkedFrom?.runId;
  const row = source === undefined ? undefined : await ledger.store.runRow(source);
  return row === undefined || row.seal === "erased" ? undefined : source;
};

const collect = async (ledger: Ledger, runId: string, keys: Set<string>): Promise<void> => {
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
