import type { Command } from "../core/commands.js";
import type { DecideContext } from "../core/decide/guards.js";
import { EFFECT_SCOPE } from "../core/effect-scope.js";
import { INTENT_SCOPE } from "../core/intents.js";
import type { FirstRecorded } from "../core/tracked.js";
import type { AppendBatch, KeyRow, Store } from "../stores/store.js";
import { mandateFacts, noFacts, proposalFacts } from "./gate-facts.js";
import { wholeHistory } from "./reading.js";
import type { Known } from "./snapshot.js";
import { toldBefore } from "./told-before.js";

type OutsideKnown = Pick<DecideContext, "history" | "facts" | "gate"> & Pick<AppendBatch, "counted">;

/** What the rules must know of a command that its own run does not tell. */
export const outsideFacts = async (
  asked: { readonly runId: string; readonly command: Command } & Pick<DecideContext, "caller" | "at">,
  store: Store,
  known: (runId: string) => Promise<Known | undefined>,
): Promise<OutsideKnown> => {
  const { runId, command, caller, at } = asked;
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
      const taken = row === undefined ? await toldBefore(store, runId, key) : placeOf(row);
      return taken === undefined ? {} : { facts: { taken } };
    }
    case "propose_intent":
      return proposalFacts(command, store, known, { runId, agent: caller.name, at });
    case "vote_intent":
      return command.onBehalfOf === null ? {} : { gate: await mandateFacts(store) };
    case "apply_standing":
      return { gate: await mandateFacts(store) };
    case "order_intent":
      return { gate: noFacts(store) };
    default:
      return {};
  }
};

const placeOf = ({ runId, firstSeq }: KeyRow): FirstRecorded => ({ runId, seq: firstSeq });
