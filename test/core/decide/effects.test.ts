import { describe, expect, it } from "vitest";
import { noEffects } from "../../../src/core/effects.js";
import * as cast from "../../helpers/cast.js";
import { create, planOf, stepSpec } from "../../helpers/cast.js";
import { given, played } from "../../helpers/given.js";

const begun = [create(planOf([stepSpec("a")])), cast.start("a")] as const;
const byPerson = (said: cast.Said) => [said, cast.person] as const;
const effectsOf = (...said: readonly cast.Said[]) => played(...begun, ...said).steps[0]?.effects;

describe("the effects of an attempt", () => {
  it("are open from their intent until they settle", () => {
    expect(effectsOf(cast.intend("a"))).toMatchObject({
      recorded: 1,
      firstSeq: 4,
      open: [{ call: cast.effectCall, decision: null }],
    });
    expect(effectsOf(cast.intend("a"), cast.settle("a", { kind: "skipped" }))).toEqual({
      ...noEffects,
      recorded: 1,
      firstSeq: 4,
    });
  });

  it("need no intent where they may happen again, and are told whole then", () => {
    const call = { class: "pure", risk: "none", onAmbiguous: null } as const;
    expect(effectsOf(cast.settle("a", { kind: "failed", error: "no", happened: false }, call))).toMatchObject(
      {
        recorded: 1,
        open: [],
      },
    );
  });

  it("that have begun may end, however few there may be; what is new is refused", () => {
    const run = played(...begun, cast.intend("a"));
    const most = { effectsPerAttempt: 1, eventsPerRun: 1_000, resultBytes: 1_024, checkpointsKept: 20 };
    const skipped = { kind: "skipped" } as const;
    const pure = { position: 1, class: "pure", risk: "none", onAmbiguous: null } as const;
    for (const recording of [most, { ...most, effectsPerAttempt: 9, eventsPerRun: run.seq }]) {
      const world = { rules: { recording } };
      given(run, world).when(cast.settle("a", skipped)).thenHappened("effect_settled");
      given(run, world)
        .when(cast.intend("a", { position: 1 }))
        .thenRefuses("limit_exceeded");
      given(run, world)
        .when(cast.settle("a", skipped, pure))
        .thenRefuses("limit_exceeded");
    }
  });

  it("begin anew with each attempt", () => {
    const effects = effectsOf(
      cast.intend("a"),
      cast.interrupt("a"),
      cast.policy("a", cast.retry),
      cast.start("a"),
    );
    expect(effects).toEqual(noEffects);
  });

  it("are not begun twice, nor settled as another", () => {
    expect(() => effectsOf(cast.intend("a"), cast.intend("a"))).toThrow(/may have happened already/);
    expect(() =>
      effectsOf(cast.intend("a"), cast.settle("a", { kind: "skipped" }, { name: "refund" })),
    ).toThrow(/was "charge card" \(guarded\) before and is "refund"/);
  });

  it("say what a crash means when they must not happen twice", () => {
    expect(() => effectsOf(cast.intend("a", { onAmbiguous: null }))).toThrow(/does not say what to do/);
    expect(() => effectsOf(cast.intend("a", { class: "pure" }))).toThrow(/has no risk/);
  });

  it("are decided once by the engine, and by a person whenever they are open", () => {
    expect(effectsOf(cast.intend("a"), cast.decideEffect("a", "skip"))?.open[0]?.decision).toBe("skip");
    expect(() => effectsOf(cast.intend("a"), cast.decideEffect("a", "skip"), cast.decideEffect("a"))).toThrow(
      /decided before: skip/,
    );
  });

  it("pause the run when a person is asked, each time it goes on without an answer", () => {
    const asked = [...begun, cast.intend("a"), cast.decideEffect("a", "fail")] as const;
    expect(played(...asked).state).toMatchObject({ status: "paused", reason: "escalated", stepId: "a" });
    expect(played(...asked, cast.resume(), cast.decideEffect("a", "fail")).state.status).toBe("paused");
    expect(played(...asked, cast.resume()).state.status).toBe("running");
  });

  it("settle with the result of whoever found out, where the run waits for that", () => {
    const value = { kind: "inline", json: '"receipt 7"' } as const;
    const asked = [...begun, cast.intend("a"), cast.decideEffect("a", "fail")] as const;
    const told = played(...asked, byPerson(cast.decideEffect("a", "done", value)));
    expect(told.steps[0]?.effects).toEqual({
      checkpoint: null,
      recorded: 1,
      firstSeq: 4,
      open: [],
      waits: [],
      suspended: false,
    });
    expect(told.state.status).toBe("paused");
    expect(() => played(...asked, cast.decideEffect("a", "done", value))).toThrow(/may not say what became/);
    expect(() => played(...asked, byPerson(cast.decideEffect("a", "done")))).toThrow(
      /belongs to an effect that is done/,
    );
    expect(() => played(...asked, byPerson(cast.decideEffect("a", "skip", value)))).toThrow(
      /belongs to an effect/,
    );
  });

  it("cannot be called done while somebody may be doing them", () => {
    const done = byPerson(cast.decideEffect("a", "done", { kind: "inline", json: "1" }));
    expect(() => played(...begun, cast.intend("a"), done)).toThrow(/Nobody asks/);
    const resumed = [cast.intend("a"), cast.decideEffect("a", "fail"), cast.resume()] as const;
    expect(() => played(...begun, ...resumed, done)).toThrow(/Nobody asks/);
    const again = [cast.intend("a"), cast.decideEffect("a", "rerun"), cast.pause()] as const;
    expect(() => played(...begun, ...again, done)).toThrow(/Nobody asks/);
  });

  it("that must not happen twice settle once", () => {
    const settled = [cast.intend("a"), cast.settle("a", { kind: "skipped" })] as const;
    expect(() =>
      effectsOf(...settled, cast.settle("a", { kind: "failed", error: "no", happened: false })),
    ).toThrow(/Effect 0 of "a" is not open/);
    const origin = { runId: "run_2", seq: 4 };
    const known = { kind: "known", origin, outcome: { kind: "skipped" } } as const;
    expect(effectsOf(cast.settle("a", known, { key: "order-1" }))?.recorded).toBe(1);
  });
});
