import type { Command } from "../core/commands.js";
import type { DecideContext } from "../core/decide/guards.js";
import { EFFECT_SCOPE } from "../core/effect-scope.js";
import { INTENT_SCOPE } from "../core/intents.js";
import type { AppendBatch, Store } from "../stores/store.js";
import { noFacts, proposalFacts } from "./gate-facts.js";
import { wholeHistory } from "./reading.js";
import type { Known } from "./snapshot.js";

type OutsideKnown = Pick<DecideContext, "history" | "facts" | "gate"> & Pick<AppendBatch, "counted">;

/** What the rules must know of a command that its own run does not tell. */
export const outsideFacts = async (
  command: Command,
  store: Store,
  known: (runId: string) => Promise<Known | undefined>,
  { caller, at }: Pick<DecideContext, "caller" | "at">,
): Promise<OutsideKnown> => {
  switch (command.type) {
    case "fork_run":
      return { history: await wholeHistory(store, command.from) };
    case "start_run": {
      const parent = command.parentRunId === null ? undefined : await known(command.parentRunId);
      return parent === undefined ? {} : { facts: { parent } };
    }
    case "record_event": {
      const key = command.event.sideEffectKey;
      if (key === null) return {};
      const row = (await store.findKey(EFFECT_SCOPE, key)) ?? (await store.findKey(INTENT_SCOPE, key));
      return row === undefined ? {} : { facts: { taken: { runId: row.runId, seq: row.firstSeq } } };
    }
    case "propose_intent":
      return proposalFacts(command, store, known, { agent: caller.name, at });
    case "order_intent":
      return { gate: noFacts(store) };
    default:
      return {};
  }
};
