import { digestOf } from "./canonical.js";
import {
  childFinished,
  type Effects,
  effectDecided,
  effectIntended,
  effectSettled,
  promiseResolved,
  timerFired,
  waitBegun,
} from "./effects.js";
import type { EventBody, JournalEvent } from "./events.js";

export type EffectEvent = Extract<
  EventBody,
  {
    type:
      | "effect_intended"
      | "effect_settled"
      | "effect_decided"
      | "timer_armed"
      | "timer_fired"
      | "promise_created"
      | "promise_resolved"
      | "child_started"
      | "child_finished"
      | "step_suspended"
      | "checkpoint_discarded";
  }
>;

/** The effects and waits of an attempt after one more of its events. */
export const effectsAfter = (event: JournalEvent & EffectEvent, effects: Effects): Effects => {
  const { at, seq, attempt } = event;
  switch (event.type) {
    case "effect_intended":
      return effectIntended(effects, event.payload.call, {
        ...{ at, seq, attempt },
        atMost: event.payload.atMost,
      });
    case "effect_settled":
      return effectSettled(effects, event.payload.position, seq);
    case "effect_decided":
      return effectDecided(effects, event.payload.position, event.payload.decision);
    case "timer_armed": {
      const { position, name, dueAt } = event.payload;
      return waitBegun(effects, { kind: "timer", position, name, since: at, dueAt }, seq);
    }
    case "timer_fired":
      return timerFired(effects, event.payload.position);
    case "promise_created": {
      const { position, name, tokenHash, madeIn } = event.payload;
      const open = { kind: "promise", position, name, since: at, tokenHash, madeIn, resolved: null } as const;
      return waitBegun(effects, open, seq);
    }
    case "promise_resolved": {
      const { position, outcome } = event.payload;
      return promiseResolved(effects, position, { seq, outcome: digestOf(outcome) });
    }
    case "child_started": {
      const { position, name, childId } = event.payload;
      return waitBegun(
        effects,
        { kind: "child", position, name, since: at, seq, childId, finished: null },
        seq,
      );
    }
    case "child_finished":
      return childFinished(effects, event.payload.childId, seq);
    case "step_suspended":
      return { ...effects, suspended: true };
    case "checkpoint_discarded":
      return { ...effects, checkpoint: null };
  }
};
