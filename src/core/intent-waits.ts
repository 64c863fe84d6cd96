import { andMore } from "./and-more.js";
import { type Intent, isOpenIntent, isOwnIntent } from "./intents.js";
import type { Run } from "./run.js";

/** What a run waits for of its intents: a person where one is asked, else whoever executes. */
export type IntentWait = {
  readonly for: "person" | "worker";
  readonly sentence: string;
  /** What a person types who answers the first of them. */
  readonly hint: string | null;
};

const NAMES_SHOWN = 3;

/** Undefined when nothing is open. Whatever a person can answer comes first. */
export const intentWait = (run: Run): IntentWait | undefined => {
  const open = run.intents.filter((intent) => isOwnIntent(run, intent) && isOpenIntent(intent));
  const of = (status: Intent["status"]): readonly Intent[] => open.filter((one) => one.status === status);
  const [unknown, pending, allowed] = [of("unknown"), of("pending_approval"), of("approved")];
  if (unknown.length > 0)
    return asked(
      `It waits for a person to find out whether ${named(unknown)} happened.`,
      `runledger intents report ${unknown[0]?.intentId} succeeded|failed`,
    );
  if (pending.length > 0)
    return asked(
      `It waits for the approval of ${named(pending)}.`,
      `runledger intents approve|deny ${pending[0]?.intentId}`,
    );
  const [next] = allowed.length > 0 ? [allowed] : open.length > 0 ? [open] : [];
  if (next === undefined) return undefined;
  return {
    for: "worker",
    sentence: `It waits for whoever executes ${named(next)}, and reports it.`,
    hint: null,
  };
};

const asked = (sentence: string, hint: string): IntentWait => ({ for: "person", sentence, hint });

const named = (intents: readonly Intent[]): string =>
  andMore(
    intents
      .slice(0, NAMES_SHOWN)
      .map(({ intentId, content }) => `intent ${intentId} (${content.destination})`),
    intents.length,
  );
