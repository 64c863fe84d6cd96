import { describe, expect, it } from "vitest";
import * as cast from "../../helpers/cast.js";
import { create, engine, planOf, stepSpec } from "../../helpers/cast.js";
import { given, played, rules } from "../../helpers/given.js";

const recording = { effectsPerAttempt: 10, eventsPerRun: 5, resultBytes: 1_000 };
const world = { rules: { ...rules, recording } };

describe("the end of a turn", () => {
  it("is refused from as many events on as effects are; what the engine seals for itself is not", () => {
    const begun = played(create(planOf([stepSpec("a")])), cast.start("a"));
    expect(begun.seq).toBe(3);
    const fourth = given(begun, world).when(cast.sealed("a"), engine).thenHappened("checkpoint_sealed");
    const fifth = given(fourth, world)
      .when(cast.sealed("a", { turn: 2 }), engine)
      .thenHappened("checkpoint_sealed");
    const refused = given(fifth, world)
      .when(cast.sealed("a", { turn: 3 }), engine)
      .thenRefuses("limit_exceeded");
    expect(refused.message).toBe("Agents of a run stop at 5 events.");
    given(fifth, world)
      .when(cast.sealed("a", { turn: 2, reason: "interruption" }), engine)
      .thenHappened("checkpoint_sealed");
    // The same one again has its event.
    const { id } = fifth.checkpoint ?? expect.unreachable("it was sealed");
    given(fifth, world).when(cast.sealed("a", { id }), engine).thenNothing();
  });
});
