import * as z from "zod";
import { EffectCall, EffectDecision, EffectOutcome, PromiseOutcome } from "./effects.js";
import { attemptEvent, candidate } from "./event-shape.js";
import { ChildOutcome } from "./family.js";
import * as limit from "./limits.js";
import { naturalInt } from "./shapes.js";
import { AtMost, Spent } from "./spent.js";

const stepId = z.string();

/** What agents do to the world, and what they wait for. */
export const effectEvents = [
  /** It is about to happen; nothing of it has been done before this is on the disk. */
  attemptEvent(
    "effect_intended",
    z.strictObject({
      stepId,
      candidate,
      call: EffectCall,
      /** What it may use at most, where whoever does it says so; held of the run's budget until it has ended. */
      atMost: AtMost.optional(),
    }),
  ),
  /** With the whole call where no intent was needed, because it may happen again. */
  attemptEvent(
    "effect_settled",
    z.strictObject({
      stepId,
      candidate,
      position: naturalInt,
      call: EffectCall.nullable(),
      outcome: EffectOutcome,
      /** What its calls of models used, where whoever did it says so. */
      spent: z.array(Spent).max(limit.SPENT_PER_EFFECT).optional(),
    }),
  ),
  /** A crash left open whether it had happened. */
  attemptEvent(
    "effect_decided",
    z.strictObject({
      stepId,
      candidate,
      position: naturalInt,
      decision: EffectDecision,
      reason: z.string(),
    }),
  ),
  /** Due at a moment that nothing changes any more. */
  attemptEvent(
    "timer_armed",
    z.strictObject({
      stepId,
      candidate,
      position: naturalInt,
      name: z.string(),
      ms: naturalInt,
      dueAt: z.string(),
    }),
  ),
  attemptEvent("timer_fired", z.strictObject({ stepId, candidate, position: naturalInt })),
  /** Somebody outside resolves it, once, with the token of this hash. */
  attemptEvent(
    "promise_created",
    z.strictObject({
      stepId,
      candidate,
      position: naturalInt,
      name: z.string(),
      tokenHash: z.string(),
      /** The run that the token is bound to; a fork takes it over with the promise. */
      madeIn: z.string(),
    }),
  ),
  attemptEvent(
    "promise_resolved",
    z.strictObject({ stepId, candidate, position: naturalInt, outcome: PromiseOutcome }),
  ),
  /** It is about to be made; it is that run, and no other one. */
  attemptEvent(
    "child_started",
    z.strictObject({
      stepId,
      candidate,
      position: naturalInt,
      name: z.string(),
      childId: z.string(),
      input: z.string(),
    }),
  ),
  attemptEvent(
    "child_finished",
    z.strictObject({
      stepId,
      candidate,
      position: naturalInt,
      childId: z.string(),
      outcome: ChildOutcome,
    }),
  ),
  /** Its agent has left; whoever goes on with the attempt begins when one of these is over. */
  attemptEvent("step_suspended", z.strictObject({ stepId, candidate, positions: z.array(naturalInt) })),
] as const;
