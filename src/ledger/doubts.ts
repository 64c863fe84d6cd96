import { EFFECT_SCOPE } from "../core/effect-scope.js";
import { inDoubt } from "../core/in-doubt.js";
import { INTENT_SCOPE } from "../core/intents.js";
import type { Run } from "../core/run.js";
import type { Store } from "../stores/store.js";

/**
 * What may have happened in a run that is over, and of which nobody has said whether it did: intents by their id, side effects by
 * their key. Of a copy what was begun since it came: for all else nobody here can answer, and its keys are elsewhere.
 */
export const doubtsOf = async (
  store: Pick<Store, "ledgerId" | "originOf" | "findKey">,
  run: Run,
): Promise<readonly string[]> => {
  const { intents, keys } = inDoubt(run, store.ledgerId);
  if (keys.length === 0 || (await store.originOf(run.runId)) === undefined) return [...intents, ...keys];
  const taken: string[] = [];
  for (const key of keys) {
    const rows = [await store.findKey(EFFECT_SCOPE, key), await store.findKey(INTENT_SCOPE, key)];
    if (rows.some((row) => row?.runId === run.runId)) taken.push(key);
  }
  return [...intents, ...taken];
};
