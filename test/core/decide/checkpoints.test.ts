import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { findStep, type Run } from "../../../src/core/run.js";
import * as cast from "../../helpers/cast.js";
import { create, engine, planOf, stepSpec } from "../../helpers/cast.js";
import { given, played, playedOn, rules } from "../../helpers/given.js";

const recording = { effectsPerAttempt: 10, eventsPerRun: 5, resultBytes: 1_000, checkpointsKept: 20 };
const world = { rules: { ...rules, recording } };

describe("the end of a turn", () => {
  it("is refused from as many events on as effects are; what the engine signatures for itself is not", () => {
    const begun = played(create(planOf([stepSpec("a")])), cast.start("a"));
    expect(begun.seq).toBe(3);
    const fourth = given(begun, world).when(cast.signed("a"), engine).thenHappened("checkpoint_sealed");
    const fifth = given(fourth, world)
      .when(cast.signed("a", { turn: 2 }), engine)
      .thenHappened("checkpoint_sealed");
    const refused = given(fifth, world)
      .when(cast.signed("a", { turn: 3 }), engine)
      .thenRefuses("limit_exceeded");
    expect(refused.message).toBe("Agents of a run stop at 5 events.");
    given(fifth, world)
      .when(cast.signed("a", { turn: 2, reason: "interruption" }), engine)
      .thenHappened("checkpoint_sealed");
    // The same one again has its event.
    const { id } = fifth.checkpoint ?? expect.unreachable("it was signed");
    given(fifth, world).when(cast.signed("a", { id }), engine).thenNothing();
  });
});

describe("a run that its client records", () => {
  it("is full from as many events on for all that its client does, and not for the engine or its end", () => {
    const begun = played(cast.startTracked(), cast.recordEvent(), cast.recordEvent());
    expect(begun.seq).toBe(4);
    const byClient = cast.signed(null, { reason: "manual" });
    const full = given(begun, world).when(byClient, cast.orchestrator).thenHappened("checkpoint_sealed");
    for (const more of [
      cast.recordEvent(),
      cast.openHandoff,
      cast.signed(null, { reason: "manual" }),
      cast.signed(null, { reason: "explicit_handoff" }),
      cast.resumeTracked,
    ])
      for (const caller of [cast.orchestrator, cast.person]) {
        const { message, hint } = given(full, world).when(more, caller).thenRefuses("limit_exceeded");
        expect([message, hint]).toEqual([
          "Clients of a run stop at 5 events.",
          expect.stringContaining("parentRunId"),
        ]);
      }
    given(full, world)
      .when(cast.signed(null, { reason: "risky_boundary" }), engine)
      .thenHappened("checkpoint_sealed");
    given(full, world).when(cast.endTracked("completed"), cast.orchestrator).thenHappened("run_completed");
  });
});

describe("a full run of a client", () => {
  const full = (...lines: Parameters<typeof playedOn>[2][]): Run => {
    const before = played(cast.startTracked(), cast.recordEvent(), ...lines);
    return playedOn(before, {}, ...Array.from({ length: 5 - before.seq }, () => cast.recordEvent()));
  };
  const side = { sideEffectClass: "payment", sideEffectKey: "order-1" } as const;
  const ended = { ...side, eventType: "tool_call_finished" } as const;

  it("takes the end of what is begun, and no beginning", () => {
    const begun = full(cast.recordEvent({ ...side, eventType: "tool_call_started" }));
    given(begun, world).when(cast.recordEvent(ended), cast.orchestrator).thenHappened("event_recorded");
    const free = given(begun, world)
      .when(cast.recordEvent({ ...ended, happened: false }), cast.person)
      .thenHappened("event_recorded");
    expect(free.tracked?.begun).toEqual([]);
    given(free, world).when(cast.recordEvent(ended), cast.orchestrator).thenRefuses("limit_exceeded");
    const again = cast.recordEvent({ ...side, eventType: "tool_call_started" });
    given(begun, world).when(again, cast.orchestrator).thenRefuses("limit_exceeded");
  });

  it("is resumed once it was interrupted, for what a person approved", () => {
    const paused = full(cast.recordEvent({ eventType: "interruption_detected" }));
    expect(paused.state.status).toBe("paused");
    const active = given(paused, world)
      .when(cast.resumeTracked, cast.orchestrator)
      .thenHappened("tracking_resumed");
    given(active, world).when(cast.resumeTracked, cast.orchestrator).thenRefuses("limit_exceeded");
  });

  it("takes the handoff whose checkpoint was the last that it had room for", () => {
    const almost = played(cast.startTracked(), cast.recordEvent(), cast.recordEvent());
    const signed = given(almost, world)
      .when(cast.signed(null, { reason: "explicit_handoff" }), cast.orchestrator)
      .thenHappened("checkpoint_sealed");
    const checkpointId = signed.checkpoint?.id ?? expect.unreachable("it was signed");
    const handoff = { ...cast.openHandoff.handoff, checkpointId };
    given(signed, world)
      .when({ ...cast.openHandoff, handoff }, cast.orchestrator)
      .thenHappened("handoff_opened");
    given(signed, world).when(cast.openHandoff, cast.orchestrator).thenRefuses("limit_exceeded");
  });
});

describe("checkpoints that are no use", () => {
  const begun = played(create(planOf([stepSpec("a")])), cast.start("a"), cast.signed("a"));

  it("are told once, whatever life of the attempt comes past them", () => {
    const outcome = given(begun).when(cast.passOver("a", "ckpt_2", "ckpt_1"), engine);
    const after = outcome.thenHappened("checkpoints_passed_over");
    expect(after.passedOver).toMatchObject([{ stepId: "a", attempt: 1, from: null, seq: begun.seq + 1 }]);
    given(after)
      .when(cast.passOver("a", "ckpt_1", "ckpt_2"), engine)
      .thenNothing();
    const again = given(after).when(cast.passOver("a", "ckpt_3", "ckpt_2"), engine);
    again.thenHappened("checkpoints_passed_over");
    expect(again.events[0]?.payload).toMatchObject({ broken: [{ id: "ckpt_3" }] });
  });

  it("are remembered twenty times; older ones are in the journal", () => {
    let run = begun;
    for (let at = 1; at <= 21; at += 1) run = playedOn(run, {}, [cast.passOver("a", `ckpt_${at}`), engine]);
    expect(run.passedOver.map(({ broken }) => broken[0]?.id)).toEqual(
      Array.from({ length: 20 }, (_, at) => `ckpt_${at + 2}`),
    );
  });

  it("of another attempt are none of this one's", () => {
    const other = { ...cast.say(cast.passOver("a", "ckpt_1"), begun), attempt: 2 } as never;
    given(begun).when(other, engine).thenRefuses("step_not_in_progress");
  });
});

describe("resuming anew", () => {
  const remembering = played(create(planOf([stepSpec("a")])), cast.start("a"), cast.signed("a"));
  const anew = { type: "resume_run", reason: "version 2", overrideStale: false, anew: true } as const;
  const changed = { rules: { ...rules, takesMemoryOf: () => false } };

  it("sets memories aside in the same breath, also those that no agent could take over", () => {
    const paused = playedOn(remembering, {}, cast.pause());
    given(paused, changed)
      .when({ ...anew, anew: false })
      .thenRefuses("agent_changed");
    const outcome = given(paused, changed).when(anew);
    const run = outcome.thenHappened("checkpoint_discarded", "run_resumed");
    expect(outcome.events[0]?.payload).toEqual({ stepId: "a", reason: "version 2" });
    expect(findStep(run, "a")?.effects.checkpoint).toBeNull();
  });

  it("forgets nothing where it is refused", () => {
    const stale = { at: "2036-01-01T00:00:00.000Z", rules };
    given(playedOn(remembering, {}, cast.pause()), stale)
      .when(anew)
      .thenRefuses("run_stale");
    given(remembering).when(anew).thenRefuses("run_not_paused");
  });
});

describe("older checkpoints", () => {
  const keeping = (checkpointsKept: number) => ({
    rules: { ...rules, recording: { ...recording, eventsPerRun: 10_000, checkpointsKept } },
  });

  /** As the engine takes them: every tenth of an attempt whole, and those of the run alone always. */
  const taken = (run: Run, stepId: string | null): Run => {
    const { depth = 9 } = (stepId === null ? null : findStep(run, stepId)?.effects.checkpoint) ?? {};
    const full = stepId === null || depth >= 9;
    return playedOn(run, world20, [cast.signed(stepId, { full }), engine]);
  };
  const world20 = keeping(20);

  it("are thinned out when ten are not needed, with the new one, and what is thinned is remembered", () => {
    let run = played(create(planOf([stepSpec("a")])), cast.start("a"));
    for (let count = 1; count <= 29; count += 1) run = taken(run, "a");
    const ids = run.keptCheckpoints.slice(0, 10).map(({ id }) => id);
    expect(run.keptCheckpoints).toHaveLength(29);
    const outcome = given(run, world20).when(cast.signed("a"), engine);
    const after = outcome.thenHappened("checkpoint_sealed", "checkpoints_thinned");
    expect(outcome.events[1]?.payload).toEqual({ ids });
    expect(after.keptCheckpoints.map(({ seq }) => seq)).toEqual(
      [...run.keptCheckpoints.slice(10), { seq: run.seq + 1 }].map(({ seq }) => seq),
    );
  });

  it("never are the newest, nor what an attempt under way goes on from, nor what one of these builds on", () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom("a", "b", null), { minLength: 20, maxLength: 120 }),
        fc.integer({ min: 1, max: 30 }),
        (steps, keep) => {
          let run = played(create(planOf([stepSpec("a"), stepSpec("b")])), cast.start("a"), cast.start("b"));
          for (const stepId of steps) {
            const { depth = 9 } = (stepId === null ? null : findStep(run, stepId)?.effects.checkpoint) ?? {};
            const full = stepId === null || depth >= 9;
            run = playedOn(run, keeping(keep), [cast.signed(stepId, { full }), engine]);
            const kept = new Map(run.keptCheckpoints.map((one) => [one.seq, one]));
            expect(kept.size).toBeGreaterThanOrEqual(Math.min(keep, 1));
            expect(kept.has(run.checkpoint?.seq ?? 0)).toBe(true);
            for (const { effects } of run.steps)
              if (effects.checkpoint !== null) expect(kept.has(effects.checkpoint.seq)).toBe(true);
            for (const { full: isWhole, former } of kept.values())
              if (!isWhole && former !== null) expect(kept.has(former)).toBe(true);
            // The newest, two attempts with what each builds on, and fewer than make it worth an event.
            expect(kept.size).toBeLessThan(keep + 3 * 10 + 10);
          }
        },
      ),
      { numRuns: 30 },
    );
  });
});
