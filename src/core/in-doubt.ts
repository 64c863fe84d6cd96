import { isOwnIntent } from "./intents.js";
import { heldKeys } from "./left-effects.js";
import type { Run } from "./run.js";

/**
 * What may have happened in a run that is over, and of which nobody has said whether it did: intents by their id, side effects by
 * their key. Of intents those that `ledgerId` let happen; in a copy of their run nobody can answer for others.
 */
export const inDoubt = (run: Run, ledgerId: string): readonly string[] => [
  ...run.intents
    .filter((intent) => isOwnIntent(run, intent) && intent.ledgerId === ledgerId)
    .filter(({ status }) => status === "ordered" || status === "unknown")
    .map(({ intentId }) => intentId),
  ...(run.tracked?.begun ?? []).map(({ key }) => key),
  ...heldKeys(run).map(({ key }) => key),
];
