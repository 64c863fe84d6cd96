import type { Command } from "../core/commands.js";
import type { DecideContext } from "../core/decide/guards.js";
import { EFFECT_SCOPE } from "../core/effect-scope.js";
import { INTENT_SCOPE } from "../core/intents.js";
import { type EventRecorded, type FirstRecorded, isReplayable } from "../core/tracked.js";
import type { AppendBatch, KeyRow, Store } from "../stores/store.js";
import { mandateFacts, noFacts, proposalFacts } from "./gate-facts.js";
import { READ_BATCH } from "./known.js";
import { readEvents, wholeHistory } from "./reading.js";
import type { Known } from "./snapshot.js";

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
      return proposalFacts(command, store, known, { agent: caller.name, at });
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

/** A run that was imported has left its keys in the ledger where they were taken; its journal still tells what happened. */
const toldBefore = async (store: Store, runId: string, key: string): Promise<FirstRecorded | undefined> => {
  if ((await store.originOf(runId)) === undefined) return undefined;
  for (let after = 0; ; ) {
    const events = await readEvents(store, runId, after, READ_BATCH);
    for (const event of events)
      if (event.type === "event_recorded" && isDoneUnder(event.payload, key))
        return { runId, seq: event.seq };
    if (events.length < READ_BATCH) return undefined;
    after += events.length;
  }
};

const isDoneUnder = ({ sideEffectKey, sideEffectClass, skipped }: EventRecorded, key: string): boolean =>
  sideEffectKey === key && skipped === null && !isReplayable(sideEffectClass);
