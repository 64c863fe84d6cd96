import { digestOf } from "../core/canonical.js";
import type { Caller, Command, CommandOf } from "../core/commands.js";
import { isCreating } from "../core/decide/index.js";
import { keyFreedBy, keyTakenBy } from "../core/decide/tracked.js";
import { EFFECT_SCOPE } from "../core/effect-scope.js";
import { effectDigest } from "../core/effects.js";
import { isLedgerError, LedgerError } from "../core/errors.js";
import type { JournalEvent } from "../core/events.js";
import { requireVisible } from "../core/fit-keys.js";
import { INTENT_SCOPE, isGoverned } from "../core/intents.js";
import { openAfterEnd } from "../core/left-effects.js";
import * as limit from "../core/limits.js";
import type { Run } from "../core/run.js";
import { recordedDigest } from "../core/tracked.js";
import type { AppendBatch, KeyRow, Store } from "../stores/store.js";
import { intentKeysOf } from "./intent-keys.js";

// A key for creating a run cannot belong to a run yet: it belongs to the session.
// The same key of another caller is another question: the first answer is for nobody else's eyes.
export const keyOf = (runId: string, command: Command, caller: Caller, key: string) => {
  if (key.length === 0 || key.length > limit.IDEMPOTENCY_KEY_CHARS)
    throw new LedgerError(
      "invalid_input",
      `An idempotency key has 1 to ${limit.IDEMPOTENCY_KEY_CHARS} characters, not ${key.length}.`,
      { hint: "Give a short name of the one call, such as a job's id." },
    );
  return {
    scope: isCreating(command) ? sessionScope(caller.sessionKey) : runId,
    key,
    digest: digestOf({ asked: withoutCapture(command), caller }),
  };
};

/** What a program calls an effect that it begins: of one that has its key already it learns before. Throws `invalid_input`. */
export const requireFitKeys = (command: Command): void => {
  if (command.type !== "record_effects") return;
  for (const entry of command.entries) if (entry.kind === "intended") requireVisible(entry.call.key);
};

/** What an append of effects takes, and what it gives back because it is not known to have happened. */
export const businessKeysOf = (
  command: Command,
  before: Run | undefined,
  events: readonly JournalEvent[],
): Pick<AppendBatch, "businessKey" | "freed"> => {
  if (command.type === "record_event") return recordedKey(before, events);
  if (command.type === "decide_effect" && command.decision === "rerun") return freedBy(command, before);
  if (command.type !== "record_effects") return intentKeysOf(before, events);
  const freed: { scope: string; key: string }[] = [];
  for (const entry of command.entries) {
    if (entry.kind === "waiting") continue;
    const { key } = entry.call;
    if (key === null) continue;
    // Alone, so that its key leads to this one event: `verify` holds it to that.
    if (entry.kind === "intended" && command.entries.length > 1)
      throw new LedgerError(
        "invalid_input",
        "An effect under a business key is begun in a command of its own.",
      );
    if (entry.kind === "intended")
      return { businessKey: { scope: EFFECT_SCOPE, key, digest: effectDigest(entry.call) } };
    if (entry.outcome.kind === "failed" && !entry.outcome.happened) freed.push({ scope: EFFECT_SCOPE, key });
  }
  return freed.length === 0 ? {} : { freed };
};

/** What a client recorded for the first time, or knows not to have happened; its run's intent under that key has it all the same. */
const recordedKey = (
  before: Run | undefined,
  events: readonly JournalEvent[],
): Pick<AppendBatch, "businessKey" | "freed"> => {
  const freed = keyFreedBy(events);
  if (freed !== null) {
    const ofIntent = before !== undefined && isGoverned(before, freed) ? [] : [INTENT_SCOPE];
    return { freed: [EFFECT_SCOPE, ...ofIntent].map((scope) => ({ scope, key: freed })) };
  }
  const { sideEffectKey: key, sideEffectClass } = keyTakenBy(before, events)?.payload ?? {};
  if (!key || sideEffectClass === undefined) return {};
  return { businessKey: { scope: EFFECT_SCOPE, key, digest: recordedDigest(sideEffectClass) } };
};

/** A person says of an effect whose attempt is over that it never happened. */
const freedBy = (
  command: CommandOf<"decide_effect">,
  before: Run | undefined,
): Pick<AppendBatch, "freed"> => {
  const key = before && openAfterEnd(before, command)?.call.key;
  return key ? { freed: [{ scope: EFFECT_SCOPE, key }] } : {};
};

/** By an effect, by what a client recorded, or by an intent. */
export const isKeyTaken = async (store: Pick<Store, "findKey">, key: string): Promise<boolean> =>
  (await store.findKey(EFFECT_SCOPE, key)) !== undefined ||
  (await store.findKey(INTENT_SCOPE, key)) !== undefined;

/** Whether a key was taken for this; null for one of a run that was erased, for nobody can tell any more. */
export const isTakenFor = (
  { seals }: Pick<Store, "seals">,
  { runId, digest: kept }: KeyRow,
  digest: string,
): boolean | null => {
  try {
    const cipher = seals.of(runId);
    // Ledgers of before kept the digest itself also for sealed runs.
    return kept === digest || (cipher !== null && kept === cipher.tagOf(digest));
  } catch (error) {
    if (isLedgerError(error, "run_erased")) return null;
    throw error;
  }
};

export const sessionScope = (sessionKey: string): string => `session:${sessionKey}`;

/** What was read from folders, and as which attempt an order would come now, is another each time; whoever asks again means the same. */
const withoutCapture = (command: Command): Record<string, unknown> => {
  if (command.type === "create_run" || command.type === "start_step") return { ...command, base: null };
  if (command.type === "order_intent") return { ...command, attempt: null, tokenHash: null };
  return command.type === "propose_step_result" ? { ...command, capture: null } : command;
};
