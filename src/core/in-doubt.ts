import { isOwnIntent } from "./intents.js";
import { heldKeys } from "./left-effects.js";
import type { Run } from "./run.js";

/** Of a run that is over: what may have happened, and nobody has said whether it did. */
type InDoubt = {
  /** Ids of those that the ledger let happen. */
  readonly intents: readonly string[];
  /** Of side effects, wherever they were begun. */
  readonly keys: readonly string[];
};

export const inDoubt = (run: Run, ledgerId: string): InDoubt => ({
  intents: run.intents
    .filter((intent) => isOwnIntent(run, intent) && intent.ledgerId === ledgerId)
    .filter(({ status }) => status === "ordered" || status === "unknown")
    .map(({ intentId }) => intentId),
  keys: [...(run.tracked?.begun ?? []), ...heldKeys(run)].map(({ key }) => key),
});
